//! The table `advisories`, straight from an advisory database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use plimsoll_tables::{PARTITION_COLUMN, Table, advisory_rows, day, instant};

use crate::error::{Exit, Failure};

/// Batches that wait for who asked.
const WAITING_BATCHES: usize = 2;

/// The table over a database: a store of generations, or a single file. It is opened anew for every query.
#[derive(Debug)]
pub(crate) struct DatabaseTable {
    path: PathBuf,
    schema: SchemaRef,
}

impl DatabaseTable {
    /// # Errors
    /// Where the database cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        plimsoll_db::open(path, None, None).map_err(|error| {
            Failure::new(Exit::Failed, error)
                .hint("`plimsoll db update` fetches one, `plimsoll db info` says where it is")
        })?;
        let date = Arc::new(Field::new(PARTITION_COLUMN, DataType::Utf8, false));
        let fields: Vec<_> = Table::Advisories.schema().fields().iter().cloned().chain([date]).collect();
        Ok(Self { path: path.to_owned(), schema: Arc::new(Schema::new(fields)) })
    }
}

#[async_trait]
impl TableProvider for DatabaseTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<usize> =
            projection.map_or_else(|| (0..self.schema.fields().len()).collect(), Clone::clone);
        let schema = Arc::new(self.schema.project(&columns)?);
        let part = Arc::new(Part { path: self.path.clone(), columns, schema: Arc::clone(&schema) });
        let plan = StreamingTableExec::try_new(schema, vec![part], None, Vec::new(), false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// All rows, one after the other.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING_BATCHES);
        let sender = builder.tx();
        let (path, columns, schema) = (self.path.clone(), self.columns.clone(), Arc::clone(&self.schema));
        builder.spawn_blocking(move || {
            let external = |error: anyhow::Error| DataFusionError::External(error.into());
            let database = plimsoll_db::open(&path, None, None).map_err(|error| external(anyhow!(error)))?;
            let info = database.database_info().map_err(|error| external(anyhow!(error)))?;
            let date = day(instant(&info.updated).unwrap_or_default());
            let mut failed = None;
            let mut is_wanted = true;
            let mut take = |batch: &RecordBatch| {
                if is_wanted && failed.is_none() {
                    match project(batch, &columns, &schema, &date) {
                        // Nobody wants more where this fails; what follows is thrown away.
                        Ok(batch) => is_wanted = sender.blocking_send(Ok(batch)).is_ok(),
                        Err(error) => failed = Some(error),
                    }
                }
                Ok(())
            };
            let walked = advisory_rows(&database, None, &mut take);
            walked.map_err(|error| DataFusionError::External(Box::new(error)))?;
            failed.map_or(Ok(()), Err)
        });
        builder.build()
    }
}

/// The columns that are asked for; the one behind the table's own is the day.
fn project(batch: &RecordBatch, columns: &[usize], schema: &SchemaRef, date: &str) -> Result<RecordBatch> {
    let days = || Arc::new(StringArray::from_iter_values((0..batch.num_rows()).map(|_| date))) as ArrayRef;
    let column = |&at: &usize| batch.columns().get(at).cloned().unwrap_or_else(days);
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = columns.iter().map(column).collect();
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
