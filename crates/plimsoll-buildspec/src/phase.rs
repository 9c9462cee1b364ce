//! One phase: its commands, `finally`, and what follows from how they ended.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::failure::OnFailure;
use crate::log::Log;
use crate::outcome::{CommandOutcome, Context, PhaseOutcome, PhaseType, Status};
use crate::session::{End, Session};
use crate::spec::{Command, Phase};

/// Bytes at the end of a command's output that a pattern of `RETRY` is tried on.
const TAIL_BYTES: usize = 64 << 10;
/// Exit status of a command that took longer than a command may, as `timeout` has it.
const TIMED_OUT_STATUS: i32 = 124;

/// What runs commands, and what they change.
pub(crate) struct Runner<'r, 'l> {
    pub(crate) log: &'r mut Log<'l>,
    pub(crate) session: &'r mut Session,
    pub(crate) shown_bytes: u64,
    /// Whether all went well until now; commands see it as `CODEBUILD_BUILD_SUCCEEDING`.
    pub(crate) is_succeeding: bool,
}

/// What follows from how a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next phase.
    Phase,
    /// No more commands, no artifacts.
    Finalizing,
}

/// Why a command, and with it the phase, failed.
struct Failure {
    status: Status,
    context: Context,
    tail: Vec<u8>,
}

impl Runner<'_, '_> {
    /// Runs a phase.
    ///
    /// Source: AWS CodeBuild User Guide, *Build phase transitions*; *Build specification reference*, `phases`.
    pub(crate) fn phase(
        &mut self,
        phase_type: PhaseType,
        phase: &Phase,
    ) -> Result<(PhaseOutcome, Next), Error> {
        let started = Instant::now();
        self.log.line(&format!("Entering phase {phase_type}"));
        let mut commands = Vec::new();
        let mut retries = 0;
        let was_succeeding = self.is_succeeding;
        let failure = loop {
            let failure = self.attempt(phase, &mut commands)?;
            let Some(failed) = &failure else { break failure };
            let OnFailure::Retry { count, pattern } = &phase.on_failure else { break failure };
            let text = format!("{}\n{}", failed.context.message, String::from_utf8_lossy(&failed.tail));
            let is_meant = pattern.as_ref().is_none_or(|pattern| pattern.is_match(&text));
            if failed.status != Status::Failed || retries == *count || !is_meant {
                break failure;
            }
            retries += 1;
            self.is_succeeding = was_succeeding;
            self.log.line(&format!("{} {}", failed.context.status_code, failed.context.message));
            self.log.line(&format!("Retrying phase {phase_type}: {retries} of {count}"));
        };
        let (phase_status, contexts) = match failure {
            None => (Status::Succeeded, Vec::new()),
            Some(failure) => (failure.status, vec![failure.context]),
        };
        let duration_ms = milliseconds(started.elapsed());
        let outcome = PhaseOutcome { phase_type, phase_status, duration_ms, contexts, retries, commands };
        self.complete(&outcome);
        let next = next(phase_type, phase_status, &phase.on_failure);
        Ok((outcome, next))
    }

    /// Tells how a phase ended.
    pub(crate) fn complete(&mut self, outcome: &PhaseOutcome) {
        complete(self.log, outcome);
    }

    /// All commands of a phase, once.
    fn attempt(
        &mut self,
        phase: &Phase,
        outcomes: &mut Vec<CommandOutcome>,
    ) -> Result<Option<Failure>, Error> {
        let mut failure = None;
        for command in &phase.commands {
            failure = self.command(command, outcomes)?;
            if failure.is_some() {
                break;
            }
        }
        for command in &phase.finally {
            if failure.as_ref().is_some_and(|failure| failure.status != Status::Failed) {
                break;
            }
            if let Some(failed) = self.command(command, outcomes)? {
                let is_end = failed.status != Status::Failed;
                if failure.is_none() || is_end {
                    failure = Some(failed);
                }
                break;
            }
        }
        Ok(failure)
    }

