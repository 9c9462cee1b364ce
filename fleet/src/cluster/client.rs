//! The client: a session whose queries run on a cluster.

use std::sync::Arc;
use std::time::Duration;

use ballista_core::extension::SessionConfigExt as _;
use datafusion::error::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;

use super::codec::Codec;
use super::query::{ClusterPlanner, Jobs};
use super::{Error, SchedulerAddress, readiness, version};

/// Milliseconds before a part of an answer is asked for again; Ballista's 3000 would make a lost executor cost 9 seconds.
const RETRY_WAIT_MS: &str = "500";

/// Who wants to end does not wait longer for jobs to be cancelled.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// A cluster that answers.
#[derive(Clone, Debug)]
pub struct Cluster {
    scheduler: SchedulerAddress,
    jobs: Arc<Jobs>,
}

impl Cluster {
    /// Asks the scheduler whether it is there and has executors; at most for five seconds.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Foreign`], [`Error::NoExecutors`], [`Error::Version`].
    pub async fn connect(scheduler: SchedulerAddress) -> Result<Self, Error> {
        readiness::ask(&scheduler).await?;
        Ok(Self { scheduler, jobs: Arc::default() })
    }

    /// A session as the given one, tables and functions included, whose queries run on the cluster.
    ///
    /// # Errors
    /// None now; settings that the cluster cannot take would be.
    pub fn session(&self, state: SessionState) -> Result<SessionContext> {
        let config = state
            .config()
            .clone()
            .upgrade_for_ballista()
            // Ballista 55 plans as it goes by default, and then waits for ever where an executor is lost between two stages.
            .with_ballista_adaptive_query_planner(false)
            .with_ballista_logical_extension_codec(Arc::new(Codec::of_client()))
            .with_ballista_grpc_client_max_message_size(super::MAX_MESSAGE_BYTES as usize)
            .set_str("ballista.client.io_retry_wait_time_ms", RETRY_WAIT_MS);
        let config = version::sign(config);
        let planner = ClusterPlanner::new(&self.scheduler, &config, Arc::clone(&self.jobs));
        let rules = ballista_core::optimizer::with_ballista_optimizer_rules(state.optimizers());
        let state = SessionStateBuilder::new_from_existing(state)
            .with_config(config)
            .with_optimizer_rules(rules)
            .with_query_planner(Arc::new(planner))
            .build();
        Ok(SessionContext::new_with_state(state))
    }

    /// Waits until the jobs are cancelled whose answers nobody waits for any more, at most five seconds: to be called
    /// before the program ends after a query was given up.
    pub async fn settle(&self) {
        // What is not cancelled by then the cluster brings to its end alone.
        let _ = tokio::time::timeout(CANCEL_PATIENCE, self.jobs.settled()).await;
    }
}
