//! Pipelines: stages, actions and the projects they build with, as a template describes them.
//!
//! [`pipelines`] and [`projects`] read the resources of a [`Stack`]; a [`Plan`] says in which order actions run, which
//! of them run at the same time, and which artifacts they pass on. It is made only where all of that fits together:
//! what a provider must be given, artifacts produced once and before they are consumed, variables of actions that ran
//! before. Actions that run nowhere but on AWS are in [`Plan::refusals`], so that nothing is begun that cannot end.

mod action;
mod draw;
mod plan;
mod project;
mod provider;
mod reader;
mod variable;

pub use action::{Action, OutputArtifact};
pub use plan::{Group, Plan, PlannedStage, Refusal};
pub use project::{
    Artifacts, Buildspec, Cache, Environment, Project, ProjectSource, Variable, VariableKind, projects,
};
pub use provider::{PROVIDERS, ProviderInfo, Role};
pub use variable::{VariableReference, references, substitute};

use reader::At;

use crate::document::{Place, quoted};
use crate::error::{Note, TemplateError, listed};
use crate::template::{Resolved, Stack};

/// The properties that are read.
///
/// Source: AWS CloudFormation User Guide, `AWS::CodePipeline::Pipeline`.
const PROPERTIES: [&str; 12] = [
    "ArtifactStore",
    "ArtifactStores",
    "DisableInboundStageTransitions",
    "ExecutionMode",
    "Name",
    "PipelineType",
    "RestartExecutionOnUpdate",
    "RoleArn",
    "Stages",
    "Tags",
    "Triggers",
    "Variables",
];

/// Most stages of a pipeline and most actions of a stage.
///
/// Source: AWS CodePipeline User Guide, "Quotas".
const MAX_STAGES: usize = 50;
const MAX_ACTIONS: usize = 100;

/// The generation of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Without triggers, variables of its own and conditions.
    V1,
    /// With all of these.
    V2,
}

/// What happens to a run that another overtakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionMode {
    /// A newer run takes over.
    Superseded,
    /// One after the other.
    Queued,
    /// All at once.
    Parallel,
}

/// A pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its logical ID.
    pub logical_id: String,
    /// Its name.
    pub name: Resolved,
    /// Where its logical ID stands.
    pub place: Place,
    /// Its generation.
    pub generation: Generation,
    /// What happens to a run that another overtakes.
    pub mode: ExecutionMode,
    /// The role that it runs as on AWS.
    pub role: Option<Resolved>,
    /// Its stages in order.
    pub stages: Vec<Stage>,
    /// Its own variables, `#{variables.name}`.
    pub variables: Vec<PipelineVariable>,
    /// What starts it on AWS. Here a person does.
    pub triggers: Vec<Trigger>,
    /// Where artifacts are kept on AWS.
    pub stores: Vec<ArtifactStore>,
    /// What is told.
    pub notes: Vec<Note>,
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Where it stands in the template.
    pub path: String,
    /// Its actions in the order of the file.
    pub actions: Vec<Action>,
    /// What must hold before or behind it, on AWS.
    pub conditions: Vec<StageCondition>,
    /// Whether the way into it is closed, and why.
    pub disabled: Option<String>,
}

/// When a condition of a stage is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the stage begins.
    BeforeEntry,
    /// After it succeeded.
    OnSuccess,
    /// After it failed.
    OnFailure,
}

/// A condition of a stage.
///
/// Source: AWS CodePipeline User Guide, "How do stage conditions work?".
#[derive(Clone, Debug)]
pub struct StageCondition {
    /// When it is asked.
    pub when: When,
    /// What happens then: `FAIL`, `ROLLBACK`, `RETRY`, `SKIP`.
    pub result: Option<String>,
    /// What is tried again on `RETRY`: `FAILED_ACTIONS` or `ALL_ACTIONS`.
    pub retry_mode: Option<String>,
    /// The providers of its rules: `CloudWatchAlarm`, `DeploymentWindow`, `LambdaInvoke`, `VariableCheck`, ….
    pub rules: Vec<String>,
    /// Where it stands.
    pub place: Place,
    /// Where it stands in the template.
    pub path: String,
}

