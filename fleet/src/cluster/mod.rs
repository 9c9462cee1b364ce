//! SQL on many machines: a scheduler, executors, and a client whose queries run there.
//!
//! The machinery is Apache Ballista's. What is ours: functions of the field are known on every machine; what may be read is fenced
//! to the stores that were named; versions that do not match are refused; an executor that dies is noticed at once; a query that
//! nobody waits for is cancelled.
//!
//! A client sends its logical plan to the scheduler, which plans it in stages of tasks and hands these to executors. What a
//! task puts out lies in the folder of its executor until the stages that read it are done. Where an executor is lost, what
//! it ran and what lay there is run again elsewhere.
//!
//! Nothing here knows who asks: whoever reaches a scheduler or an executor may use it. They listen on this machine alone
//! unless told otherwise.

mod address;
mod arguments;
mod client;
mod codec;
mod error;
mod executor;
mod fence;
mod logging;
mod query;
mod readiness;
mod scheduler;
mod session;
mod slots;
mod version;
mod watch;
mod workspace;

pub use address::{Listen, SchedulerAddress};
pub use arguments::{ExecutorArgs, PartArgs, SchedulerArgs};
pub use client::Cluster;
pub use error::Error;
pub use executor::{ExecutorOptions, run_executor};
pub use scheduler::{SchedulerOptions, run_scheduler};
pub use session::Parts;
pub use version::VERSION;

/// Bytes of one message between client, scheduler and executors: plans name every file of a table.
const MAX_MESSAGE_BYTES: u32 = 128 * 1024 * 1024;

/// Waits for the request to end (SIGTERM or SIGINT).
async fn asked_to_end() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

/// Says one line on stdout, at once: the address that a caller waits for.
fn announce(line: &str) {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    // Who closed our stdout does not want the line.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