    fn command(
        &mut self,
        command: &Command,
        outcomes: &mut Vec<CommandOutcome>,
    ) -> Result<Option<Failure>, Error> {
        let started = Instant::now();
        let text = command.text.trim_end_matches('\n');
        self.log.line(&format!("Running command {text}"));
        self.log.begin_output(self.shown_bytes);
        let mut tail: Vec<u8> = Vec::new();
        let log = &mut *self.log;
        let end = self.session.run(&command.text, self.is_succeeding, &mut |bytes| {
            log.output(bytes);
            keep_tail(&mut tail, bytes);
        })?;
        let (shown, hidden_bytes) = self.log.end_output();
        let masked = self.log.masked(text);
        let (exit_status, timed_out) = match end {
            End::Exited(status) => (status, false),
            End::CommandTimedOut => (TIMED_OUT_STATUS, true),
            End::BuildTimedOut => (128 + 9, true),
            End::Stopped => (128 + 9, false),
        };
        outcomes.push(CommandOutcome {
            command: masked.clone(),
            line: command.place.line,
            exit_status,
            duration_ms: milliseconds(started.elapsed()),
            output_bytes: shown + hidden_bytes,
            hidden_bytes,
            timed_out,
        });
        let (status, context) = match end {
            End::Exited(0) => return Ok(None),
            End::Exited(status) => {
                self.log.line(&format!("Command did not exit successfully {text} exit status {status}"));
                let reason = format!("Error while executing command: {masked}. Reason: exit status {status}");
                (Status::Failed, Context::new("COMMAND_EXECUTION_ERROR", reason))
            }
            End::CommandTimedOut => {
                self.log
                    .line(&format!("Command did not end in time, and was ended with all it started: {text}"));
                let reason = format!("Error while executing command: {masked}. Reason: it took too long");
                (Status::Failed, Context::new("COMMAND_EXECUTION_ERROR", reason))
            }
            End::BuildTimedOut => (Status::TimedOut, Context::new("BUILD_TIMED_OUT", "Build has timed out.")),
            End::Stopped => (Status::Stopped, Context::new("BUILD_STOPPED", "Build was stopped.")),
        };
        self.is_succeeding = false;
        Ok(Some(Failure { status, context, tail }))
    }
}

/// Tells how a phase ended, in CodeBuild's two lines.
pub(crate) fn complete(log: &mut Log<'_>, outcome: &PhaseOutcome) {
    log.line(&format!("Phase complete: {} State: {}", outcome.phase_type, outcome.phase_status));
    let (code, message) = match outcome.contexts.first() {
        Some(context) => (context.status_code.as_str(), context.message.as_str()),
        None => ("", ""),
    };
    log.line(&format!("Phase context status code: {code} Message: {message}"));
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What follows: after a failed `install` or `pre_build` the build ends; after a failed `build`, `post_build` runs, and
/// artifacts are collected after it.
fn next(phase: PhaseType, status: Status, on_failure: &OnFailure) -> Next {
    match (status, on_failure) {
        (Status::TimedOut | Status::Stopped, _) | (Status::Failed, OnFailure::Abort) => Next::Finalizing,
        (Status::Succeeded, _) | (Status::Failed, OnFailure::Continue) => Next::Phase,
        (Status::Failed, OnFailure::Transition | OnFailure::Retry { .. }) => match phase {
            PhaseType::Build | PhaseType::PostBuild => Next::Phase,
            _ => Next::Finalizing,
        },
    }
}

fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    let from = bytes.len().saturating_sub(TAIL_BYTES);
    tail.extend_from_slice(&bytes[from..]);
    if tail.len() > 2 * TAIL_BYTES {
        tail.drain(..tail.len() - TAIL_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_as_documented() {
        use PhaseType::{Build, Install, PostBuild, PreBuild};
        let retry = OnFailure::Retry { count: 3, pattern: None };
        for (phase, status, on_failure, expected) in [
            (Install, Status::Succeeded, OnFailure::Abort, Next::Phase),
            (Install, Status::Failed, OnFailure::Transition, Next::Finalizing),
            (PreBuild, Status::Failed, OnFailure::Transition, Next::Finalizing),
            (PreBuild, Status::Failed, OnFailure::Continue, Next::Phase),
            (PreBuild, Status::Failed, retry.clone(), Next::Finalizing),
            (Build, Status::Failed, OnFailure::Transition, Next::Phase),
            (Build, Status::Failed, OnFailure::Abort, Next::Finalizing),
            (Build, Status::Failed, retry, Next::Phase),
            (Build, Status::TimedOut, OnFailure::Continue, Next::Finalizing),
            (PostBuild, Status::Failed, OnFailure::Transition, Next::Phase),
            (PostBuild, Status::Stopped, OnFailure::Continue, Next::Finalizing),
        ] {
            assert_eq!(next(phase, status, &on_failure), expected, "{phase} {status} {on_failure:?}");
        }
    }

    #[test]
    fn the_tail_is_bounded() {
        let mut tail = Vec::new();
        for _ in 0..100 {
            keep_tail(&mut tail, &[b'x'; 10_000]);
        }
        keep_tail(&mut tail, b"end");
        assert!(tail.len() <= 2 * TAIL_BYTES && tail.ends_with(b"end"));
    }
}
