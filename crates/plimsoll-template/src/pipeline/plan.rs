//! A plan: in which order actions run, which at the same time, and whether what they pass on fits together.

use std::collections::{BTreeMap, BTreeSet};

use super::project::Project;
use super::provider::Role;
use super::variable::references;
use super::{Action, Pipeline, Stage, When};
use crate::document::{Place, quoted};
use crate::error::{Note, TemplateError, listed, nearest};
use crate::template::{Resolved, Stack};

/// A pipeline that fits together, with the projects that it builds with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// All projects of the template.
    pub projects: Vec<Project>,
    /// The stages in order.
    pub stages: Vec<PlannedStage>,
    /// What cannot run here. A run that meets one is not begun.
    pub refusals: Vec<Refusal>,
    /// What is told.
    pub notes: Vec<Note>,
}

/// A stage of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStage {
    /// Its name.
    pub name: String,
    /// What runs one after the other.
    pub groups: Vec<Group>,
}

/// Actions that run at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their `RunOrder`.
    pub run_order: u32,
    /// Their places in the stage's list of actions.
    pub actions: Vec<usize>,
}

/// What cannot run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its stage.
    pub stage: String,
    /// Its action; none for a condition of the stage.
    pub action: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// Where it stands in the template.
    pub path: String,
    /// What it is, and why it cannot run.
    pub reason: String,
}

impl Plan {
    /// Puts a pipeline together with the projects of its template.
    ///
    /// # Errors
    /// Everything that does not fit together, in the order of the file.
    pub fn new(
        stack: &Stack,
        pipeline: Pipeline,
        projects: Vec<Project>,
    ) -> Result<Self, Vec<TemplateError>> {
        let mut judge = Judge { file: stack.file(), pipeline: &pipeline, errors: Vec::new() };
        judge.structure();
        judge.artifacts();
        judge.variables();
        let mut errors = judge.errors;
        if !errors.is_empty() {
            errors.sort_by(|one, other| (one.place, &one.reason).cmp(&(other.place, &other.reason)));
            return Err(errors);
        }
        let mut notes: Vec<Note> = stack.notes().to_vec();
        notes.extend(pipeline.notes.iter().cloned());
        notes.extend(projects.iter().flat_map(|project| project.notes.iter().cloned()));
        for trigger in &pipeline.triggers {
            let events = trigger.events.join("; ");
            notes.push(Note {
                place: trigger.place,
                path: format!("Resources/{}/Properties/Triggers", pipeline.logical_id),
                message: format!(
                    "on AWS, `{}` is started by {events}; here it is started by hand",
                    trigger.action
                ),
            });
        }
        let mut refusals = Vec::new();
        for stage in &pipeline.stages {
            refuse(stage, &projects, &mut refusals, &mut notes);
        }
        let stages = pipeline.stages.iter().map(planned).collect();
        Ok(Self { pipeline, projects, stages, refusals, notes })
    }

    /// The project that an action builds with, if it is in the template.
    pub fn project(&self, action: &Action) -> Option<&Project> {
        project_of(&self.projects, action)
    }

    /// The stage and action of these names.
    pub fn action(&self, stage: &str, action: &str) -> Option<&Action> {
        let stage = self.pipeline.stages.iter().find(|found| found.name == stage)?;
        stage.actions.iter().find(|found| found.name == action)
    }
}

fn project_of<'p>(projects: &'p [Project], action: &Action) -> Option<&'p Project> {
    let name = action.setting_text("ProjectName")?;
    // Given as an ARN, the name is its end.
    let name = name.rsplit_once(":project/").map_or(name, |(_, name)| name);
    projects.iter().find(|project| project.name.text() == Some(name))
}

fn planned(stage: &Stage) -> PlannedStage {
    let mut orders: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, action) in stage.actions.iter().enumerate() {
        orders.entry(action.run_order).or_default().push(index);
    }
    let groups = orders.into_iter().map(|(run_order, actions)| Group { run_order, actions }).collect();
    PlannedStage { name: stage.name.clone(), groups }
}

