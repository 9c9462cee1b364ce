//! Stages in order, the actions of a group at once: what runs when, and what follows from how it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plimsoll_buildspec::Clock;
use plimsoll_template::pipeline::{Action, Plan, PlannedStage, Stage, When};

use crate::console::{Console, Voice};
use crate::error::Error;
use crate::folder::{Execution, as_name};
use crate::state::{ActionState, ArtifactState, StageState, State, Status};
use crate::tree;

/// Which actions of a stage run again.
///
/// Source: AWS CodePipeline API Reference, `RetryStageExecution`, `retryMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// `FAILED_ACTIONS`: those that have not succeeded.
    #[default]
    Failed,
    /// `ALL_ACTIONS`.
    All,
}

/// Where an execution begins, and how far it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// The stage to begin with; without one, the first that has not succeeded.
    pub from: Option<String>,
    /// Whether no other stage runs.
    pub only: bool,
    /// Which actions of the first stage run again.
    pub retry: Retry,
}

/// An artifact that goes into an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its folder. It is not the action's to change.
    pub folder: PathBuf,
    /// The revision of the sources it was made from.
    pub revision: Option<String>,
}

/// An action that is to be done.
pub struct Job<'j> {
    /// Its stage.
    pub stage: &'j str,
    /// The action.
    pub action: &'j Action,
    /// The how-many-eth attempt this is, from 1.
    pub attempt: u32,
    /// The artifacts that go in.
    pub inputs: Vec<Input>,
    /// An empty folder of its own.
    pub work: PathBuf,
    /// The folder of the execution.
    pub folder: PathBuf,
    /// What has been done until now.
    pub state: State,
    /// Becomes true when the execution is to stop.
    pub stop: Arc<AtomicBool>,
}

/// What came of an action.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// How it ended: succeeded, failed, stopped, or it waits.
    pub status: Status,
    /// Why it failed, what it waits for, or what it did, in one line.
    pub message: Option<String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// The artifacts it made: name and folder, below its own.
    pub artifacts: Vec<(String, PathBuf)>,
    /// The revision of the sources that the artifacts were made from.
    pub revision: Option<String>,
}

impl Done {
    /// An end without artifacts.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: Some(message.into()), ..Self::default() }
    }
}

/// Who does actions.
pub trait Doer: Sync {
    /// Does one; what it says goes to `log`.
    fn act(&self, job: &Job<'_>, log: &mut dyn std::io::Write) -> Done;

    /// Ends what actions of an execution, whose folder this is, have left behind when their process was killed; answers what
    /// that was, each in one line.
    fn end_leftovers(&self, folder: &Path) -> Vec<String> {
        let _ = folder;
        Vec::new()
    }
}

/// What an execution is run with.
pub struct Engine<'e> {
    /// What is run.
    pub plan: &'e Plan,
    /// Who does actions.
    pub doer: &'e dyn Doer,
    /// The execution that is run.
    pub execution: &'e Execution,
    /// Where it is told.
    pub console: &'e Console,
    /// Texts that are masked in all that is told.
    pub secrets: &'e [String],
    /// Tells the time of day.
    pub clock: &'e (dyn Clock + Sync),
    /// Becomes true when the execution is to stop.
    pub stop: Arc<AtomicBool>,
}

/// The state of an execution that has done nothing yet.
pub fn begun(plan: &Plan) -> State {
    let stages = plan.pipeline.stages.iter().map(|stage| StageState {
        name: stage.name.clone(),
        status: Status::NotStarted,
        actions: stage.actions.iter().map(fresh).collect(),
    });
    State {
        version: crate::state::VERSION,
        pipeline_name: String::new(),
        execution_id: String::new(),
        number: 0,
        template: crate::state::Mark::default(),
        start_time_ms: 0,
        update_time_ms: 0,
        status: Status::NotStarted,
        variables: BTreeMap::new(),
        stages: stages.collect(),
    }
}

fn fresh(action: &Action) -> ActionState {
    ActionState {
        name: action.name.clone(),
        provider: action.provider_name.clone(),
        inputs: action.inputs.clone(),
        namespace: action.namespace.clone(),
        ..ActionState::default()
    }
}

