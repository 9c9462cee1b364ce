//! One query on a cluster: sent, waited for, asked again where its answer was lost, cancelled where nobody waits.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ballista_core::config::BallistaConfig;
use ballista_core::execution_plans::DistributedQueryExec;
use ballista_core::extension::SessionConfigExt as _;
use ballista_core::planner::{BallistaQueryPlanner, scans_only_information_schema};
use ballista_core::serde::protobuf::CancelJobParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner as _};
use datafusion::prelude::SessionConfig;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::protobuf::LogicalPlanNode;
use futures::{StreamExt as _, stream};
use tokio::sync::{Notify, mpsc};

use super::{Error, SchedulerAddress};

/// Times a query is sent, where its answer lay on an executor that was lost before it was fetched.
const ATTEMPTS: usize = 3;

/// Bytes of an answer that are held back until it is whole, so that it can be asked for again; a larger one is passed on as it comes.
const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;

/// Batches that wait for their reader.
const WAITING_BATCHES: usize = 4;

/// How long the number of a job is waited for that is to be cancelled: it comes when the query is planned.
const JOB_PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked for.
const JOB_PAUSE: Duration = Duration::from_millis(20);

type Query = DistributedQueryExec<LogicalPlanNode>;

/// Jobs whose answers are waited for, or that are being cancelled.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    running: AtomicUsize,
    ended: Notify,
}

impl Jobs {
    /// Waits until none is left.
    pub(super) async fn settled(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One of them.
struct Job(Arc<Jobs>);

impl Job {
    fn begin(jobs: &Arc<Jobs>) -> Self {
        jobs.running.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(jobs))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

/// Plans queries to be run on a cluster; what asks about the tables themselves is answered here.
pub(super) struct ClusterPlanner {
    scheduler: String,
    config: BallistaConfig,
    codec: Arc<dyn LogicalExtensionCodec>,
    jobs: Arc<Jobs>,
    /// For `EXPLAIN ANALYZE`, which gathers what executors measured.
    analyze: BallistaQueryPlanner<LogicalPlanNode>,
}

impl ClusterPlanner {
    pub(super) fn new(scheduler: &SchedulerAddress, config: &SessionConfig, jobs: Arc<Jobs>) -> Self {
        let scheduler = scheduler.to_string();
        let codec = config.ballista_logical_extension_codec();
        let config = config.ballista_config();
        let analyze =
            BallistaQueryPlanner::with_extension(scheduler.clone(), config.clone(), Arc::clone(&codec));
        Self { scheduler, config, codec, jobs, analyze }
    }
}

impl fmt::Debug for ClusterPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterPlanner({})", self.scheduler)
    }
}

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if matches!(plan, LogicalPlan::Copy(_) | LogicalPlan::Dml(_)) {
            return plan_err!("cannot run this on a cluster, which does not write: expected a query");
        }
        if scans_only_information_schema(plan)? {
            return DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await;
        }
        if matches!(plan, LogicalPlan::Analyze(_) | LogicalPlan::EmptyRelation(_)) {
            return self.analyze.create_physical_plan(plan, session).await;
        }
        Ok(Arc::new(ClusterExec::new(
            Sent {
                scheduler: self.scheduler.clone(),
                config: self.config.clone(),
                plan: plan.clone(),
                codec: Arc::clone(&self.codec),
                session_id: session.session_id().to_owned(),
            },
            Arc::clone(&self.jobs),
        )))
    }
}

/// What is sent.
#[derive(Clone, Debug)]
struct Sent {
    scheduler: String,
    config: BallistaConfig,
    plan: LogicalPlan,
    codec: Arc<dyn LogicalExtensionCodec>,
    session_id: String,
}

impl Sent {
    /// A query that has not been sent yet.
    fn query(&self) -> Query {
        Query::with_extension(
            self.scheduler.clone(),
            self.config.clone(),
            self.plan.clone(),
            Arc::clone(&self.codec),
            self.session_id.clone(),
        )
    }
}

/// A plan of one step: all of it runs on the cluster.
#[derive(Debug)]
struct ClusterExec {
    sent: Sent,
    jobs: Arc<Jobs>,
    properties: Arc<PlanProperties>,
}