fn refuse(stage: &Stage, projects: &[Project], refusals: &mut Vec<Refusal>, notes: &mut Vec<Note>) {
    let mut refuse = |action: Option<&Action>, place, path: &str, reason: String| {
        refusals.push(Refusal {
            stage: stage.name.clone(),
            action: action.map(|action| action.name.clone()),
            place,
            path: path.to_owned(),
            reason,
        });
    };
    for action in &stage.actions {
        let name = &action.provider_name;
        match action.provider.role {
            Role::Elsewhere => {
                let (owner, category) = (action.provider.owner, action.provider.category);
                let where_it_runs = if owner == "AWS" { "on AWS alone" } else { "elsewhere" };
                let reason = format!("provider `{}` ({category}) runs {where_it_runs}", quoted(name));
                refuse(Some(action), action.place, &action.path, reason);
            }
            Role::Build if project_of(projects, action).is_none() => {
                let project = action.setting("ProjectName").map_or("", |value| value.shown());
                let reason = format!("project `{}` is not in the template", quoted(project));
                refuse(Some(action), action.place, &action.path, reason);
            }
            _ => {}
        }
    }
    for condition in &stage.conditions {
        let rules = listed(&condition.rules);
        let result = condition.result.as_deref().unwrap_or("FAIL");
        match condition.when {
            // Something that would have held the pipeline back must not be passed over.
            When::BeforeEntry | When::OnSuccess => {
                let when = if condition.when == When::BeforeEntry { "before" } else { "behind" };
                let reason =
                    format!("the condition {when} the stage, with rules {rules}, is judged on AWS alone");
                refuse(None, condition.place, &condition.path, reason);
            }
            // It is tried again here too, whatever the rules would say.
            When::OnFailure if result == "RETRY" && condition.rules.is_empty() => {}
            When::OnFailure => notes.push(Note {
                place: condition.place,
                path: condition.path.clone(),
                message: format!(
                    "on AWS, `{result}` follows when stage `{}` fails; here the run ends",
                    stage.name
                ),
            }),
        }
    }
}

/// Whether one action is certain to have ended when another begins.
type Position = (usize, u32);

struct Judge<'p> {
    file: &'p str,
    pipeline: &'p Pipeline,
    errors: Vec<TemplateError>,
}

impl<'p> Judge<'p> {
    fn error(&mut self, place: Place, path: &str, reason: String) {
        self.errors.push(TemplateError::new(self.file, place, path, reason));
    }

