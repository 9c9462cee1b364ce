//! Where VEX documents come from: files and folders, what is attached to an image in its registry, VEX repositories.
//!
//! [`find_files`] and [`find`] read them, open signed envelopes, and give what `plimsoll-vex` judges. A document that somebody named
//! is read or is an error; what was not asked for by name and is not taken is a [`Notice`].
//!
//! It judges nothing and writes nothing but its cache. It checks signatures by keys that it is given, and neither
//! certificates nor transparency logs.
//!
//! ```
//! use plimsoll_vex_source::Source;
//!
//! assert_eq!("oci".parse::<Source>()?, Source::Attached);
//! assert_eq!("vex/app.json".parse::<Source>()?, Source::Path("vex/app.json".into()));
//! assert!(matches!("repo:https://vex.example".parse::<Source>()?, Source::Repository(_)));
//! # Ok::<(), plimsoll_vex_source::Error>(())
//! ```

mod attached;
mod error;
mod files;
mod open;
mod repository;
mod source;

pub use error::Error;
pub use repository::Address;
pub use source::Source;

use std::path::Path;

use jiff::Timestamp;
use plimsoll_attest::VerifyingKey;
use plimsoll_model::Inventory;
use plimsoll_vex::Document;

/// How documents are looked for.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// Whose signatures are believed. Without a key everything is taken at its word.
    pub keys: &'a [VerifyingKey],
    /// How registries and other hosts are reached.
    pub reach: &'a plimsoll_oci::Options,
    /// Where VEX repositories are kept; `None`: nowhere.
    pub cache_folder: Option<&'a Path>,
    /// A folder that takes large files for a while.
    pub temporary_folder: &'a Path,
    /// Now: a repository that was asked long ago is asked again.
    pub now: Timestamp,
    /// Whether VEX repositories are taken from the cache alone. A registry that gives the image gives what is beside it.
    pub offline: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The documents, in the order of their sources, and of their names in one source.
    pub documents: Vec<FoundDocument>,
    /// What a person should look at. They follow from what was read alone.
    pub notices: Vec<Notice>,
    /// What happened on the way: that a repository could not be asked, and what is kept of it was taken.
    pub notes: Vec<String>,
}

/// A document and where it lay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDocument {
    /// The document.
    pub document: Document,
    /// Where it lay.
    pub place: Place,
}

/// Where a document lay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File,
    /// Beside the image.
    Attached,
    /// In a VEX repository, whose statements speak of much that an image does not have.
    Repository,
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is about signatures, and not about what the document is.
    pub is_about_trust: bool,
    /// The document or the place.
    pub origin: String,
    /// What is to be known of it.
    pub text: String,
}

impl Found {
    fn take(&mut self, document: Document, place: Place) {
        self.documents.push(FoundDocument { document, place });
    }

    fn notice(&mut self, origin: impl Into<String>, text: impl Into<String>) {
        self.notices.push(Notice { is_about_trust: false, origin: origin.into(), text: text.into() });
    }

    fn unverified(&mut self, origin: impl Into<String>, text: impl Into<String>) {
        self.notices.push(Notice { is_about_trust: true, origin: origin.into(), text: text.into() });
    }
}

/// Reads the documents of the sources that are files and folders, for which nothing need be known of an image.
///
/// # Errors
/// [`Error`]: a file that cannot be read, a document that is none.
pub fn find_files(sources: &[Source], keys: &[VerifyingKey]) -> Result<Found, Error> {
    let mut found = Found::default();
    for source in sources {
        if let Source::Path(path) = source {
            files::find(path, keys, &mut found)?;
        }
    }
    Ok(found)
}

/// Adds the documents of all other sources that may speak of what was scanned.
///
/// # Errors
/// [`Error`]: a registry or a repository that cannot be read, a document that is none.
pub fn find(
    sources: &[Source],
    inventory: &Inventory,
    looking: &Looking<'_>,
    found: &mut Found,
) -> Result<(), Error> {
    for source in sources {
        match source {
            Source::Path(_) => {}
            Source::Attached => attached::find(inventory, looking, found)?,
            Source::Repository(address) => repository::find(address, inventory, looking, found)?,
        }
    }
    Ok(())
}

/// Gives foreign bytes to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(bytes: &[u8]) {
    let digest = format!("sha256:{}", "0".repeat(64));
    let rules = open::Rules { keys: &[], must_be_signed: false, image: Some(&[digest]) };
    let _ = open::open(bytes, "fuzz", &rules);
    repository::fuzz_parsers(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Source>();
    }
}