impl ClusterExec {
    fn new(sent: Sent, jobs: Arc<Jobs>) -> Self {
        let schema = Arc::clone(sent.plan.schema().inner());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { sent, jobs, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ClusterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterExec: scheduler={}", self.sent.scheduler)
    }
}

impl ExecutionPlan for ClusterExec {
    fn name(&self) -> &'static str {
        "ClusterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        tokio::spawn(run(self.sent.clone(), context, sender, Job::begin(&self.jobs)));
        let batches = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch| (batch, receiver))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

/// Sends the query and passes its answer on. Ends when the answer has ended, or nobody waits for it; then the job is cancelled.
async fn run(sent: Sent, context: Arc<TaskContext>, reader: mpsc::Sender<Result<RecordBatch>>, job: Job) {
    for attempt in 1..=ATTEMPTS {
        let query = sent.query();
        let mut fetching = pin!(fetch(&query, &context, &reader));
        let end = tokio::select! {
            biased;
            () = reader.closed() => None,
            end = &mut fetching => Some(end),
        };
        match end {
            None => {
                cancel(&sent.scheduler, &query, fetching).await;
                break;
            }
            Some(End::Whole | End::Abandoned) => break,
            // The job itself went well: what it put out was lost with its executor.
            Some(End::Lost(_)) if attempt < ATTEMPTS => {}
            Some(End::Lost(error) | End::Failed(error)) => {
                // Who waits no longer need not be told.
                let _ = reader.send(Err(told(error))).await;
                break;
            }
        }
    }
    drop(job);
}

/// How a query ended.
enum End {
    /// All of its answer was passed on.
    Whole,
    /// It was answered, and the answer was lost before any of it was passed on.
    Lost(DataFusionError),
    /// It could not be answered, or half of the answer has been passed on.
    Failed(DataFusionError),
    /// Nobody waits for the rest of an answer that the cluster has given.
    Abandoned,
}

async fn fetch(query: &Query, context: &Arc<TaskContext>, reader: &mpsc::Sender<Result<RecordBatch>>) -> End {
    let mut answer = match query.execute(0, Arc::clone(context)) {
        Ok(answer) => answer,
        Err(error) => return End::Failed(error),
    };
    let mut held = Vec::new();
    let mut held_bytes = 0;
    while held_bytes <= MAX_HELD_BYTES {
        match answer.next().await {
            Some(Ok(batch)) => {
                held_bytes += batch.get_array_memory_size();
                held.push(batch);
            }
            Some(Err(error)) if is_of_the_job(&error) || query.job_id().is_none() => {
                return End::Failed(error);
            }
            Some(Err(error)) => return End::Lost(error),
            None => {
                for batch in held {
                    if reader.send(Ok(batch)).await.is_err() {
                        break;
                    }
                }
                return End::Whole;
            }
        }
    }
    for batch in held {
        if reader.send(Ok(batch)).await.is_err() {
            return End::Abandoned;
        }
    }
    while let Some(batch) = answer.next().await {
        match batch {
            Ok(batch) => {
                if reader.send(Ok(batch)).await.is_err() {
                    return End::Abandoned;
                }
            }
            Err(error) => return End::Failed(error),
        }
    }
    End::Whole
}

/// Whether the job failed, and not the way of its answer to us.
///
/// Ballista 55 has one kind of error for both; only the text of the first begins so.
fn is_of_the_job(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::Execution(text) if text.starts_with("Job ") && text.contains(" failed: "))
}

/// The error without what only says where it passed through.
fn told(error: DataFusionError) -> DataFusionError {
    let DataFusionError::Execution(text) = error.find_root() else { return error };
    let mut message = text.as_str();
    // `Job 0c9k… failed: Job failed due to stage 1 failed: Task failed …`
    if let Some(rest) = message.strip_prefix("Job ")
        && let Some((_, rest)) = rest.split_once(" failed: ")
    {
        message = rest;
    }
    Error::Failed { message: message.trim().to_owned() }.into()
}

/// Tells the scheduler that nobody waits. A job has a number only when it has been planned, and until then would begin
/// although nobody waits: so the query is followed to there.
async fn cancel(scheduler: &str, query: &Query, mut fetching: Pin<&mut impl Future<Output = End>>) {
    let numbered = async {
        loop {
            if let Some(id) = query.job_id() {
                return Some(id);
            }
            tokio::select! {
                // It has ended before it had a number: there is nothing to cancel.
                _ = &mut fetching => return None,
                () = tokio::time::sleep(JOB_PAUSE) => {}
            }
        }
    };
    let Ok(Some(id)) = tokio::time::timeout(JOB_PATIENCE, numbered).await else { return };
    if let Ok(mut client) = SchedulerGrpcClient::connect(scheduler.to_owned()).await {
        // What cannot be cancelled ends by itself.
        let _ = client.cancel_job(CancelJobParams { job_id: id.into() }).await;
    }
}
