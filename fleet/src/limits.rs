//! What a query may take: memory, disk, processors, time and rows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;

/// Memory of queries where nothing is said, in bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 1 << 30;

/// Least memory that is given to queries, in bytes: less would not hold one batch of each operator.
pub const MIN_MEMORY_BYTES: u64 = 16 << 20;

/// Disk that queries may fill where nothing is said, in bytes.
pub const DEFAULT_SPILL_BYTES: u64 = 16 << 30;

/// Footers of Parquet files that are kept, in bytes of memory.
const METADATA_CACHE_BYTES: usize = 64 << 20;

/// The part of memory that a sort keeps free to merge what it has spilled: one in so many.
const RESERVED_PART: u64 = 32;

/// Operators that an error about memory names.
const NAMED_CONSUMERS: usize = 3;

/// What a session may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory for sorting, joining and grouping, in bytes; what does not fit is spilled, or refused.
    pub memory_bytes: u64,
    /// Disk that may be filled with what was spilled, in bytes; 0 spills nothing.
    pub spill_bytes: u64,
    /// Where; the system's folder for temporary files by default.
    pub spill_folder: Option<PathBuf>,
    /// Threads; as many as the machine has processors by default.
    pub threads: Option<usize>,
    /// How long a statement may run.
    pub timeout: Option<Duration>,
    /// The most rows of a result that are written.
    pub max_rows: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: DEFAULT_MEMORY_BYTES,
            spill_bytes: DEFAULT_SPILL_BYTES,
            spill_folder: None,
            threads: None,
            timeout: None,
            max_rows: None,
        }
    }
}

impl Limits {
    /// The environment that queries run in: memory, disk, caches.
    ///
    /// # Errors
    /// Where the folder for what is spilled cannot be made.
    pub fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let mode = match &self.spill_folder {
            _ if self.spill_bytes == 0 => DiskManagerMode::Disabled,
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let disk = DiskManagerBuilder::default()
            .with_mode(mode)
            .with_max_temp_directory_size(self.spill_bytes.max(1));
        let memory = usize::try_from(self.memory_bytes).unwrap_or(usize::MAX);
        let named = std::num::NonZeroUsize::new(NAMED_CONSUMERS).expect("three is not zero");
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(memory), named)))
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(METADATA_CACHE_BYTES)
            .build_arc()
    }

    /// How queries are planned.
    pub fn config(&self) -> SessionConfig {
        let mut config = SessionConfig::new().with_information_schema(true);
        if let Some(threads) = self.threads {
            config = config.with_target_partitions(threads.max(1));
        }
        let options = config.options_mut();
        // Errors name line and column.
        options.sql_parser.collect_spans = true;
        // Conditions are applied while columns are decoded: the others of rows that do not hold are never decoded.
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        // Columns of conditions are not kept for the answer: where few rows hold, keeping costs more than decoding those again.
        options.execution.parquet.max_predicate_cache_size = Some(0);
        // Kept free for merging what was spilled: a part of what there is.
        let reserved = usize::try_from(self.memory_bytes / RESERVED_PART).unwrap_or(usize::MAX);
        options.execution.sort_spill_reservation_bytes =
            options.execution.sort_spill_reservation_bytes.min(reserved);
        // What people name, `date` say, is text as the tables have it.
        options.execution.parquet.schema_force_view_types = true;
        config
    }
}
