//! The scheduler: plans queries, hands tasks to executors, and tells clients where their answers are.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::ExecutorStoppedParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_scheduler::cluster::{BallistaCluster, ClusterStateEvent};
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::slots::CountedSlots;
use super::watch::{Sight, watch};
use super::{Error, Listen, MAX_MESSAGE_BYTES, Parts, announce, asked_to_end, session};

/// An executor whose heartbeats stay out for so long is lost. They come every
/// [`HEARTBEAT_SECONDS`](super::executor::HEARTBEAT_SECONDS).
const EXECUTOR_TIMEOUT_SECONDS: u64 = 30;

/// How often that is looked at.
const EXPIRE_INTERVAL_SECONDS: u64 = 5;

/// How long jobs wait for an executor when the last one is lost.
const NO_EXECUTORS_SECONDS: u64 = 60;

/// How long answers lie on executors for clients to fetch.
const JOB_DATA_SECONDS: u64 = 300;

/// How long is remembered how a job ended.
const JOB_STATE_SECONDS: u64 = 600;

/// How long jobs may take to end when the scheduler is asked to.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// How often they are looked at.
const END_PAUSE: Duration = Duration::from_millis(100);

type Server = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// How a scheduler is run.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// Where it listens.
    pub listen: Listen,
    /// Whether others than this machine may reach it.
    pub allow_anyone: bool,
    /// The name or address that executors reach it by, where it is not what it listens on.
    pub advertise: Option<String>,
}

/// Runs a scheduler until it is asked to end; then it waits for its jobs, at most for thirty seconds.
///
/// Says one line on stdout when it listens, and one on stderr for each executor that comes or goes.
///
/// # Errors
/// [`Error::Open`] for an address that others reach, [`Error::Address`] where executors could not know its name,
/// [`Error::Service`] where it cannot listen.
pub async fn run_scheduler(options: SchedulerOptions, parts: Parts) -> Result<(), Error> {
    options.listen.check(options.allow_anyone)?;
    let cannot = |source: Box<dyn std::error::Error + Send + Sync>| Error::Service {
        action: format!("listen on `{}`", options.listen),
        source,
    };
    let listener = TcpListener::bind(options.listen.address()).await.map_err(|error| cannot(error.into()))?;
    let address = listener.local_addr().map_err(|error| cannot(error.into()))?;
    let host = match &options.advertise {
        Some(host) => host.clone(),
        None if address.ip().is_unspecified() => {
            return Err(Error::Address {
                address: options.listen.to_string(),
                what: "the address that executors reach the scheduler by",
                expected: "`--advertise HOST` beside an address of all networks",
                found: "none".to_owned(),
            });
        }
        None => bracketed(address.ip()),
    };
    let config = Arc::new(config(address, &host, parts));
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| Error::Service {
        action: "run the scheduler".to_owned(),
        source,
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|error| broken(Box::new(error)))?;
    let cluster = BallistaCluster::new(Arc::new(CountedSlots::default()), cluster.job_state());
    let server: Server = create_scheduler(cluster, config).await.map_err(|error| broken(Box::new(error)))?;
    let watching = tokio::spawn(watch_executors(server.clone(), address));
    announce(&format!("plimsoll scheduler: listening on http://{host}:{}", address.port()));

    let ended = tokio::select! {
        ended = start_grpc_service_with_listener(listener, server.clone()) => {
            ended.map_err(|error| broken(Box::new(error)))
        }
        asked = jobs_ended(&server) => asked.map_err(|error| broken(error.into())),
    };
    watching.abort();
    ended
}

/// An address as it stands before a port.
fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn config(address: SocketAddr, host: &str, parts: Parts) -> SchedulerConfig {
    let mut config = SchedulerConfig {
        external_host: host.to_owned(),
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        executor_timeout_seconds: EXECUTOR_TIMEOUT_SECONDS,
        expire_dead_executor_interval_seconds: EXPIRE_INTERVAL_SECONDS,
        no_executors_grace_period_seconds: NO_EXECUTORS_SECONDS,
        finished_job_data_clean_up_interval_seconds: JOB_DATA_SECONDS,
        finished_job_state_clean_up_interval_seconds: JOB_STATE_SECONDS,
        grpc_server_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MAX_MESSAGE_BYTES,
        grpc_client_max_message_size: MAX_MESSAGE_BYTES,
        ..SchedulerConfig::default()
    };
    config.override_logical_codec = Some(Arc::new(parts.codec()));
    config.override_config_producer = Some(session::config_producer());
    config.override_session_builder = Some(Arc::new(move |config| parts.session(config)));
    config
}

/// Waits for the request to end, then for the jobs.
async fn jobs_ended(server: &Server) -> std::io::Result<()> {
    asked_to_end().await?;
    let deadline = Instant::now() + END_PATIENCE;
    let running = || server.running_job_number() + server.pending_job_number();
    if running() > 0 {
        eprintln!(
            "plimsoll scheduler: ending after {} jobs, at most in {} s",
            running(),
            END_PATIENCE.as_secs()
        );
    }
    while running() > 0 && Instant::now() < deadline {
        tokio::time::sleep(END_PAUSE).await;
    }
    Ok(())
}

/// Watches each executor that joins, and tells the scheduler when it is gone.
async fn watch_executors(server: Server, address: SocketAddr) {
    let Ok(mut events) = server.cluster_state_events().await else { return };
    while let Some(event) = events.next().await {
        if let ClusterStateEvent::RegisteredExecutor { executor_id } = event {
            tokio::spawn(watch_executor(server.clone(), address, executor_id));
        }
    }
}

async fn watch_executor(server: Server, scheduler: SocketAddr, id: String) {
    let executors = &server.state.executor_manager;
    let Ok(executor) = executors.get_executor_metadata(&id).await else { return };
    let place = format!("{}:{}", executor.host, executor.port);
    eprintln!("plimsoll scheduler: executor {id} joined, {place}, {} slots", executor.specification.vcores);
    match watch(&executor.host, executor.grpc_port).await {
        Sight::Unsure => {}
        // One that ended in good order has said so itself.
        Sight::Gone if executors.get_executor_metadata(&id).await.is_err() => {
            eprintln!("plimsoll scheduler: executor {id} left, {place}");
        }
        Sight::Gone => {
            eprintln!(
                "plimsoll scheduler: executor {id} is lost, {place}; what it had is run again elsewhere"
            );
            let reason = "nobody listens at its address".to_owned();
            if let Ok(mut client) =
                SchedulerGrpcClient::connect(format!("http://{}", reached(scheduler))).await
            {
                // Where this fails, the heartbeats that stay out say the same later.
                let _ = client.executor_stopped(ExecutorStoppedParams { executor_id: id, reason }).await;
            }
        }
    }
}

/// How the scheduler reaches itself.
fn reached(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        });
    }
    address
}
