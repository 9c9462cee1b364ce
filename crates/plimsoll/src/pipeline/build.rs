//! `plimsoll pipeline run`: one build of a buildspec.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use plimsoll_buildspec::{Buildspec, Clock, Error, Identity, Limits, Request, Status, Variable, find};

use crate::args::RunArgs;
use crate::environment::{self, Environment};
use crate::exit::{Exit, Failure};
use crate::output;

/// The clock of the machine.
pub(super) struct Wall;

impl Clock for Wall {
    fn now(&self) -> jiff::Timestamp {
        environment::now()
    }
}

pub(super) fn run(arguments: &RunArgs, environment: &Environment) -> Result<Exit, Failure> {
    let found = find(arguments.folder(), arguments.buildspec.as_deref()).map_err(failure)?;
    let spec = Buildspec::parse(&found.text).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        let error = anyhow::Error::new(error).context(format!("cannot use `{}`", found.path.display()));
        with_hint(Failure::new(Exit::Usage, error), hint)
    })?;
    let secrets = crate::aws::secrets(arguments.secrets.as_deref()).map_err(failure)?;
    if arguments.dry_run {
        output::write(None, outline(&spec, &found.path).as_bytes())?;
        return Ok(Exit::Passed);
    }
    let mut request = Request::new(&spec, arguments.folder(), &environment.temporary_folder);
    request.buildspec_path = found.path;
    request.environment = environment::variables();
    request.start_variables =
        arguments.env.iter().map(|(name, value)| Variable::plain(name, value.as_str())).collect();
    request.identity = identity(environment);
    request.artifacts.clone_from(&arguments.artifacts);
    request.reports.clone_from(&arguments.reports);
    request.cache.clone_from(&arguments.cache);
    let seconds = u64::try_from(arguments.timeout.seconds).unwrap_or(0);
    request.limits = Limits { build: Duration::from_secs(seconds), ..Limits::default() };
    request.require_runtimes = arguments.require_runtimes;
    request.stop = stop()?;

    let result =
        plimsoll_buildspec::run(&request, secrets.as_ref(), &Wall, &mut io::stdout()).map_err(failure)?;
    if let Some(path) = &arguments.result {
        let mut text = serde_json::to_string_pretty(&result).expect("values of JSON can be written");
        text.push('\n');
        output::write(Some(path), text.as_bytes())?;
    }
    match result.build_status {
        Status::Succeeded => Ok(Exit::Passed),
        Status::Stopped => {
            Err(Failure::new(Exit::CouldNotScan, anyhow!("the build was stopped by a signal")))
        }
        Status::Failed | Status::TimedOut => Ok(Exit::GateFailed),
    }
}

/// What the build says of itself: what is known of the surroundings, else what a build of this machine has.
fn identity(environment: &Environment) -> Identity {
    let mut identity =
        Identity { build: format!("{:x}", environment.now.as_microsecond()), ..Identity::default() };
    if let Some(region) = &environment.aws_region {
        identity.region.clone_from(region);
    }
    if let Some(account) = &environment.aws_account {
        identity.account.clone_from(account);
    }
    identity.resolved_source_version.clone_from(&environment.github.sha);
    identity
}

/// Becomes true when somebody wants the build to end (Ctrl-C, SIGTERM): its processes are ended before we are.
pub(super) fn stop() -> Result<Arc<AtomicBool>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = Arc::new(AtomicBool::new(false));
    let cannot = |error: io::Error| {
        Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context("cannot wait for signals"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(cannot)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(cannot)?, signal(SignalKind::terminate()).map_err(cannot)?)
    };
    let wanted = Arc::clone(&stop);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        wanted.store(true, Ordering::Release);
    });
    Ok(stop)
}

/// What would run, phase by phase.
fn outline(spec: &Buildspec, path: &Path) -> String {
    use std::fmt::Write as _;
    let mut out = format!("{}\n", path.display());
    let phases = &spec.phases;
    for (name, phase) in [
        ("install", &phases.install),
        ("pre_build", &phases.pre_build),
        ("build", &phases.build),
        ("post_build", &phases.post_build),
    ] {
        if phase.commands.is_empty() && phase.finally.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{name}");
        for command in &phase.commands {
            let _ = writeln!(out, "  {}", command.text.trim_end().replace('\n', "\n  "));
        }
        for command in &phase.finally {
            let _ = writeln!(out, "  finally: {}", command.text.trim_end().replace('\n', "\n  "));
        }
    }
    crate::exit::printable(&out)
}

pub(super) fn failure(error: Error) -> Failure {
    let exit = match error {
        Error::Missing { .. } | Error::File { .. } | Error::Spec(_) | Error::Workspace { .. } => Exit::Usage,
        _ => Exit::CouldNotScan,
    };
    Failure::new(exit, error)
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