    fn actions(&self) -> impl Iterator<Item = (Position, &'p Action)> + use<'p> {
        self.pipeline.stages.iter().enumerate().flat_map(|(index, stage)| {
            stage.actions.iter().map(move |action| ((index, action.run_order), action))
        })
    }

    /// Source: AWS CodePipeline User Guide, "CodePipeline pipeline structure reference".
    fn structure(&mut self) {
        let mut names = BTreeSet::new();
        for stage in &self.pipeline.stages {
            if !names.insert(&stage.name) {
                let reason = format!("expected each stage's name once, found `{}` again", stage.name);
                self.error(stage.place, &stage.path, reason);
            }
        }
        for ((stage, _), action) in self.actions() {
            let is_source = action.provider.category == "Source";
            if is_source != (stage == 0) {
                let expected = if is_source {
                    "sources in the first stage only"
                } else {
                    "sources alone in the first stage"
                };
                let reason =
                    format!("expected {expected}, found `{}` of `{}`", action.provider.category, action.name);
                self.error(action.place, &action.path, reason);
            }
            if action.provider.role == Role::Build
                && action.inputs.len() > 1
                && action.setting_text("PrimarySource").is_none()
            {
                let reason = "expected `PrimarySource`, since there are several input artifacts; found none";
                self.error(action.place, &action.path, reason.to_owned());
            }
        }
        for trigger in &self.pipeline.triggers {
            let first = &self.pipeline.stages[0].actions;
            if !first.iter().any(|action| action.name == trigger.action) {
                let path = format!("Resources/{}/Properties/Triggers", self.pipeline.logical_id);
                let reason =
                    format!("expected the name of a source action, found `{}`", quoted(&trigger.action));
                self.error(trigger.place, &path, reason);
            }
        }
    }

    /// Artifacts are produced once, and before they are consumed.
    fn artifacts(&mut self) {
        let mut produced: BTreeMap<&str, (Position, &Action)> = BTreeMap::new();
        for (position, action) in self.actions() {
            for output in &action.outputs {
                if let Some((_, first)) = produced.get(output.name.as_str()) {
                    let reason = format!(
                        "expected each artifact from one action, found `{}` from `{}` and `{}`",
                        output.name, first.name, action.name
                    );
                    self.error(action.place, &action.path, reason);
                } else {
                    produced.insert(&output.name, (position, action));
                }
            }
        }
        for (position, action) in self.actions() {
            for input in &action.inputs {
                match produced.get(input.as_str()) {
                    Some((before, _)) if *before < position => {}
                    Some((_, maker)) => {
                        let reason = format!(
                            "expected artifact `{input}` from an action that runs before `{}`, found `{}`, which does not",
                            action.name, maker.name
                        );
                        self.error(action.place, &action.path, reason);
                    }
                    None => {
                        let reason = format!("expected an artifact that an action makes, found `{input}`");
                        self.error(action.place, &action.path, reason);
                        if let Some(near) = nearest(input, produced.keys().copied())
                            && let Some(error) = self.errors.last_mut()
                        {
                            error.hint = Some(format!("`{near}` was meant"));
                        }
                    }
                }
            }
        }
    }

    /// Variables are set by an action that ran before, or by the pipeline.
    fn variables(&mut self) {
        let mut namespaces: BTreeMap<&str, (Position, &Action)> = BTreeMap::new();
        for (position, action) in self.actions() {
            let Some(namespace) = action.namespace.as_deref() else { continue };
            if matches!(namespace, "codepipeline" | "variables") {
                let reason = format!("expected a namespace that is not reserved, found `{namespace}`");
                self.error(action.place, &action.path, reason);
            } else if let Some((_, first)) = namespaces.get(namespace) {
                let reason = format!(
                    "expected each namespace once, found `{}` of `{}` and `{}`",
                    quoted(namespace),
                    first.name,
                    action.name
                );
                self.error(action.place, &action.path, reason);
            } else {
                namespaces.insert(namespace, (position, action));
            }
        }
        for (position, action) in self.actions() {
            let settings = action.configuration.iter().map(|(_, value)| value);
            let texts: Vec<&Resolved> = settings.chain(&action.commands).collect();
            for value in texts {
                let found = match references(value.text().unwrap_or_default()) {
                    Ok(found) => found,
                    Err(reason) => {
                        self.error(value.place, &action.path, reason);
                        continue;
                    }
                };
                for reference in found {
                    let (namespace, name) = (reference.namespace.as_str(), reference.name.as_str());
                    if let Err(reason) = self.set(namespace, name, position, &namespaces) {
                        let shown = format!("#{{{}.{}}}", quoted(namespace), quoted(name));
                        self.error(value.place, &action.path, format!("expected {reason}, found `{shown}`"));
                    }
                }
            }
        }
    }

    /// Whether a variable is set when an action at `position` begins; what was expected else.
    fn set(
        &self,
        namespace: &str,
        name: &str,
        position: Position,
        namespaces: &BTreeMap<&str, (Position, &Action)>,
    ) -> Result<(), String> {
        match namespace {
            "codepipeline" => match name {
                "PipelineExecutionId" => Ok(()),
                _ => Err("`#{codepipeline.PipelineExecutionId}`".to_owned()),
            },
            "variables" => {
                let is_declared = self.pipeline.variables.iter().any(|variable| variable.name == name);
                if is_declared { Ok(()) } else { Err("a variable of the pipeline".to_owned()) }
            }
            _ => {
                let Some((before, action)) = namespaces.get(namespace) else {
                    return Err("the namespace of an action".to_owned());
                };
                if *before >= position {
                    return Err("a variable of an action that ran before".to_owned());
                }
                let variables = action.provider.variables;
                let is_declared = match action.provider.role {
                    Role::Commands => action.output_variables.iter().any(|variable| variable == name),
                    _ => variables.contains(&"*") || variables.contains(&name),
                };
                if is_declared {
                    return Ok(());
                }
                let known = match action.provider.role {
                    Role::Commands => listed(&action.output_variables),
                    _ => listed(variables),
                };
                Err(format!("{known} of `{}`", action.name))
            }
        }
    }
}
