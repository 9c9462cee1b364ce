//! The advisory database: one read-only file, built from sources, mapped into memory, asked by name.
//!
//! [`Builder`] makes it: the same records give the same bytes, whatever the order they come in, so its digest says
//! what was asked. [`Database`] opens it without reading more than the header, and answers
//! [`plimsoll_model::AdvisoryLookup`].
//!
//! No bytes of the file are trusted: each length, offset and text is checked where it is read, so that a damaged
//! file gives an error and never a panic. Nothing is fetched here, and no version is compared.
//!
//! ```
//! use plimsoll_db::{Builder, Database};
//! use plimsoll_model::{AdvisoryLookup as _, Ecosystem, Namespace};
//!
//! let record = br#"{"id": "GHSA-xxxx", "affected": [{"package": {"ecosystem": "PyPI", "name": "Flask"},
//!     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.2.5"}]}]}]}"#;
//! let mut builder = Builder::new();
//! if let plimsoll_advisory::Outcome::Advisory(advisory) = plimsoll_advisory::parse_record(record)?.outcome {
//!     builder.add(*advisory);
//! }
//! let database = Database::from_bytes(builder.to_bytes()?)?;
//! let found = database.candidates(&Namespace::whole(Ecosystem::PyPi), "flask")?;
//! assert_eq!(database.advisory(found[0].advisory)?.id, "GHSA-xxxx");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The file
//!
//! All numbers are little-endian; *varint* is LEB128 of at most 64 bits; a *text* is a varint length and UTF-8.
//!
//! ```text
//! header      "PLIMSOLL", format u32, sections u32, file length u64,
//!             for each section: kind u32, 0 u32, offset u64, length u64, SHA-256;
//!             SHA-256 of all of the above, which is the digest of the database
//! meta        JSON, see `Info`
//! namespaces  sorted; ecosystem text, release text
//! strings     count u32, count + 1 offsets u32, bytes: what is said over and over
//! packages    sorted by namespace and name; number of the namespace, name, its entries
//! blocks      for each block of documents: offset u64, number of its first document u32, its length unpacked u32
//! documents   blocks, each a zstd frame of documents, sorted by ID; a document's place is its number
//! ids         sorted; ID, alias or CVE: numbers of documents, scores, entry in the KEV catalogue
//! indexes     one of packages, one of ids: open-addressing hash table of u64
//! ```

mod builder;
mod bytes;
mod database;
mod documents;
mod entries;
mod error;
mod ids;
mod index;
mod info;
mod layout;
mod map;
mod strings;
mod write;

pub use builder::Builder;
pub use database::Database;
pub use entries::{Entries, Entry, Events, RangeEvent};
pub use error::Error;
pub use info::{BuildReport, EcosystemInfo, Info};
pub use layout::{FILE_NAME, FORMAT};
