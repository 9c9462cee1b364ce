//! A session: the tables, the functions, the limits.

use std::sync::Arc;

use anyhow::Context as _;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use plimsoll_store::{Location, Store};
use plimsoll_tables::Table;

use crate::error::{Exit, Failure};
use crate::functions::functions;
use crate::limits::Limits;
use crate::store_table::StoreTable;

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

/// Names of the views.
pub(crate) fn views() -> impl Iterator<Item = &'static str> {
    VIEWS.iter().map(|(name, _)| *name)
}

/// Where tables come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The Parquet tables of a store.
    Store(Location),
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
        .with_config(limits.config())
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
pub async fn register(context: &SessionContext, source: &Source) -> Result<(), Failure> {
    let wrong = |error: datafusion::common::DataFusionError| Failure::new(Exit::Failed, error);
    match source {
        Source::Store(location) => {
            let store = Store::open(location).map_err(|error| Failure::new(Exit::Failed, error))?;
            for &table in Table::ALL {
                let provider = Arc::new(StoreTable::new(store.clone(), table));
                context.register_table(table.name(), provider).map_err(wrong)?;
            }
        }
    }
    for (name, query) in VIEWS {
        let view = context.sql(query).await.map_err(wrong)?.into_view();
        context.register_table(*name, view).map_err(wrong)?;
    }
    Ok(())
}

/// A session on this machine.
///
/// # Errors
/// As [`state`] and [`register`].
pub async fn session(source: &Source, limits: &Limits) -> Result<SessionContext, Failure> {
    let context = SessionContext::new_with_state(state(limits)?);
    register(&context, source).await?;
    Ok(context)
}
