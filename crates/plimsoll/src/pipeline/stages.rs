//! `plimsoll pipeline run --template FILE`: a pipeline, stage by stage.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use anyhow::anyhow;
use plimsoll_buildspec::Masker;
use plimsoll_pipeline::{
    Approvals, Console, Course, Engine, Execution, Executions, Local, Mark, Problem, Retry, Setup, State,
    Status, begun,
};
use plimsoll_template::pipeline::Plan;
use plimsoll_template::template::Resolved;

use super::build::{self, Wall};
use super::outside::World;
use super::plan::{self, Planned};
use crate::args::{RetryWord, RunArgs, StageArgs};
use crate::environment::{self, Environment};
use crate::exit::{Exit, Failure, printable};
use crate::output;
use crate::settings::Settings;

/// Shortest text that is masked without a note, in bytes.
const MIN_HIDDEN_BYTES: usize = 4;
/// Longest name of a stage or an action in the table, in characters.
const MAX_NAME_CHARS: usize = 30;

pub(super) fn run(
    template: &Path,
    arguments: &RunArgs,
    settings: &Settings,
    environment: &Environment,
    is_quiet: bool,
) -> Result<Exit, Failure> {
    let mut planned = plan::read(template, arguments, environment, is_quiet)?;
    let plan = planned.plans.remove(0);
    if !planned.plans.is_empty() {
        let names = [&plan].into_iter().chain(&planned.plans).map(|plan| plan.pipeline.logical_id.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        let what = anyhow!("cannot run `{}`: expected one pipeline, found several", template.display());
        return Err(Failure::new(Exit::Usage, what).hint(format!("--pipeline NAME, one of {names}")));
    }
    let secrets = crate::aws::secrets(arguments.secrets.as_deref()).map_err(build::failure)?;
    let flags = &arguments.stages;
    let course = course(flags);
    let setup = setup(arguments, &planned)?;
    let variables = variables(&plan, flags)?;
    let world = World::new(settings)?;
    let clock = Wall;
    let local = Local::prepare(&plan, &setup, &course, &world, secrets.as_ref(), &clock)
        .map_err(|problems| refused(template, &problems))?;
    let note = |text: &str| {
        if !is_quiet {
            eprintln!("note: {}", printable(text));
        }
    };
    local.notes().iter().for_each(|text| note(text));

    let name = plan.pipeline.name.text().unwrap_or(&plan.pipeline.logical_id);
    let root = flags.work.clone().unwrap_or_else(|| environment.state_folder.join("pipelines"));
    let executions = Executions::new(&root, name);
    let mark = Mark { file: template.display().to_string(), digest: planned.digest.clone() };
    let execution = if is_resumed(&plan, flags) {
        let id = flags.resume.as_deref().filter(|id| !id.is_empty());
        let execution = executions.open(id).map_err(failure)?;
        if execution.state().template.digest != mark.digest {
            note("the template, or what it was given, has changed since this execution began");
        }
        execution
    } else {
        let state = State { template: mark, variables: variables.clone(), ..begun(&plan) };
        let execution = executions.begin(state, environment.now).map_err(failure)?;
        for id in executions.prune(usize::from(flags.keep)).map_err(failure)? {
            note(&format!("execution {id} was removed: {} are kept", flags.keep));
        }
        execution
    };
    let hidden = hidden(&plan, &planned.secrets);
    if hidden.iter().any(|text| (1..MIN_HIDDEN_BYTES).contains(&text.len())) {
        note("a value that `NoEcho` hides is short: much of what is told may be masked");
    }
    let console = Console::new(io::stdout());
    console.line(&format!("pipeline {name} ({})", execution.state().execution_id));
    let engine = Engine {
        plan: &plan,
        doer: &local,
        execution: &execution,
        console: &console,
        secrets: &hidden,
        clock: &clock,
        stop: build::stop()?,
    };
    let status = engine.run(&course).map_err(failure)?;
    finish(&execution, status, &hidden, arguments)
}

/// Tells how the execution stands, and what to do then.
fn finish(
    execution: &Execution,
    status: Status,
    hidden: &[String],
    arguments: &RunArgs,
) -> Result<Exit, Failure> {
    let mut state = execution.state();
    output::write(None, printable(&format!("\n{}", table(&state))).as_bytes())?;
    if let Some(path) = &arguments.result {
        // The state keeps what later actions are given; what is handed to others does not.
        let masker = Masker::new(hidden.iter().map(String::as_str));
        for action in state.stages.iter_mut().flat_map(|stage| &mut stage.actions) {
            action.variables.values_mut().for_each(|value| *value = masker.mask(value));
        }
        let mut text = serde_json::to_string_pretty(&state).expect("values of JSON can be written");
        text.push('\n');
        output::write(Some(path), text.as_bytes())?;
    }
    let failed = state.stages.iter().flat_map(|stage| &stage.actions);
    let failed = failed.filter(|action| matches!(action.status, Status::Failed | Status::Stopped));
    let mut text = String::new();
    for log in failed.filter_map(|action| action.log.as_ref()) {
        let _ = writeln!(text, "log: {}", execution.folder().join(log).display());
    }
    let id = &state.execution_id;
    if status == Status::Waiting {
        for (stage, action) in waiting(&state) {
            let _ = writeln!(
                text,
                "{stage}/{action} waits for approval: `--approve {stage}/{action}`, or `--reject`"
            );
        }
    }
    if status != Status::Succeeded {
        let _ = writeln!(text, "go on with the same command and `--resume {id}`");
    }
    output::write(None, printable(&text).as_bytes())?;
    match status {
        Status::Succeeded => Ok(Exit::Passed),
        Status::Waiting => Ok(Exit::Undecided),
        Status::Stopped => {
            Err(Failure::new(Exit::CouldNotScan, anyhow!("the pipeline was stopped by a signal")))
        }
        _ => Ok(Exit::GateFailed),
    }
}

/// Actions that wait for an answer, each with its stage.
fn waiting(state: &State) -> impl Iterator<Item = (&str, &str)> {
    state.stages.iter().flat_map(|stage| {
        let waiting = stage.actions.iter().filter(|action| action.status == Status::Waiting);
        waiting.map(|action| (stage.name.as_str(), action.name.as_str()))
    })
}

fn course(flags: &StageArgs) -> Course {
    Course {
        from: flags.from_stage.clone().or_else(|| flags.only_stage.clone()),
        only: flags.only_stage.is_some(),
        retry: match flags.retry {
            Some(RetryWord::All) => Retry::All,
            _ => Retry::Failed,
        },
    }
}

/// Whether an execution goes on: it is named, or what is asked for needs one.
fn is_resumed(plan: &Plan, flags: &StageArgs) -> bool {
    let named = flags.from_stage.as_ref().or(flags.only_stage.as_ref());
    let first = plan.pipeline.stages.first().map(|stage| &stage.name);
    flags.resume.is_some() || flags.retry.is_some() || named.is_some_and(|named| Some(named) != first)
}

fn setup(arguments: &RunArgs, planned: &Planned) -> Result<Setup, Failure> {
    let flags = &arguments.stages;
    let cannot = |what: &'static str| {
        move |error: io::Error| Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context(what))
    };
    let scanner = std::env::current_exe().map_err(cannot("cannot find our own program"))?;
    let folder = std::env::current_dir().map_err(cannot("cannot find the current folder"))?;
    Ok(Setup {
        maps: flags.map.clone(),
        source: arguments.source.as_ref().map(|source| source.display().to_string()),
        registry: arguments.registry.as_ref().map(|host| host.trim_end_matches('/').to_owned()),
        approvals: Approvals {
            all: flags.approve_all,
            approve: flags.approve.clone(),
            reject: flags.reject.clone(),
        },
        env: arguments.env.clone(),
        environment: environment::variables(),
        scanner,
        folder,
        account: planned.account.clone(),
        region: planned.region.clone(),
        has_secrets: arguments.secrets.is_some(),
        require_runtimes: arguments.require_runtimes,
    })
}

