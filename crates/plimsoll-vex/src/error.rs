//! What can go wrong with a VEX document.

/// A document that cannot be read, and says nothing therefore.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than [`crate::MAX_DOCUMENT_BYTES`].
    #[error("cannot read VEX document `{name}`: expected at most {limit_bytes} bytes, found {found_bytes}")]
    TooLarge {
        /// What the caller called it.
        name: String,
        /// The limit.
        limit_bytes: usize,
        /// Its size.
        found_bytes: usize,
    },
    /// No JSON, or JSON beyond the limits; `source` says where.
    #[error("cannot read VEX document `{name}`: expected JSON")]
    Syntax {
        /// What the caller called it.
        name: String,
        /// Where, and what was found.
        source: serde_json::Error,
    },
    /// Another format, or another version of one.
    #[error(
        "cannot read VEX document `{name}`: expected OpenVEX, CSAF 2.0 or CycloneDX (1.4 to 1.7) in JSON, found {found}"
    )]
    UnknownFormat {
        /// What the caller called it.
        name: String,
        /// What it is instead.
        found: String,
    },
    /// A field that is missing, or of another shape than its format gives it.
    #[error("cannot read VEX document `{name}`: at `{at}`: expected {expected}, found {found}")]
    Field {
        /// What the caller called it.
        name: String,
        /// Where: `statements[2].status`; `$` is the document itself.
        at: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A statement that must not be written.
    #[error("cannot write VEX statement on `{vulnerability}`: expected {expected}, found {found}")]
    Statement {
        /// The flaw's name; empty where it has none.
        vulnerability: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}
