//! A build from beginning to end.

mod prepare;
mod upload;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cache::Caches;
use crate::collect::Bounds;
use crate::error::Error;
use crate::failure::OnFailure;
use crate::leftover::{self, TOKEN};
use crate::log::{Clock, Log};
use crate::outcome::{BuildResult, Context, Leftover, PhaseOutcome, PhaseType, Status};
use crate::phase::{Next, Runner, complete, milliseconds};
use crate::request::Request;
use crate::secrets::Secrets;
use crate::session::{Session, Setup};
use crate::spec::{Cache, Version};
use crate::user::{self, User};

/// Longest time that a build is given, whatever is asked: ten years, which no clock overflows at.
const LONGEST_BUILD: Duration = Duration::from_hours(10 * 365 * 24);

/// Runs a build; `log` is given what CodeBuild's log would have, secrets masked.
///
/// A build that fails is a result. Whatever happens, all processes of the build are ended before this returns, and
/// files of ours are gone from the scratch folder; artifacts, reports and caches are there whole or not at all.
///
/// # Errors
/// [`Error`] if the build cannot be run: no workspace, no shell, no such user, a full disk, a log that cannot be
/// written.
pub fn run(
    request: &Request<'_>,
    secrets: &dyn Secrets,
    clock: &dyn Clock,
    log: &mut dyn Write,
) -> Result<BuildResult, Error> {
    let workspace = request.workspace.canonicalize().ok().filter(|path| path.is_dir());
    let Some(workspace) = workspace else { return Err(Error::Workspace { path: request.workspace.clone() }) };
    let users = Users::find(request)?;
    let scratch = Scratch::make(&request.scratch)?;
    let mut log = Log::new(log, clock);
    let mut build = Build::new(request, workspace, &scratch.folder, &log)?;
    let result = build.all_phases(&mut log, secrets, &users);
    // Whatever came of it: nothing of the build goes on.
    let leftovers = build.end_processes(&mut log);
    result?;
    if let Some(source) = log.failure() {
        return Err(Error::Log { source });
    }
    build.result.leftover_processes = leftovers;
    Ok(build.finish(&mut log))
}

/// The users of the four phases, found before anything runs.
struct Users([Option<User>; 4]);

impl Users {
    fn find(request: &Request<'_>) -> Result<Self, Error> {
        let spec = request.buildspec;
        let mut users = [None, None, None, None];
        for (user, (_, phase)) in users.iter_mut().zip(spec.phases.in_order()) {
            if let Some(name) = phase.run_as.as_ref().or(spec.run_as.as_ref()) {
                *user = user::find(name, &request.users)?;
            }
        }
        Ok(Self(users))
    }
}