/// A variable of a pipeline.
#[derive(Clone, Debug)]
pub struct PipelineVariable {
    /// Its name.
    pub name: String,
    /// Its value if a run is not given one.
    pub default: Option<Resolved>,
    /// What it is for.
    pub description: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// What starts a pipeline on AWS.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The action whose source is watched.
    pub action: String,
    /// `push` and `pull request`, with the branches, tags and paths that are watched.
    pub events: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Where artifacts are kept on AWS.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    /// Its region, where there is one for each.
    pub region: Option<String>,
    /// The bucket.
    pub location: Resolved,
    /// The key that they are encrypted with.
    pub key: Option<Resolved>,
}

/// The pipelines of a stack, in the order of the file.
///
/// # Errors
/// [`TemplateError`] for what is missing or of another kind than expected.
pub fn pipelines(stack: &Stack) -> Result<Vec<Pipeline>, TemplateError> {
    let of_type = stack.resources().filter(|resource| resource.kind == "AWS::CodePipeline::Pipeline");
    of_type.map(|resource| pipeline(stack, &resource.name, resource.place)).collect()
}

fn pipeline(stack: &Stack, logical_id: &str, place: Place) -> Result<Pipeline, TemplateError> {
    let properties = stack.properties(logical_id)?;
    let mut notes = Vec::new();
    let at = At::root(stack.file(), logical_id, &properties);
    at.tell_unknown(&PROPERTIES, &mut notes);
    let generation = match at.word("PipelineType")? {
        // What is created without a type is V1.
        None | Some("V1") => Generation::V1,
        Some("V2") => Generation::V2,
        Some(other) => return Err(at.refused("PipelineType", "`V1` or `V2`", other)),
    };
    let mode = match at.word("ExecutionMode")? {
        None | Some("SUPERSEDED") => ExecutionMode::Superseded,
        Some("QUEUED") => ExecutionMode::Queued,
        Some("PARALLEL") => ExecutionMode::Parallel,
        Some(other) => {
            return Err(at.refused("ExecutionMode", "`SUPERSEDED`, `QUEUED` or `PARALLEL`", other));
        }
    };
    if generation == Generation::V1 {
        for key in ["Triggers", "Variables"] {
            if let Some(at) = at.key(key) {
                let reason = format!("expected `PipelineType: V2` for `{key}`, found V1");
                return Err(at.error(reason));
            }
        }
        if mode != ExecutionMode::Superseded
            && let Some(at) = at.key("ExecutionMode")
        {
            return Err(at.error("expected `PipelineType: V2` for this mode, found V1"));
        }
    }
    let listed_stages = at.required("Stages")?.items()?;
    if listed_stages.len() < 2 || listed_stages.len() > MAX_STAGES {
        let reason = format!("expected 2 to {MAX_STAGES} stages, found {}", listed_stages.len());
        return Err(at.required("Stages")?.error(reason));
    }
    let mut stages = Vec::new();
    for at in listed_stages {
        stages.push(stage(&at, generation, &mut notes)?);
    }
    for closed in at.list("DisableInboundStageTransitions")? {
        let name = closed.required_text("StageName")?;
        let reason = closed.text("Reason")?.map_or("no reason is given", |reason| reason.shown());
        let found = stages.iter_mut().find(|stage| Some(stage.name.as_str()) == name.text());
        match found {
            Some(stage) => stage.disabled = Some(reason.to_owned()),
            None => return Err(closed.refused("StageName", "the name of a stage", name.shown())),
        }
    }
    let mut variables: Vec<PipelineVariable> = Vec::new();
    for at in at.list("Variables")? {
        let name = at.required_text("Name")?;
        let name = name.text().unwrap_or_default().to_owned();
        if variables.iter().any(|variable| variable.name == name) {
            return Err(at.error(format!("expected each variable once, found `{}` again", quoted(&name))));
        }
        variables.push(PipelineVariable {
            name,
            default: at.text("DefaultValue")?.cloned(),
            description: at.text("Description")?.and_then(|text| text.text()).map(str::to_owned),
            place: at.place(),
        });
    }
    let mut triggers = Vec::new();
    for at in at.list("Triggers")? {
        triggers.push(trigger(&at)?);
    }
    Ok(Pipeline {
        logical_id: logical_id.to_owned(),
        name: stack.reference(logical_id)?,
        place,
        generation,
        mode,
        role: at.text("RoleArn")?.cloned(),
        stages,
        variables,
        triggers,
        stores: stores(&at)?,
        notes,
    })
}