/// The pipeline's own variables: those given, else their defaults.
fn variables(plan: &Plan, flags: &StageArgs) -> Result<std::collections::BTreeMap<String, String>, Failure> {
    let declared = &plan.pipeline.variables;
    let names = || declared.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>().join(", ");
    for (name, _) in &flags.variable {
        if !declared.iter().any(|variable| variable.name == *name) {
            let what = anyhow!(
                "cannot set variable `{name}`: expected one of the pipeline's, found none of that name"
            );
            let hint = match names() {
                names if names.is_empty() => {
                    "the pipeline has no variables; --env sets those of builds".to_owned()
                }
                names => format!("the pipeline's variables are {names}"),
            };
            return Err(Failure::new(Exit::Usage, what).hint(hint));
        }
    }
    let mut values = std::collections::BTreeMap::new();
    for variable in declared {
        let given =
            flags.variable.iter().rfind(|(name, _)| *name == variable.name).map(|(_, value)| value.clone());
        let value = given.or_else(|| variable.default.as_ref().and_then(Resolved::text).map(str::to_owned));
        // On AWS, too, an execution must give a value to what has no default.
        let Some(value) = value else {
            let name = &variable.name;
            let what = anyhow!("cannot run the pipeline: expected a value for variable `{name}`, found none");
            return Err(Failure::new(Exit::Usage, what).hint(format!("--variable {name}=VALUE")));
        };
        values.insert(variable.name.clone(), value);
    }
    Ok(values)
}

