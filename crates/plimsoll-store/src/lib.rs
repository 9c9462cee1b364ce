//! Results of scans as objects, in a folder or a bucket.

mod error;
mod location;
mod store;

pub use error::Error;
pub use location::Location;
pub use store::Store;
