//! SQL over a store of results, on one machine and on a cluster.
//!
//! [`session`] gives a `DataFusion` session with the tables of `plimsoll-tables`, the [`functions`] of the field and
//! [`Limits`]. What versions mean is `plimsoll-version`'s, which columns there are is `plimsoll-tables`'.

mod args;
pub mod cluster;
mod database_table;
mod environment;
mod error;
mod explained;
mod functions;
mod limits;
#[cfg(test)]
mod made;
mod output;
#[cfg(test)]
mod questions;
mod reports;
mod run;
mod session;
mod settings;
mod shell;
mod sql;
mod statements;
mod store_table;

pub use args::{Action, Bytes, Command, Common, LimitArgs, ResultArgs, Span, SqlArgs, TableArgs};
pub use environment::Environment;
pub use error::{Exit, Failure};
pub use functions::functions;
pub use limits::{DEFAULT_MEMORY_BYTES, DEFAULT_SPILL_BYTES, Limits, MIN_MEMORY_BYTES};
pub use output::{Format, Place};
pub use reports::Warnings;
pub use run::{Answer, Runner};
pub use session::{Source, register, session, state};
pub use sql::run as sql;
pub use statements::MAX_SQL_BYTES;
pub use store_table::StoreTable;
