//! What an execution has done: written after each action, read when it is resumed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of the state's file.
pub(crate) const VERSION: u32 = 1;

/// How an execution, a stage or an action stands.
///
/// Source: AWS CodePipeline API Reference, `ActionExecution` and `StageExecution`, `status`; `Waiting` is ours, since an
/// execution that waits for an answer here does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It has not begun.
    #[default]
    NotStarted,
    /// It runs, or was cut off when it did.
    InProgress,
    /// It waits for somebody's answer.
    Waiting,
    /// All went well.
    Succeeded,
    /// It did not.
    Failed,
    /// Somebody stopped it.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotStarted => "not started",
            Self::InProgress => "in progress",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// What an execution has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of this format.
    pub version: u32,
    /// The pipeline's name.
    pub pipeline_name: String,
    /// `#{codepipeline.PipelineExecutionId}`.
    pub execution_id: String,
    /// The how-many-eth execution this is, from 1.
    pub number: u64,
    /// The template's file, and a digest over it and what it was given.
    pub template: Mark,
    /// When it began, in milliseconds since 1970.
    pub start_time_ms: i64,
    /// When it was written last, in milliseconds since 1970.
    pub update_time_ms: i64,
    /// How it stands.
    pub status: Status,
    /// The pipeline's own variables.
    pub variables: BTreeMap<String, String>,
    /// Its stages in order.
    pub stages: Vec<StageState>,
}

/// The template that an execution runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Its file.
    pub file: String,
    /// `sha256:…` over its text and what it was given.
    pub digest: String,
}

/// What a stage has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageState {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub status: Status,
    /// Its actions in the order of the template.
    pub actions: Vec<ActionState>,
}

/// What an action has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionState {
    /// Its name.
    pub name: String,
    /// Its provider.
    pub provider: String,
    /// How it stands.
    pub status: Status,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was begun last, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_time_ms: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<u64>,
    /// Why it failed, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// The artifacts that went in.
    pub inputs: Vec<String>,
    /// The artifacts that came out.
    pub outputs: Vec<ArtifactState>,
    /// The name under which its variables are asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Its log, from the execution's folder on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log: Option<String>,
}

/// An artifact that came out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactState {
    /// Its name; it lies in `artifacts/NAME`.
    pub name: String,
    /// How many files it has.
    pub files: u64,
    /// The revision of the sources it was made from: a commit, or a digest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
}

impl State {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageState> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The action of these names.
    pub fn action(&self, stage: &str, action: &str) -> Option<&ActionState> {
        self.stage(stage)?.actions.iter().find(|found| found.name == action)
    }

    pub(crate) fn action_mut(&mut self, stage: &str, action: &str) -> Option<&mut ActionState> {
        let stage = self.stages.iter_mut().find(|found| found.name == stage)?;
        stage.actions.iter_mut().find(|found| found.name == action)
    }

    pub(crate) fn stage_mut(&mut self, name: &str) -> Option<&mut StageState> {
        self.stages.iter_mut().find(|stage| stage.name == name)
    }

    /// The artifact of this name, if an action has made it.
    pub(crate) fn artifact(&self, name: &str) -> Option<&ArtifactState> {
        let actions = self.stages.iter().flat_map(|stage| &stage.actions);
        actions.flat_map(|action| &action.outputs).find(|artifact| artifact.name == name)
    }

    /// The value of a variable, `#{namespace.name}`.
    pub(crate) fn variable(&self, namespace: &str, name: &str) -> Option<&str> {
        match namespace {
            "codepipeline" if name == "PipelineExecutionId" => Some(&self.execution_id),
            "variables" => self.variables.get(name).map(String::as_str),
            _ => {
                let mut actions = self.stages.iter().flat_map(|stage| &stage.actions);
                let action = actions.find(|action| action.namespace.as_deref() == Some(namespace))?;
                action.variables.get(name).map(String::as_str)
            }
        }
    }
}

impl StageState {
    /// Forgets what was done, but for how often it was tried.
    pub(crate) fn reset(&mut self, keeps_succeeded: bool) {
        self.status = Status::NotStarted;
        for action in &mut self.actions {
            if keeps_succeeded && action.status == Status::Succeeded {
                continue;
            }
            *action = ActionState {
                name: std::mem::take(&mut action.name),
                provider: std::mem::take(&mut action.provider),
                attempts: action.attempts,
                inputs: std::mem::take(&mut action.inputs),
                namespace: action.namespace.take(),
                ..ActionState::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_what_was_written_and_knows_variables() {
        let action = |name: &str, status| ActionState {
            name: name.to_owned(),
            status,
            attempts: 1,
            namespace: Some("ns".to_owned()),
            variables: [("Tag".to_owned(), "1".to_owned())].into(),
            ..ActionState::default()
        };
        let build = StageState {
            name: "Build".to_owned(),
            status: Status::Failed,
            actions: vec![action("good", Status::Succeeded), action("bad", Status::Failed)],
        };
        let mut state = State {
            version: VERSION,
            pipeline_name: "shop".to_owned(),
            execution_id: "1".to_owned(),
            number: 1,
            template: Mark::default(),
            start_time_ms: 0,
            update_time_ms: 0,
            status: Status::Failed,
            variables: [("x".to_owned(), "y".to_owned())].into(),
            stages: vec![build],
        };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
        for (namespace, name, expected) in [
            ("codepipeline", "PipelineExecutionId", Some("1")),
            ("codepipeline", "x", None),
            ("variables", "x", Some("y")),
            ("ns", "Tag", Some("1")),
            ("ns", "None", None),
            ("other", "Tag", None),
        ] {
            assert_eq!(state.variable(namespace, name), expected, "{namespace}.{name}");
        }
        state.stages[0].reset(true);
        let left: Vec<_> = state.stages[0].actions.iter().map(|a| (a.status, a.attempts)).collect();
        assert_eq!(left, [(Status::Succeeded, 1), (Status::NotStarted, 1)]);
        state.stages[0].reset(false);
        assert!(state.stages[0].actions.iter().all(|action| action.variables.is_empty()));
    }
}