/// Texts that are not to be told: what `NoEcho` hides.
fn hidden(plan: &Plan, parameters: &[String]) -> Vec<String> {
    let actions = plan.pipeline.stages.iter().flat_map(|stage| &stage.actions);
    let mut values: Vec<&Resolved> = Vec::new();
    for action in actions {
        values.extend(action.configuration.iter().map(|(_, value)| value));
        values.extend(action.commands.iter());
        values.extend(action.environment.iter().map(|variable| &variable.value));
    }
    for project in &plan.projects {
        values.extend(project.environment.variables.iter().map(|variable| &variable.value));
    }
    let secrets = values.into_iter().filter(|value| value.is_secret).filter_map(Resolved::text);
    secrets.map(str::to_owned).chain(parameters.iter().cloned()).collect()
}

fn refused(template: &Path, problems: &[Problem]) -> Failure {
    let mut text = format!("cannot run `{}`: nothing was begun", template.display());
    for Problem { subject, reason, hint } in problems {
        let _ = write!(text, "\n  {subject}: {reason}");
        if let Some(hint) = hint {
            let _ = write!(text, "\n    hint: {hint}");
        }
    }
    Failure::new(Exit::Usage, anyhow!(text))
}

fn failure(error: plimsoll_pipeline::Error) -> Failure {
    let exit = match error {
        plimsoll_pipeline::Error::NoExecution { .. } | plimsoll_pipeline::Error::Stage { .. } => Exit::Usage,
        _ => Exit::CouldNotScan,
    };
    let hint = error.hint();
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Stages and actions with how they stand and how long they took.
fn table(state: &State) -> String {
    let cut = |name: &str| -> String {
        if name.chars().count() <= MAX_NAME_CHARS {
            return name.to_owned();
        }
        name.chars().take(MAX_NAME_CHARS - 1).chain(['…']).collect()
    };
    let mut rows = vec![["stage", "action", "status", "seconds"].map(str::to_owned)];
    for stage in &state.stages {
        for (index, action) in stage.actions.iter().enumerate() {
            let name = if index == 0 { cut(&stage.name) } else { String::new() };
            let seconds = action.duration_ms.map_or("-".to_owned(), |milliseconds| {
                // Tenths are enough, and a float holds them exactly enough.
                #[expect(clippy::cast_precision_loss, reason = "no action takes 2^53 milliseconds")]
                let seconds = milliseconds as f64 / 1000.0;
                format!("{seconds:.1}")
            });
            rows.push([name, cut(&action.name), action.status.to_string(), seconds]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for [stage, action, status, seconds] in &rows {
        let [a, b, c, d] = widths;
        let _ = writeln!(text, "{stage:a$}  {action:b$}  {status:c$}  {seconds:>d$}");
    }
    text
}
