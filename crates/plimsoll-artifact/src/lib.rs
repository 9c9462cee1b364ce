//! The advisory database as an artifact: written to a file or a registry, signed, and taken back into a store.
//!
//! An artifact is an OCI manifest of the type [`ARTIFACT_TYPE`]. Its config is the manifest of a generation, so that the
//! digest of the config is the digest of the database; its layers are *chunks*, blocks of one partition put together
//! until they are worth a request, and before those of a partition the dictionary they are packed with. Where a chunk ends
//! decide the blocks, so that a registry keeps once what two days have in common, and a reader fetches what it does not
//! have.
//!
//! [`export`] and [`import`] use a file, [`push`] and [`pull`] a registry. A signature speaks of the manifest's digest,
//! and with it of every byte. Where a key is to be believed, nothing is read before a signature of it was found; where
//! none is, [`Received::verified`] says so. What is older than what is here is refused where the caller says how new that
//! is ([`Taking::not_before`]). Whatever fails, the store's generations are as they were.
//!
//! It fetches no feeds, makes no keys, and does not decide how old a database may be.
//!
//! ```no_run
//! use plimsoll_artifact::{Packing, Taking, export, import};
//! use plimsoll_attest::{PrivateKey, Trust};
//! use plimsoll_db::Store;
//!
//! let (here, there) = (Store::at("here".as_ref()), Store::at("there".as_ref()));
//! let generation = here.current()?.expect("a store with a generation");
//! let key = PrivateKey::generate()?;
//! let packing = Packing { created: "2026-01-02T03:04:05Z", key: Some(&key), progress: None };
//! export(&generation, "database.tar".as_ref(), &packing)?;
//!
//! let trust = Trust::keys(vec![key.public()]);
//! let taking = Taking { trust: &trust, wanted: None, not_before: None, progress: None };
//! let received = import("database.tar".as_ref(), &there, &taking)?;
//! assert_eq!(received.generation.digest(), generation.digest());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
mod error;
mod layout;
mod manifest;
mod package;
mod receive;
mod remote;

pub use error::Error;
pub use layout::{Exported, export, import};
pub use manifest::{ARTIFACT_TYPE, CHUNK_MEDIA_TYPE, CONFIG_MEDIA_TYPE, DICTIONARY_MEDIA_TYPE};
pub use package::{Packing, Progress};
pub use receive::{Received, Taking};
pub use remote::{Pushed, pull, push};

/// Gives foreign bytes to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(bytes: &[u8]) {
    let _ = manifest::ArtifactManifest::parse(bytes, "fuzz");
    let _ = chunk::unpack(bytes, bytes.first().copied().map_or(0, u64::from));
}
