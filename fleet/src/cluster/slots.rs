//! Free slots of executors, counted from the tasks that run.
//!
//! Ballista 55 keeps a number of free slots for each executor: a task takes from it, and its last message gives back. Where a
//! stage is rolled back, because what it reads was lost with an executor, its tasks on other executors are forgotten, and
//! their last messages then give nothing back. An executor of one slot is never given a task again, and the job waits for
//! ever. So the number is not kept here: total slots less the slots of the tasks that its jobs know to run there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::ExecutorHeartbeat;
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::state::task_manager::JobInfoCache;

type ActiveJobs = HashMap<JobId, JobInfoCache>;

/// Executors of a cluster, whose free slots are counted when tasks are handed out.
#[derive(Default)]
pub(super) struct CountedSlots {
    executors: InMemoryClusterState,
}

/// Slots that are taken on each executor.
async fn taken(jobs: &ActiveJobs) -> HashMap<String, u32> {
    let mut taken = HashMap::new();
    for job in jobs.values() {
        let graph = job.execution_graph.read().await;
        for task in graph.running_tasks() {
            let slots = graph.task_vcores(task.stage_id, task.task_id).unwrap_or(1);
            *taken.entry(task.executor_id).or_insert(0) += slots;
        }
    }
    taken
}

#[async_trait]
impl ClusterState for CountedSlots {
    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        jobs: Arc<ActiveJobs>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        let taken = taken(&jobs).await;
        // Ballista binds tasks for a state of its own alone; this one lives for one call.
        let now = InMemoryClusterState::default();
        for executor in self.executors.registered_executor_metadata().await {
            let total = executor.specification.vcores;
            let slots = ExecutorData {
                executor_id: executor.id.clone(),
                total_vcores: total,
                available_vcores: total.saturating_sub(taken.get(&executor.id).copied().unwrap_or(0)),
            };
            now.register_executor(executor, slots).await?;
        }
        now.bind_schedulable_tasks(distribution, jobs, executors).await
    }

    async fn unbind_tasks(&self, _: Vec<ExecutorSlot>) -> Result<()> {
        Ok(())
    }

    async fn register_executor(&self, metadata: ExecutorMetadata, data: ExecutorData) -> Result<()> {
        self.executors.register_executor(metadata, data).await
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.executors.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.executors.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.executors.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.executors.save_executor_heartbeat(heartbeat).await
    }

    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        self.executors.remove_executor(executor_id).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.executors.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.executors.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.executors.cluster_state_events().await
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::extension::SessionConfigExt as _;
    use ballista_core::serde::scheduler::{ExecutorOperatingSystemSpecification, ExecutorSpecification};
    use ballista_scheduler::planner::DefaultDistributedPlanner;
    use ballista_scheduler::state::execution_graph::{ExecutionGraphBox, StaticExecutionGraph};
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// A job whose first stage has two tasks.
    async fn job() -> (JobId, JobInfoCache) {
        let config = SessionConfig::new_with_ballista().with_target_partitions(2);
        let context = SessionContext::new_with_config(config.clone());
        let rows = "SELECT a, count(*) FROM (SELECT 1 AS a UNION ALL SELECT 2 AS a) GROUP BY a";
        let plan = context.sql(rows).await.unwrap().create_physical_plan().await.unwrap();
        let id = JobId::from("job".to_owned());
        let graph = StaticExecutionGraph::new(
            "scheduler",
            &id,
            "",
            "session",
            plan,
            0,
            Arc::new(config),
            &mut DefaultDistributedPlanner::new(),
            None,
        );
        let mut graph: ExecutionGraphBox = Box::new(graph.unwrap());
        graph.revive();
        (id, JobInfoCache::new(graph))
    }

    async fn register(state: &dyn ClusterState, id: &str) {
        let metadata = ExecutorMetadata {
            id: id.to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1,
            grpc_port: 2,
            specification: ExecutorSpecification { vcores: 1 },
            os_info: ExecutorOperatingSystemSpecification::default(),
        };
        let slots = ExecutorData { executor_id: id.to_owned(), total_vcores: 1, available_vcores: 1 };
        state.register_executor(metadata, slots).await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_was_forgotten_takes_no_slot() {
        let state = CountedSlots::default();
        register(&state, "one").await;
        let (job_id, job) = job().await;
        let jobs = Arc::new(HashMap::from([(job_id, job.clone())]));
        let bind = || state.bind_schedulable_tasks(TaskDistributionPolicy::Bias, Arc::clone(&jobs), None);

        assert_eq!(bind().await.unwrap().len(), 1);
        // The only slot is taken, though there is another task.
        assert!(job.execution_graph.read().await.available_tasks() > 0);
        assert!(bind().await.unwrap().is_empty());

        // What runs is forgotten, and nothing is ever given back.
        {
            let mut graph = job.execution_graph.write().await;
            let id = graph.running_tasks()[0].stage_id;
            graph.rollback_running_stage(id, HashSet::new()).unwrap();
            graph.resolve_stage(id).unwrap();
            graph.revive();
        }
        assert_eq!(bind().await.unwrap().len(), 1);

        register(&state, "two").await;
        let bound = bind().await.unwrap();
        assert_eq!(bound.iter().map(|(executor, _)| executor.as_str()).collect::<Vec<_>>(), ["two"]);
    }
}