fn stores(at: &At<'_>) -> Result<Vec<ArtifactStore>, TemplateError> {
    let store = |at: &At<'_>, region: Option<String>| -> Result<ArtifactStore, TemplateError> {
        let key = match at.key("EncryptionKey") {
            Some(at) => at.text("Id")?.cloned(),
            None => None,
        };
        Ok(ArtifactStore { region, location: at.required_text("Location")?.clone(), key })
    };
    let mut stores = Vec::new();
    if let Some(one) = at.key("ArtifactStore") {
        stores.push(store(&one, None)?);
    }
    for at in at.list("ArtifactStores")? {
        let region = at.required_text("Region")?.text().map(str::to_owned);
        stores.push(store(&at.required("ArtifactStore")?, region)?);
    }
    Ok(stores)
}

fn stage(at: &At<'_>, generation: Generation, notes: &mut Vec<Note>) -> Result<Stage, TemplateError> {
    at.tell_unknown(&["Actions", "BeforeEntry", "Blockers", "Name", "OnFailure", "OnSuccess"], notes);
    let name = action::name(at)?;
    let listed_actions = at.required("Actions")?.items()?;
    if listed_actions.is_empty() || listed_actions.len() > MAX_ACTIONS {
        let reason = format!("expected 1 to {MAX_ACTIONS} actions, found {}", listed_actions.len());
        return Err(at.error(reason));
    }
    let mut actions: Vec<Action> = Vec::new();
    for at in listed_actions {
        let action = action::action(&at, generation, notes)?;
        if actions.iter().any(|other| other.name == action.name) {
            let reason =
                format!("expected each action's name once in its stage, found `{}` again", action.name);
            return Err(at.error(reason));
        }
        actions.push(action);
    }
    let mut conditions = Vec::new();
    for (key, when) in
        [("BeforeEntry", When::BeforeEntry), ("OnSuccess", When::OnSuccess), ("OnFailure", When::OnFailure)]
    {
        let Some(at) = at.key(key) else { continue };
        if generation == Generation::V1 {
            return Err(at.error(format!("expected `PipelineType: V2` for `{key}`, found V1")));
        }
        conditions.extend(stage_conditions(&at, when)?);
    }
    Ok(Stage { name, place: at.place(), path: at.path().to_owned(), actions, conditions, disabled: None })
}

fn stage_conditions(at: &At<'_>, when: When) -> Result<Vec<StageCondition>, TemplateError> {
    let retry_mode = match at.key("RetryConfiguration") {
        Some(at) => at.word("RetryMode")?.map(str::to_owned),
        None => None,
    };
    let whole = |result: Option<String>, rules, at: &At<'_>| StageCondition {
        when,
        result,
        retry_mode: retry_mode.clone(),
        rules,
        place: at.place(),
        path: at.path().to_owned(),
    };
    let mut conditions = Vec::new();
    for at in at.list("Conditions")? {
        let mut rules = Vec::new();
        for rule in at.list("Rules")? {
            let provider = match rule.key("RuleTypeId") {
                Some(kind) => kind.text("Provider")?.and_then(Resolved::text).unwrap_or("?").to_owned(),
                None => "?".to_owned(),
            };
            rules.push(provider);
        }
        conditions.push(whole(at.word("Result")?.map(str::to_owned), rules, &at));
    }
    // Of a failure the result may stand alone.
    if let Some(result) = at.word("Result")? {
        conditions.push(whole(Some(result.to_owned()), Vec::new(), at));
    }
    Ok(conditions)
}

fn trigger(at: &At<'_>) -> Result<Trigger, TemplateError> {
    let git = at.required("GitConfiguration")?;
    let action = git.required_text("SourceActionName")?.text().unwrap_or_default().to_owned();
    let mut events = Vec::new();
    for (key, name) in [("Push", "push"), ("PullRequest", "pull request")] {
        for at in git.list(key)? {
            let mut words = vec![name.to_owned()];
            for (key, name) in [("Branches", "branches"), ("Tags", "tags"), ("FilePaths", "files")] {
                let Some(filter) = at.key(key) else { continue };
                for (key, but) in [("Includes", ""), ("Excludes", "not ")] {
                    let patterns: Vec<&str> =
                        filter.list(key)?.iter().filter_map(|at| at.value().text()).collect();
                    if !patterns.is_empty() {
                        words.push(format!("{but}{name} {}", listed(&patterns)));
                    }
                }
            }
            events.push(words.join(", "));
        }
    }
    Ok(Trigger { action, events, place: at.place() })
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
