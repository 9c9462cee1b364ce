//! The file's bytes: mapped into memory, or owned.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// Bytes that stay as they are.
#[derive(Debug)]
pub(crate) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a file, read-only.
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        // An empty file cannot be mapped.
        if file.metadata()?.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: the mapping is undefined only if the file changes under it. A database is never written in place:
        // `Builder::write` makes a new file and renames it over the old one, whose pages stay while they are mapped.
        // Somebody else who truncates or rewrites the file in place can end the process (SIGBUS) or give it other
        // bytes; each byte is checked when it is read, and what is checked is used or copied at once. That residue is
        // the price of every mapped file; `plimsoll db` never causes it.
        #[expect(unsafe_code, reason = "mapping a file is unsafe; the one exception of the workspace")]
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
