//! A session: the tables, the functions, the limits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use datafusion::catalog::TableProvider;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use plimsoll_store::{Location, Store};
use plimsoll_tables::Table;

use crate::database_table::DatabaseTable;
use crate::error::{Exit, Failure};
use crate::functions::functions;
use crate::limits::Limits;
use crate::reports::{Found, Reports, ReportsTable, Warnings, look};
use crate::store_table::StoreTable;

/// Tables, and who gives their rows.
type Tables = Vec<(Table, Arc<dyn TableProvider>)>;

/// Views over the tables: name and query. The newest scan of each reference, and what it found.
const VIEWS: &[(&str, &str)] = &[
    (
        "latest_scans",
        "SELECT * EXCEPT (place) FROM (SELECT *, row_number() OVER (PARTITION BY reference ORDER BY scanned_at DESC, \
         scan_id DESC) AS place FROM scans) AS ordered WHERE place = 1",
    ),
    (
        "latest_findings",
        "SELECT findings.* FROM findings WHERE findings.scan_id IN (SELECT latest_scans.scan_id FROM latest_scans)",
    ),
];

/// Catalogue and schema that tables stand in.
const CATALOG: (&str, &str) = ("plimsoll", "public");

/// Names of all tables and views of a session, and of what was defined in it.
pub(crate) fn table_names(context: &SessionContext) -> Vec<String> {
    let catalog = context.catalog(CATALOG.0);
    let schema = catalog.and_then(|catalog| catalog.schema(CATALOG.1));
    let mut names = schema.map_or_else(Vec::new, |schema| schema.table_names());
    names.sort();
    names
}

/// Where tables come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The Parquet tables of a store; `advisories` from a database instead, where one is named.
    Store {
        /// The store.
        location: Location,
        /// An advisory database.
        database: Option<PathBuf>,
    },
    /// JSON reports.
    Reports {
        /// Files, folders, prefixes.
        locations: Vec<Location>,
        /// Whether a file that is no report fails the query.
        is_strict: bool,
        /// An advisory database.
        database: Option<PathBuf>,
    },
}

impl Source {
    /// The tables of a store.
    pub fn store(location: Location) -> Self {
        Self::Store { location, database: None }
    }

    fn database(&self) -> Option<&Path> {
        match self {
            Self::Store { database, .. } | Self::Reports { database, .. } => database.as_deref(),
        }
    }
}

/// What plans and runs queries here, with the functions and limits, and without tables.
///
/// # Errors
/// Where the folder for what is spilled cannot be made.
pub fn state(limits: &Limits) -> Result<SessionState, Failure> {
    let runtime = limits
        .runtime()
        .context("cannot make a folder for what does not fit into memory")
        .map_err(|error| Failure::new(Exit::Failed, error))?;
    let mut state = SessionStateBuilder::new()
        .with_config(limits.config().with_default_catalog_and_schema(CATALOG.0, CATALOG.1))
        .with_runtime_env(runtime)
        .with_default_features()
        .build();
    for function in functions() {
        use datafusion::execution::FunctionRegistry as _;
        state.register_udf(function).map_err(|error| Failure::new(Exit::Failed, error))?;
    }
    Ok(state)
}

/// Registers the tables of a source and the views over them.
///
/// # Errors
/// Where the store cannot be opened.
pub async fn register(context: &SessionContext, source: &Source) -> Result<Warnings, Failure> {
    let wrong = |error: datafusion::common::DataFusionError| Failure::new(Exit::Failed, error);
    // Without views of texts where plans are sent to other machines: see [`StoreTable::plain`].
    let has_views = context.copied_config().options().execution.parquet.schema_force_view_types;
    let (mut tables, warnings) = tables(source, has_views).await?;
    if let Some(path) = source.database() {
        let advisories = Arc::new(DatabaseTable::open(path)?) as Arc<dyn TableProvider>;
        tables.retain(|(table, _)| *table != Table::Advisories);
        tables.push((Table::Advisories, advisories));
    }
    for (table, provider) in tables {
        context.register_table(table.name(), provider).map_err(wrong)?;
    }
    for (name, query) in VIEWS {
        let view = context.sql(query).await.map_err(wrong)?.into_view();
        context.register_table(*name, view).map_err(wrong)?;
    }
    Ok(warnings)
}

/// The tables of a source, and what will be said of files that are left out.
async fn tables(source: &Source, has_views: bool) -> Result<(Tables, Warnings), Failure> {
    let of_store = |location: &Location| -> Result<Tables, Failure> {
        let store = Store::open(location).map_err(|error| Failure::new(Exit::Failed, error))?;
        let made = if has_views { StoreTable::new } else { StoreTable::plain };
        let table = |&table| (table, Arc::new(made(store.clone(), table)) as Arc<dyn TableProvider>);
        Ok(Table::ALL.iter().map(table).collect())
    };
    match source {
        Source::Store { location, .. } => Ok((of_store(location)?, Warnings::default())),
        Source::Reports { locations, is_strict, .. } => {
            if let [location] = locations.as_slice()
                && matches!(look(location).await?, Found::Store)
            {
                return Ok((of_store(location)?, Warnings::default()));
            }
            let reports = Reports::open(locations)?;
            let warnings = Warnings::new(*is_strict);
            let table = |&table| {
                let provider = ReportsTable::new(reports.clone(), table, warnings.clone());
                (table, Arc::new(provider) as Arc<dyn TableProvider>)
            };
            Ok((Table::ALL.iter().map(table).collect(), warnings))
        }
    }
}

/// A session on this machine.
///
/// # Errors
/// As [`state`] and [`register`].
pub async fn session(source: &Source, limits: &Limits) -> Result<SessionContext, Failure> {
    let context = SessionContext::new_with_state(state(limits)?);
    let _ = register(&context, source).await?;
    Ok(context)
}
