//! Catalogers: files of an image to packages, one file per ecosystem, behind one seam.
//!
//! A cataloger sees one file at a time and knows nothing of layers, whiteouts or other files; the fold in
//! `plimsoll-image` puts their results together. It never touches the disk or the network, never runs anything,
//! and never panics on foreign bytes: what it cannot read becomes a gap.

mod seam;

pub use seam::{Catalog, Cataloger, Entry, ImageFile, OwnedFiles, ReadError};

/// Every cataloger there is. Help, the coverage table in the documents and the tests that hold for every
/// cataloger walk this list.
pub const CATALOGERS: &[&dyn Cataloger] = &[];

/// Whether a path could be read by a cataloger of language packages, whatever its mode and content.
pub(crate) fn could_be_wanted(path: &str) -> bool {
    let entry = Entry { path, size: None, executable: None };
    CATALOGERS.iter().any(|cataloger| cataloger.wants(&entry))
}
