//! SQL over a store of results, on one machine and on a cluster.
//!
//! [`session`] gives a `DataFusion` session with the tables of `plimsoll-tables`, the [`functions`] of the field and
//! [`Limits`]. What versions mean is `plimsoll-version`'s, which columns there are is `plimsoll-tables`'.

mod error;
mod functions;
mod limits;
mod live;
mod session;
mod store_table;

pub use error::{Exit, Failure};
pub use functions::functions;
pub use limits::{DEFAULT_MEMORY_BYTES, DEFAULT_SPILL_BYTES, Limits, MIN_MEMORY_BYTES};
pub use session::{Source, register, session, state};
pub use store_table::StoreTable;