/// What was done goes over to stages and actions of the same names; what the template has no more is forgotten.
fn adopted(plan: &Plan, before: &State) -> Vec<StageState> {
    let mut stages = begun(plan).stages;
    for stage in &mut stages {
        let Some(old) = before.stage(&stage.name) else { continue };
        for action in &mut stage.actions {
            let Some(old) = old.actions.iter().find(|found| found.name == action.name) else { continue };
            *action = ActionState {
                provider: action.provider.clone(),
                inputs: action.inputs.clone(),
                namespace: action.namespace.clone(),
                ..old.clone()
            };
        }
        let is_whole = stage.actions.iter().all(|action| action.status == Status::Succeeded);
        stage.status = match old.status {
            Status::Succeeded if !is_whole => Status::NotStarted,
            status => status,
        };
    }
    stages
}

impl Engine<'_> {
    /// Runs the execution as far as it goes, and answers how it stands then.
    ///
    /// # Errors
    /// [`Error::Stage`] for a stage that is not there or whose stages before have not succeeded; [`Error::Disk`].
    pub fn run(&self, course: &Course) -> Result<Status, Error> {
        let stages = adopted(self.plan, &self.execution.lock_state());
        let first = first(&stages, course)?;
        let Some(first) = first else {
            self.change(|state| state.status = Status::Succeeded)?;
            self.console.line("all stages have succeeded already");
            return Ok(Status::Succeeded);
        };
        let last = if course.only { first } else { stages.len() - 1 };
        let mut actions = stages.iter().flat_map(|stage| &stage.actions);
        if actions.any(|action| action.status == Status::InProgress) {
            for line in self.doer.end_leftovers(self.execution.folder()) {
                self.console
                    .line(&format!("the run before was cut off, and what it had left was ended: {line}"));
            }
        }
        self.change(|state| {
            state.stages = stages;
            state.status = Status::InProgress;
            for (index, stage) in state.stages.iter_mut().enumerate().take(last + 1).skip(first) {
                // A stage that was begun with by name is run as a whole, unless some of it failed.
                let keeps =
                    index == first && course.retry == Retry::Failed && stage.status != Status::Succeeded;
                stage.reset(keeps);
            }
        })?;
        let mut status = Status::Succeeded;
        for index in first..=last {
            let is_opened = index == first && course.from.is_some();
            status = self.stage(index, is_opened)?;
            if status != Status::Succeeded {
                break;
            }
        }
        self.change(|state| {
            let is_whole = state.stages.iter().all(|stage| stage.status == Status::Succeeded);
            state.status = match status {
                Status::Succeeded if !is_whole => Status::InProgress,
                status => status,
            };
        })?;
        Ok(status)
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), Error> {
        self.execution.change(self.clock.now(), change)
    }

    fn stage(&self, index: usize, is_opened: bool) -> Result<Status, Error> {
        let (stage, planned) = (&self.plan.pipeline.stages[index], &self.plan.stages[index]);
        let count = self.plan.stages.len();
        self.console.line(&format!("── {} ({} of {count})", stage.name, index + 1));
        if let Some(reason) = stage.disabled.as_ref().filter(|_| !is_opened) {
            let name = &stage.name;
            self.console.line(&format!("the way into {name} is closed: {reason}"));
            self.console.line(&format!("`--from-stage {name}` opens it"));
            self.set_stage(stage, Status::Waiting)?;
            return Ok(Status::Waiting);
        }
        let mut status = self.attempt(stage, planned)?;
        if status == Status::Failed
            && let Some(retry) = retry_of(stage)
        {
            let what = if retry == Retry::All { "all actions" } else { "what has not succeeded" };
            self.console.line(&format!("stage {} failed, and is tried once more: {what}", stage.name));
            self.change(|state| {
                if let Some(stage) = state.stage_mut(&stage.name) {
                    stage.reset(retry == Retry::Failed);
                }
            })?;
            status = self.attempt(stage, planned)?;
        }
        if status == Status::Failed {
            for condition in stage.conditions.iter().filter(|found| found.when == When::OnFailure) {
                let result = condition.result.as_deref().unwrap_or("FAIL");
                if !matches!(result, "RETRY" | "FAIL") {
                    self.console.line(&format!("on AWS, {result} would follow; here the execution ends"));
                }
            }
        }
        Ok(status)
    }

    fn set_stage(&self, stage: &Stage, status: Status) -> Result<(), Error> {
        self.change(|state| {
            if let Some(stage) = state.stage_mut(&stage.name) {
                stage.status = status;
            }
        })
    }

    /// All groups of a stage, once.
    fn attempt(&self, stage: &Stage, planned: &PlannedStage) -> Result<Status, Error> {
        self.set_stage(stage, Status::InProgress)?;
        let mut status = Status::Succeeded;
        for group in &planned.groups {
            let before = self.execution.state();
            let is_due = |action: &&Action| {
                before.action(&stage.name, &action.name).is_none_or(|found| found.status != Status::Succeeded)
            };
            let actions: Vec<&Action> =
                group.actions.iter().map(|index| &stage.actions[*index]).filter(is_due).collect();
            status = self.group(stage, &actions)?;
            if status != Status::Succeeded {
                break;
            }
        }
        self.set_stage(stage, status)?;
        Ok(status)
    }

    /// Actions at the same time. When one fails the others go on to their ends.
    fn group(&self, stage: &Stage, actions: &[&Action]) -> Result<Status, Error> {
        let is_several = actions.len() > 1;
        let ends: Vec<Result<Status, Error>> = if is_several {
            std::thread::scope(|scope| {
                let started: Vec<_> = actions
                    .iter()
                    .map(|action| scope.spawn(move || self.action(stage, action, true)))
                    .collect();
                let ended = started.into_iter().map(|thread| match thread.join() {
                    Ok(end) => end,
                    Err(panic) => std::panic::resume_unwind(panic),
                });
                ended.collect()
            })
        } else {
            actions.iter().map(|action| self.action(stage, action, false)).collect()
        };
        let mut status = Status::Succeeded;
        for end in ends {
            let end = end?;
            // What was stopped goes before what failed, and that before what waits.
            let rank = |status| match status {
                Status::Stopped => 3,
                Status::Failed => 2,
                Status::Waiting => 1,
                _ => 0,
            };
            if rank(end) > rank(status) {
                status = end;
            }
        }
        Ok(status)
    }

    fn action(&self, stage: &Stage, action: &Action, is_several: bool) -> Result<Status, Error> {
        let name = format!("{}/{}", stage.name, action.name);
        if self.stop.load(Ordering::Acquire) {
            self.change(|state| {
                if let Some(found) = state.action_mut(&stage.name, &action.name) {
                    found.status = Status::Stopped;
                }
            })?;
            return Ok(Status::Stopped);
        }
        let mut attempt = 1;
        let started_ms = self.clock.now().as_millisecond();
        let started = Instant::now();
        let mut log = String::new();
        self.change(|state| {
            let Some(found) = state.action_mut(&stage.name, &action.name) else { return };
            found.attempts += 1;
            attempt = found.attempts;
            log = format!("logs/{}/{}.{attempt}.log", as_name(&stage.name), as_name(&action.name));
            *found = ActionState {
                status: Status::InProgress,
                attempts: attempt,
                start_time_ms: Some(started_ms),
                log: Some(log.clone()),
                ..fresh(action)
            };
        })?;
        self.console.line(&format!("{name}: {}", action.provider_name));
        let prefix = is_several.then(|| format!("{name} | "));
        let path = self.execution.folder().join(&log);
        let mut voice = Voice::new(self.console, prefix, self.secrets, &path)?;
        let done = match self.job(stage, action, attempt)? {
            Ok(job) => {
                let done = self.doer.act(&job, &mut voice);
                self.publish(action, done)
            }
            Err(missing) => Done::new(Status::Failed, missing),
        };
        voice.finish();
        let (done, outputs) = match done {
            Done { status: Status::Succeeded, .. } => self.outputs(action, done)?,
            done => (done, Vec::new()),
        };
        let duration = started.elapsed();
        let masker = plimsoll_buildspec::Masker::new(self.secrets.iter().map(String::as_str));
        let message = done.message.map(|message| masker.mask(&message));
        let said = message.as_ref().map_or(String::new(), |message| format!(": {message}"));
        match done.status {
            Status::Waiting => self.console.line(&format!("{name}{said}")),
            status => self.console.line(&format!("{name}: {status} after {}{said}", seconds(duration))),
        }
        if done.status == Status::Succeeded {
            self.execution.clear_work(&stage.name, &action.name, attempt);
        }
        self.change(|state| {
            if let Some(found) = state.action_mut(&stage.name, &action.name) {
                found.status = done.status;
                found.duration_ms = Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
                found.message = message;
                found.variables = done.variables;
                found.outputs = outputs;
            }
        })?;
        Ok(done.status)
    }

    /// The job, or what of it is missing.
    fn job<'j>(
        &self,
        stage: &'j Stage,
        action: &'j Action,
        attempt: u32,
    ) -> Result<Result<Job<'j>, String>, Error> {
        let before = self.execution.state();
        let mut inputs = Vec::new();
        for name in &action.inputs {
            let folder = self.execution.artifact(name);
            let made = before.artifact(name).filter(|_| folder.is_dir());
            let Some(made) = made else {
                let what = format!(
                    "expected artifact `{name}`, found none: the action that should have made it did not"
                );
                return Ok(Err(what));
            };
            inputs.push(Input { name: name.clone(), folder, revision: made.revision.clone() });
        }
        let work = self.execution.work(&stage.name, &action.name, attempt)?;
        Ok(Ok(Job {
            stage: &stage.name,
            action,
            attempt,
            inputs,
            work,
            folder: self.execution.folder().to_owned(),
            state: before,
            stop: Arc::clone(&self.stop),
        }))
    }

    /// Puts what a successful action made where others find it.
    fn publish(&self, action: &Action, mut done: Done) -> Done {
        if done.status != Status::Succeeded {
            return done;
        }
        for output in &action.outputs {
            let Some((_, folder)) = done.artifacts.iter().find(|(name, _)| *name == output.name) else {
                continue;
            };
            if let Err(error) = self.execution.publish(&output.name, folder) {
                done.status = Status::Failed;
                done.message = Some(error.whole());
                return done;
            }
        }
        done
    }

    fn outputs(&self, action: &Action, done: Done) -> Result<(Done, Vec<ArtifactState>), Error> {
        let mut outputs = Vec::new();
        for output in &action.outputs {
            if done.artifacts.iter().any(|(name, _)| *name == output.name) {
                let files = tree::files(&self.execution.artifact(&output.name))?.len() as u64;
                let revision = done.revision.clone();
                outputs.push(ArtifactState { name: output.name.clone(), files, revision });
            } else {
                // AWS finds that out where somebody wants it.
                let (action, output) = (&action.name, &output.name);
                self.console.line(&format!("note: {action} made no artifact `{output}`"));
            }
        }
        Ok((done, outputs))
    }
}

