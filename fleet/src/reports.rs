//! Tables over JSON reports, ours or Trivy's: what a store's Parquet files hold, read from the reports themselves.
//!
//! Files are read side by side; of each only the columns are made that a query asks for. A query that has enough rows
//! ends the reading. What is no report is named once and left out, or fails the query.

mod files;
mod read;
mod warnings;

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use plimsoll_tables::{PARTITION_COLUMN, Table};

use files::ReportFile;
pub(crate) use files::{Found, Reports, look};
use read::Reader;
pub(crate) use warnings::ReportsError;
pub use warnings::Warnings;

/// Batches that wait for who asked.
const WAITING_BATCHES: usize = 2;

/// A table over reports.
#[derive(Debug)]
pub(crate) struct ReportsTable {
    reports: Reports,
    table: Table,
    schema: SchemaRef,
    warnings: Warnings,
}

impl ReportsTable {
    pub(crate) fn new(reports: Reports, table: Table, warnings: Warnings) -> Self {
        let day = Arc::new(Field::new(PARTITION_COLUMN, DataType::Utf8, false));
        let fields: Vec<_> = table.schema().fields().iter().cloned().chain([day]).collect();
        Self { reports, table, schema: Arc::new(Schema::new(fields)), warnings }
    }
}

#[async_trait]
impl TableProvider for ReportsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.reports.list().await?;
        let columns: Vec<usize> =
            projection.map_or_else(|| (0..self.schema.fields().len()).collect(), Clone::clone);
        let schema = Arc::new(self.schema.project(&columns)?);
        let parts = split(files, state.config().target_partitions());
        let partitions = parts.into_iter().map(|files| {
            Arc::new(Part {
                files,
                table: self.table,
                columns: columns.clone(),
                schema: Arc::clone(&schema),
                warnings: self.warnings.clone(),
            }) as Arc<dyn PartitionStream>
        });
        let plan = StreamingTableExec::try_new(
            Arc::clone(&schema),
            partitions.collect(),
            None,
            Vec::new(),
            false,
            limit,
        )?;
        Ok(Arc::new(plan))
    }
}

/// Files in so many parts of about one size, in order. At least one part.
fn split(files: Vec<ReportFile>, parts: usize) -> Vec<Vec<ReportFile>> {
    let total: u64 = files.iter().map(ReportFile::weight).sum();
    let share = total.div_ceil(u64::try_from(parts.max(1)).unwrap_or(u64::MAX)).max(1);
    let mut split: Vec<Vec<ReportFile>> = vec![Vec::new()];
    let mut filled = 0;
    for file in files {
        if filled >= share {
            split.push(Vec::new());
            filled = 0;
        }
        filled += file.weight();
        split.last_mut().expect("there is at least one part").push(file);
    }
    split
}

/// Some of the files, read one after the other.
#[derive(Debug)]
struct Part {
    files: Vec<ReportFile>,
    table: Table,
    columns: Vec<usize>,
    schema: SchemaRef,
    warnings: Warnings,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING_BATCHES);
        let sender = builder.tx();
        let files = self.files.clone();
        let mut reader = Reader::new(self.table, &self.columns, Arc::clone(&self.schema));
        let rows = context.session_config().batch_size();
        let warnings = self.warnings.clone();
        builder.spawn(async move {
            for file in files {
                let bytes = match file.fetch().await {
                    Ok(bytes) => bytes,
                    Err(reason) => {
                        warnings.add(&file.name, reason)?;
                        continue;
                    }
                };
                // Of large ones only one is in memory at a time.
                let permit = file.permit().await;
                let work = move || {
                    let read = reader.push(&file, &bytes);
                    (reader, file, read)
                };
                let done = tokio::task::spawn_blocking(work).await;
                drop(permit);
                let (back, file, read) = done.map_err(|error| DataFusionError::External(Box::new(error)))?;
                reader = back;
                if let Err(reason) = read {
                    warnings.add(&file.name, reason)?;
                }
                if reader.count() >= rows && sender.send(Ok(reader.finish()?)).await.is_err() {
                    // Nobody wants more.
                    return Ok(());
                }
            }
            if reader.count() > 0 {
                let batch = reader.finish()?;
                // Who does not want it is gone.
                let _ = sender.send(Ok(batch)).await;
            }
            Ok(())
        });
        builder.build()
    }
}

#[cfg(test)]
#[path = "reports/tests.rs"]
mod tests;
