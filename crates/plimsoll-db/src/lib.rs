//! The advisory database: read-only files, built from sources, mapped into memory, asked by name.
//!
//! [`Builder`] makes a file, [`Store`] a folder of them: the same records give the same bytes, whatever the order they
//! come in, so a digest says what was asked. [`open`] opens either without reading more than headers, and gives a
//! [`Snapshot`] that answers [`plimsoll_model::AdvisoryLookup`]; [`Database`] is one file.
//!
//! No bytes of a file are trusted: each length, offset and text is checked where it is read, so that a damaged
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
//! # Partitions, blocks, generations
//!
//! A [`Store`] is a folder of *partitions*: one file for each release of a distribution (`Debian:12`), each ecosystem of a
//! language (`PyPI`), and for facts of flaws alone (`cve`, `epss`, `nvd`). Texts of an advisory that stands in several
//! releases of one ecosystem are kept once, in the partition of the bare ecosystem (`Debian`). A *generation* is a
//! [`Manifest`] that lists partitions by the digests of their content; [`Store::publish`] makes the next of it and an
//! [`Update`], and writes those partitions alone that change. [`Generation::open`] gives a [`Snapshot`] that answers as
//! one database. A single file holds everything in one partition named [`EVERYTHING`].
//!
//! The content of a partition is its *blocks*: records (documents with their packages, and facts), sorted by kind, day of
//! publication, ID, source and scope, in zstd frames whose ends are decided by the records themselves, so that a
//! changed record changes one block. All else is derived from them, by [`Builder::from_blocks`] on any machine. [`diff`]
//! reads the blocks that differ.
//!
//! # The file
//!
//! All numbers are little-endian; *varint* is LEB128 of at most 64 bits; a *text* is a varint length and UTF-8.
//!
//! ```text
//! header      "PLIMSOLL", format u32, sections u32, file length u64, SHA-256 of the content (name and blocks' digests),
//!             for each section: kind u32, 0 u32, offset u64, length u64, SHA-256;
//!             SHA-256 of all of the above
//! name        of the partition
//! meta        JSON, see `Info`
//! namespaces  sorted; ecosystem text, release text
//! strings     count u32, count + 1 offsets u32, bytes: what is said over and over
//! packages    sorted by namespace and name; number of the namespace, name, its entries
//! dictionary  empty, or how many bytes the blocks had when it was trained u64, and a dictionary of zstd
//! blocks      for each block: offset u64, number of its first document u32, its length unpacked u32, records u32, 0 u32,
//!             SHA-256 of what it unpacks to
//! documents   the blocks, packed: length of the first frame u32, that frame, and where there are texts a second one;
//!             a document's place among the documents is its number
//! heads       for each document: ID, source, names, dates, ratings; everything but packages and texts
//! ids         sorted; ID, alias or CVE: numbers of documents, scores, entry in the KEV catalogue, EPSS
//! filter      of the IDs that something is known under
//! index       of packages: open-addressing hash table of u64
//! ```

mod apply;
mod block;
mod builder;
mod bytes;
mod columns;
mod database;
mod derive;
mod dictionary;
mod diff;
mod documents;
mod entries;
mod error;
mod fetched;
mod file;
mod filter;
mod generation;
mod heads;
mod ids;
mod index;
mod info;
mod layout;
mod manifest;
mod map;
mod merge;
mod prune;
mod record;
mod search;
mod snapshot;
mod split;
mod store;
mod strings;
mod update;

pub use block::{MAX_BLOCK_BYTES, MAX_FRAME_BYTES};
pub use builder::Builder;
pub use database::{Block, Database, Record};
pub use dictionary::MAX_DICTIONARY_BYTES;
pub use diff::{Change, ChangeKind, diff};
pub use entries::{Entries, Entry, Events, RangeEvent};
pub use error::Error;
pub use fetched::{KnownBlocks, PartitionWriter};
pub use generation::Generation;
pub use info::{BuildReport, EcosystemInfo, Info, Origin};
pub use layout::{FILE_NAME, FORMAT};
pub use manifest::{
    FailureInfo, MANIFEST_SCHEMA, MAX_KEPT_FAILURES, MAX_MANIFEST_BYTES, MAX_PARTITIONS, Manifest,
    PartitionInfo, SourceInfo,
};
pub use prune::Pruned;
pub use search::{FoundPackage, SearchResult, search};
pub use snapshot::{Snapshot, open};
pub use split::EVERYTHING;
pub use store::Store;
pub use update::{Changes, Update};