/// The first stage that runs; none where all have succeeded.
fn first(stages: &[StageState], course: &Course) -> Result<Option<usize>, Error> {
    let Some(name) = &course.from else {
        return Ok(stages.iter().position(|stage| stage.status != Status::Succeeded));
    };
    let refused = |reason: String| Error::Stage { stage: name.clone(), reason };
    let Some(first) = stages.iter().position(|stage| stage.name == *name) else {
        let names: Vec<_> = stages.iter().map(|stage| format!("`{}`", stage.name)).collect();
        return Err(refused(format!("expected one of {}", names.join(", "))));
    };
    match stages[..first].iter().find(|stage| stage.status != Status::Succeeded) {
        Some(before) => Err(refused(format!(
            "expected all stages before it to have succeeded, found `{}` {}",
            before.name, before.status
        ))),
        None => Ok(Some(first)),
    }
}

/// What `OnFailure` says of trying again.
///
/// Source: AWS CodePipeline User Guide, "Configure automatic retry for a stage"; without a mode, `FAILED_ACTIONS`.
fn retry_of(stage: &Stage) -> Option<Retry> {
    let mut on_failure = stage.conditions.iter().filter(|condition| condition.when == When::OnFailure);
    let condition = on_failure
        .find(|condition| condition.result.as_deref() == Some("RETRY") && condition.rules.is_empty())?;
    Some(if condition.retry_mode.as_deref() == Some("ALL_ACTIONS") { Retry::All } else { Retry::Failed })
}

/// `0.4 s`, `75.0 s`.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
