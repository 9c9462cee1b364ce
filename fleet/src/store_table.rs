//! A table of a store: its Parquet files, of which no more is read than a query needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, StringViewArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue, Statistics, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::{ParquetFormat, transform_schema_to_view};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectMeta;
use plimsoll_store::{Location, Store};
use plimsoll_tables::{LiveFile, PARTITION_COLUMN, Table, live_files};

/// The most files whose footers are read to plan a query; of more, only the number of rows is estimated.
const MAX_FOOTERS: usize = 512;

/// Size of a row as stored, in bytes: what rows of packages and findings come to about.
const STORED_ROW_BYTES: usize = 32;

/// Footers that are read at once.
const FOOTERS_AT_ONCE: usize = 16;

/// A table of a store. It lists its files anew for every query: a shell sees what was added meanwhile.
#[derive(Debug)]
pub struct StoreTable {
    store: Store,
    table: Table,
    /// Columns of the files, texts as views.
    file_schema: SchemaRef,
    /// These and the day.
    schema: TableSchema,
}

impl StoreTable {
    /// A table of an open store.
    pub fn new(store: Store, table: Table) -> Self {
        Self::of(store, table, Arc::new(transform_schema_to_view(&table.schema())), DataType::Utf8View)
    }

    /// The same with texts that are whole, not views: between machines a view takes all of its buffers along.
    pub fn plain(store: Store, table: Table) -> Self {
        Self::of(store, table, table.schema(), DataType::Utf8)
    }

    fn of(store: Store, table: Table, file_schema: SchemaRef, text: DataType) -> Self {
        let day = Arc::new(Field::new(PARTITION_COLUMN, text, false));
        let schema =
            TableSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(vec![day]).build();
        Self { store, table, file_schema, schema }
    }

