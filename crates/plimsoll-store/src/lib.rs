//! Results of scans as objects, in a folder or a bucket: where they lie, how they get there, who may write them, and how
//! long they stay. What reports say is not known here.
//!
//! ```
//! use plimsoll_store::{Location, Options, Put, Store};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let store = Store::open_with(&Location::parse("memory:///")?, &Options::default())?;
//! store.put("reports/a.json", "{}", Put::IfAbsent).await?;
//! assert!(store.put("reports/a.json", "[]", Put::IfAbsent).await.unwrap_err().is_conflict());
//! assert_eq!(&store.get("reports/a.json", 1 << 20).await?[..], b"{}");
//! # Ok::<(), plimsoll_store::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod key;
pub mod layout;
mod location;
mod options;
mod promotion;
mod record;
mod retention;
mod server;
mod store;
mod subject;
mod template;

pub use error::{Error, Reason};
pub use key::MAX_KEY_BYTES;
pub use location::Location;
pub use options::{Encryption, Options};
pub use plimsoll_aws::CredentialsError;
pub use promotion::{Passed, Promotion};
pub use record::{Begun, Counts, Finished, Record, Verdict};
pub use retention::{GRACE, Group, Plan, Pruned, Rules, matches, prune};
pub use store::{Meta, Put, Store};
pub use subject::Subject;
pub use template::{KeyFields, KeyTemplate};