/// A folder of one build, removed at its end.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn make(parent: &Path) -> Result<Self, Error> {
        fs::create_dir_all(parent).map_err(Error::disk("make folder", parent))?;
        let parent = parent.canonicalize().map_err(Error::disk("find folder", parent))?;
        let mut number = 0_u32;
        loop {
            let folder = parent.join(format!("plimsoll-build-{}-{number}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self { folder }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {
                    number += 1;
                }
                Err(source) => return Err(Error::Disk { action: "make folder", path: folder, source }),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Build<'b, 'r> {
    request: &'b Request<'r>,
    workspace: PathBuf,
    token: String,
    started: Instant,
    session: Session,
    is_succeeding: bool,
    secret_names: Vec<String>,
    bounds: Bounds,
    cache_keys: Option<(String, Vec<String>)>,
    result: BuildResult,
}

impl<'b, 'r> Build<'b, 'r> {
    fn new(
        request: &'b Request<'r>,
        workspace: PathBuf,
        scratch: &Path,
        log: &Log<'_>,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let limits = &request.limits;
        let token = scratch.to_string_lossy().into_owned();
        let start_time_ms = log.now().as_millisecond();
        let mut environment = request.environment.clone();
        environment.extend(request.identity.variables(&workspace, start_time_ms));
        environment.insert(TOKEN.to_owned(), token.clone());
        let session = Session::new(Setup {
            shell: request.buildspec.env.shell.clone(),
            workspace: workspace.clone(),
            folder: scratch.to_owned(),
            environment,
            is_isolated: request.buildspec.version == Version::V0_1,
            deadline: started.checked_add(limits.build.min(LONGEST_BUILD)).unwrap_or(started),
            command_limit: limits.command,
            grace: limits.grace,
            stop: request.stop.clone(),
        })?;
        let folders = [&request.artifacts, &request.reports, &request.cache];
        let mut skipped: Vec<PathBuf> =
            folders.into_iter().flatten().filter_map(|path| absolute(path)).collect();
        skipped.push(scratch.to_owned());
        let bounds = Bounds { files: limits.files, bytes: limits.bytes, skipped, keeps_links: false };
        let warnings = request.buildspec.warnings.iter();
        let warnings = warnings.map(|warning| format!("{}: {}", warning.place, warning.message)).collect();
        let result = BuildResult {
            id: request.identity.id(),
            build_status: Status::Succeeded,
            start_time_ms,
            duration_ms: 0,
            phases: Vec::new(),
            exported_environment_variables: Vec::new(),
            artifacts: Vec::new(),
            reports: Vec::new(),
            runtimes: Vec::new(),
            leftover_processes: Vec::new(),
            warnings,
        };
        Ok(Self {
            request,
            workspace,
            token,
            started,
            session,
            is_succeeding: true,
            secret_names: Vec::new(),
            bounds,
            cache_keys: None,
            result,
        })
    }

    fn all_phases(&mut self, log: &mut Log<'_>, secrets: &dyn Secrets, users: &Users) -> Result<(), Error> {
        if !self.prepare(log, secrets)? {
            return Ok(());
        }
        for ((phase_type, phase), user) in self.request.buildspec.phases.in_order().into_iter().zip(&users.0)
        {
            self.session.become_user(user.clone())?;
            let mut runner = Runner {
                log: &mut *log,
                session: &mut self.session,
                shown_bytes: self.request.limits.shown_bytes,
                is_succeeding: self.is_succeeding,
            };
            let (outcome, next) = runner.phase(phase_type, phase)?;
            self.is_succeeding = runner.is_succeeding;
            self.result.phases.push(outcome);
            if log.has_failed() || next == Next::Finalizing {
                return Ok(());
            }
        }
        self.export(log)?;
        self.upload(log)
    }

    /// The caches, if there are any and this one is to be used.
    fn caches(&self) -> Option<(Caches, &'b Cache)> {
        let cache = self.request.buildspec.cache.as_ref().filter(|cache| !cache.paths.is_empty())?;
        let folder = self.request.cache.clone()?;
        let home = self.request.environment.get("HOME").map(PathBuf::from);
        Some((Caches { folder, workspace: self.workspace.clone(), home }, cache))
    }

    /// What the shell makes of a text; the text itself if it has nothing for a shell, or the shell refuses it.
    fn expand(&mut self, text: &str) -> Result<String, Error> {
        if !text.contains(['$', '`']) {
            return Ok(text.to_owned());
        }
        let made = self.session.evaluate(text, self.is_succeeding)?;
        Ok(made.unwrap_or_else(|| text.to_owned()))
    }

    fn warn(&mut self, log: &mut Log<'_>, warning: &str) {
        log.line(&format!("[WARN] {warning}"));
        self.result.warnings.push(log.masked(warning));
    }

    /// A phase of ours is over.
    fn complete(
        &mut self,
        log: &mut Log<'_>,
        phase_type: PhaseType,
        started: Instant,
        context: Option<Context>,
    ) {
        let outcome = PhaseOutcome {
            phase_type,
            phase_status: if context.is_some() { Status::Failed } else { Status::Succeeded },
            duration_ms: milliseconds(started.elapsed()),
            contexts: context.into_iter().collect(),
            retries: 0,
            commands: Vec::new(),
        };
        complete(log, &outcome);
        self.result.phases.push(outcome);
    }

    fn end_processes(&mut self, log: &mut Log<'_>) -> Vec<Leftover> {
        log.begin_output(self.request.limits.shown_bytes);
        // A shell that does not end is killed there.
        let _ = self.session.close(&mut |bytes| log.output(bytes));
        log.end_output();
        let mut leftovers = leftover::end_all(&self.token, self.session.groups(), self.request.limits.grace);
        for leftover in &mut leftovers {
            leftover.command = log.masked(&leftover.command);
            log.line(&format!(
                "[WARN] process {} was left over, and was ended: {}",
                leftover.pid, leftover.command
            ));
        }
        leftovers
    }

    /// The state of the build follows from those of its phases.
    fn finish(mut self, log: &mut Log<'_>) -> BuildResult {
        let forgives = self.request.forgive_continued;
        let phases = self.request.buildspec.phases.in_order();
        let counts = |outcome: &&PhaseOutcome| {
            let phase = phases.iter().find(|(phase_type, _)| *phase_type == outcome.phase_type);
            let is_continued =
                phase.is_some_and(|(_, phase)| matches!(phase.on_failure, OnFailure::Continue));
            outcome.phase_status != Status::Failed || !(forgives && is_continued)
        };
        // Nothing runs after a time-out or a stop: of what went wrong, the last counts.
        let mut statuses = self.result.phases.iter().filter(counts).map(|outcome| outcome.phase_status);
        let wrong = statuses.rfind(|status| *status != Status::Succeeded);
        self.result.build_status = wrong.unwrap_or(Status::Succeeded);
        self.result.duration_ms = milliseconds(self.started.elapsed());
        log.line(&format!("Build complete: State: {}", self.result.build_status));
        self.result
    }
}

/// The path from the root on, if it is there.
fn absolute(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| std::path::absolute(path).ok())
}