    /// The type of texts.
    fn text(&self) -> &DataType {
        self.schema.table_partition_cols().last().map_or(&DataType::Utf8View, |day| day.data_type())
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Which table it is.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Where files are asked for: the folder's own file system, with whole paths, so that another process on another
    /// machine that sees the folder can read them too; else the bucket.
    fn address(&self, state: &dyn Session) -> Result<(ObjectStoreUrl, object_store::path::Path)> {
        match self.store.location() {
            Location::Folder(folder) => {
                let folder = std::fs::canonicalize(folder)?;
                let prefix = object_store::path::Path::from_absolute_path(&folder)
                    .map_err(|error| DataFusionError::External(Box::new(error)))?;
                Ok((ObjectStoreUrl::local_filesystem(), prefix))
            }
            Location::Bucket { bucket, .. } => {
                let url = ObjectStoreUrl::parse(bucket.as_str())?;
                let objects = Arc::clone(self.store.objects());
                state.runtime_env().register_object_store(url.as_ref(), objects);
                Ok((url, object_store::path::Path::default()))
            }
        }
    }

    /// The files of the days that conditions leave.
    fn prune(&self, state: &dyn Session, files: Vec<LiveFile>, filters: &[Expr]) -> Result<Vec<LiveFile>> {
        let of_days: Vec<Expr> = filters.iter().filter(|filter| is_of_day(filter)).cloned().collect();
        let Some(condition) = conjunction(of_days) else { return Ok(files) };
        let days: BTreeSet<&str> = files.iter().map(|file| file.date.as_str()).collect();
        let schema = Arc::new(Schema::new(vec![Field::new(PARTITION_COLUMN, self.text().clone(), false)]));
        let values = days.iter().map(|day| Some(*day));
        let array: ArrayRef = match self.text() {
            DataType::Utf8 => Arc::new(values.collect::<StringArray>()),
            _ => Arc::new(values.collect::<StringViewArray>()),
        };
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array])?;
        let condition =
            state.create_physical_expr(strip(condition)?, &DFSchema::try_from(Arc::clone(&schema))?)?;
        let holds = condition.evaluate(&batch)?.into_array(batch.num_rows())?;
        let holds = as_boolean_array(&holds)?;
        let left: BTreeSet<String> = days
            .iter()
            .enumerate()
            .filter(|(at, _)| holds.is_valid(*at) && holds.value(*at))
            .map(|(_, day)| (*day).to_owned())
            .collect();
        Ok(files.into_iter().filter(|file| left.contains(&file.date)).collect())
    }

    /// An error with the name of the file that it is about.
    fn named(&self, error: DataFusionError, meta: &ObjectMeta) -> DataFusionError {
        let DataFusionError::ParquetError(source) = error else { return error };
        DataFusionError::External(Box::new(plimsoll_tables::Error::Damaged {
            object: meta.location.to_string(),
            table: self.table.name(),
            source: *source,
        }))
    }

    /// What all files hold: counted where their footers were read, else estimated by size, so that joins begin with the
    /// smaller side.
    fn estimate(&self, files: &[PartitionedFile]) -> Result<Statistics> {
        let schema = self.schema();
        let footers: Option<Vec<&Statistics>> = files.iter().map(|file| file.statistics.as_deref()).collect();
        if let Some(footers) = footers {
            return Statistics::try_merge_iter(footers, &schema);
        }
        let size: u64 = files.iter().map(|file| file.object_meta.size).sum();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut unknown = Statistics::new_unknown(&schema);
        unknown.num_rows = Precision::Inexact(size / STORED_ROW_BYTES);
        unknown.total_byte_size = Precision::Inexact(size);
        Ok(unknown)
    }

    /// The files as the scan takes them, with what their footers say where they are few.
    async fn partitioned(
        &self,
        state: &dyn Session,
        url: &ObjectStoreUrl,
        prefix: &object_store::path::Path,
        files: Vec<LiveFile>,
        format: &ParquetFormat,
    ) -> Result<Vec<PartitionedFile>> {
        let with_footers = files.len() <= MAX_FOOTERS;
        let objects = state.runtime_env().object_store(url)?;
        futures::stream::iter(files.into_iter().map(|LiveFile { meta, date, .. }| {
            let location = prefix.parts().chain(meta.location.parts()).collect();
            let meta = ObjectMeta { location, ..meta };
            let objects = Arc::clone(&objects);
            async move {
                let day = match self.text() {
                    DataType::Utf8 => ScalarValue::Utf8(Some(date)),
                    _ => ScalarValue::Utf8View(Some(date)),
                };
                let mut file = PartitionedFile::new_from_meta(meta).with_partition_values(vec![day]);
                if with_footers {
                    let schema = Arc::clone(&self.file_schema);
                    let known = format
                        .infer_stats_and_ordering(state, &objects, schema, &file.object_meta)
                        .await
                        .map_err(|error| self.named(error, &file.object_meta))?;
                    file = file.with_statistics(Arc::new(known.statistics));
                }
                Ok::<_, DataFusionError>(file)
            }
        }))
        .buffered(FOOTERS_AT_ONCE)
        .try_collect()
        .await
    }
}

/// Whether a condition asks for nothing but the day.
fn is_of_day(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && columns.iter().all(|column| column.name == PARTITION_COLUMN)
        && !filter.is_volatile()
}

/// The condition with its columns' tables left out.
fn strip(condition: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode as _};
    Ok(condition
        .transform(|expression| {
            Ok(match expression {
                Expr::Column(mut column) => {
                    column.relation = None;
                    Transformed::yes(Expr::Column(column))
                }
                other => Transformed::no(other),
            })
        })?
        .data)
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if is_of_day(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = live_files(&self.store, self.table)
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let files = self.prune(state, files, filters)?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let format = ParquetFormat::default().with_options(options);
        let (url, prefix) = self.address(state)?;
        let files = self.partitioned(state, &url, &prefix, files, &format).await?;
        let statistics = self.estimate(&files)?;
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let source = Arc::new(ParquetSource::new(self.schema.clone()));
        let unconditional = filters.iter().all(is_of_day);
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| unconditional))
            .build();
        format.create_physical_plan(state, config).await
    }
}
