//! What goes wrong with a store.

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A place that is none.
    #[error("cannot use `{location}` as a store: expected {expected}, found {found}")]
    Location {
        /// What was given.
        location: String,
        /// What may be given.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The object store failed.
    #[error("cannot {action} `{object}`")]
    Object {
        /// What was tried: `read`, `write`, `list`.
        action: &'static str,
        /// On what: the whole address.
        object: String,
        /// Why not.
        source: object_store::Error,
    },
}
