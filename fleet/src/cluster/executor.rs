//! An executor: runs tasks, and keeps what they put out until it is fetched.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::ids::new_instance_id;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::ExecutorHealth;

use super::workspace::Workspace;
use super::{Error, Listen, MAX_MESSAGE_BYTES, Parts, SchedulerAddress, announce, asked_to_end, session};

/// How often an executor says that it lives.
pub(super) const HEARTBEAT_SECONDS: u64 = 5;

/// How long it waits for its scheduler to come up.
const SCHEDULER_PATIENCE_SECONDS: u16 = 30;

/// How often is looked whether it has joined.
const JOIN_PAUSE: Duration = Duration::from_millis(20);

/// How an executor is run.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    /// The scheduler that gives it work.
    pub scheduler: SchedulerAddress,
    /// Where others fetch what its tasks put out. It takes tasks at the next port, and where this is 0 at another free one.
    pub listen: Listen,
    /// Whether others than this machine may reach it.
    pub allow_anyone: bool,
    /// The name or address that others reach it by, where it is not what it listens on.
    pub advertise: Option<String>,
    /// Where its folder is made.
    pub work_folder: PathBuf,
    /// Tasks at once; as many as processors where it is not said.
    pub slots: Option<usize>,
    /// Bytes of memory for all tasks together, beyond which they write to the folder; 70 % of the machine's, or of its container's,
    /// where it is not said.
    pub memory_bytes: Option<u64>,
}

/// Runs an executor until it is asked to end, or its scheduler has not answered five heartbeats. Asked to end, it
/// takes no more tasks, and ends when those that run are done.
///
/// Says one line on stdout when it has joined.
///
/// # Errors
/// [`Error::Open`] for an address that others reach, [`Error::Service`] where it cannot listen, or cannot join, or the scheduler
/// is gone.
pub async fn run_executor(options: ExecutorOptions, parts: Parts) -> Result<(), Error> {
    options.listen.check(options.allow_anyone)?;
    let workspace = Workspace::new(&options.work_folder)?;
    let health = ExecutorHealth::new();
    let config = config(&options, &workspace, parts, health.clone())?;
    let slots = config.vcores;
    let line = format!(
        "plimsoll executor: {} listening on {}:{}, {slots} slots, joined {}",
        config.executor_id, config.bind_host, config.port, options.scheduler
    );

    let is_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_asked);
    tokio::spawn(async move {
        if asked_to_end().await.is_ok() {
            asked.store(true, Ordering::Release);
        }
    });
    let joined = tokio::spawn(async move {
        while !health.is_ready() {
            tokio::time::sleep(JOIN_PAUSE).await;
        }
        announce(&line);
    });
    let ended = start_executor_process(Arc::new(config)).await;
    let has_joined = joined.is_finished();
    joined.abort();
    let source: Box<dyn std::error::Error + Send + Sync> = match ended {
        Ok(()) if is_asked.load(Ordering::Acquire) => return Ok(()),
        Ok(()) => "the scheduler is gone, or has given this executor up".into(),
        Err(error) => Box::new(error),
    };
    let action = if has_joined { "work for" } else { "join" };
    Err(Error::Service { action: format!("{action} the scheduler at `{}`", options.scheduler), source })
}

fn config(
    options: &ExecutorOptions,
    workspace: &Workspace,
    parts: Parts,
    health: ExecutorHealth,
) -> Result<ExecutorProcessConfig, Error> {
    let (port, control_port) = ports(options.listen)?;
    let bind = options.listen.address().ip();
    // Of an address of all networks the scheduler takes the one that it sees.
    let external_host =
        options.advertise.clone().or_else(|| (!bind.is_unspecified()).then(|| bind.to_string()));
    let spill = workspace.folder().to_owned();
    let registry = parts.registry();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(ExecutorProcessConfig {
        executor_id: new_instance_id(),
        bind_host: bind.to_string(),
        external_host,
        port,
        grpc_port: control_port,
        scheduler_host: options.scheduler.host().to_owned(),
        scheduler_port: options.scheduler.port(),
        scheduler_connect_timeout_seconds: SCHEDULER_PATIENCE_SECONDS,
        vcores: options.slots.unwrap_or(threads).max(1),
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(workspace.folder().to_string_lossy().into_owned()),
        grpc_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_max_encoding_message_size: MAX_MESSAGE_BYTES,
        executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        memory_pool_size: options.memory_bytes,
        override_function_registry: Some(Arc::new(registry)),
        override_config_producer: Some(session::config_producer()),
        override_runtime_producer: Some(Arc::new(move |config| {
            super::version::check(config)?;
            parts.runtime(Some(&spill))
        })),
        health,
        ..ExecutorProcessConfig::default()
    })
}

/// Two ports: for what tasks put out, and for tasks.
///
/// Ballista binds them itself and cannot be given port 0: free ones are taken and let go just before.
fn ports(listen: Listen) -> Result<(u16, u16), Error> {
    let address = listen.address();
    if address.port() != 0 {
        return match address.port().checked_add(1) {
            Some(next) => Ok((address.port(), next)),
            None => Err(Error::Address {
                address: listen.to_string(),
                what: "an address to listen on",
                expected: "a port below 65535, since the next one is used too",
                found: "the last one".to_owned(),
            }),
        };
    }
    let free = || {
        let listener = TcpListener::bind(SocketAddr::new(address.ip(), 0))?;
        let port = listener.local_addr()?.port();
        Ok::<_, std::io::Error>((listener, port))
    };
    let two = || -> std::io::Result<(u16, u16)> {
        let (first, port) = free()?;
        let (second, control_port) = free()?;
        drop((first, second));
        Ok((port, control_port))
    };
    two().map_err(|error| Error::Service { action: format!("listen on `{listen}`"), source: error.into() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_ports_are_taken() {
        let ports = |text: &str| super::ports(text.parse().unwrap());
        assert_eq!(ports("127.0.0.1:5000").unwrap(), (5000, 5001));
        assert!(ports("127.0.0.1:65535").is_err());
        let (first, second) = ports("127.0.0.1:0").unwrap();
        assert!(first != 0 && second != 0 && first != second);
    }
}
