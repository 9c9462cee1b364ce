//! Wanted files too large for memory, put aside without a name.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_archive::ReadAt;

/// The bytes of a wanted file.
pub(crate) enum Content {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file that has no name any more: it goes with its handle, however the process ends.
    Spooled(File),
}

impl Content {
    /// As a cataloger reads it.
    pub(crate) fn as_read_at(&self) -> &dyn ReadAt {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Spooled(file) => file,
        }
    }
}

/// A new file in `folder`, unlinked before the first byte is written.
pub(crate) fn unnamed_file(folder: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".spool-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A file with these first bytes, ready to take the rest.
pub(crate) fn spool(folder: &Path, head: &[u8]) -> io::Result<File> {
    let mut file = unnamed_file(folder)?;
    file.write_all(head)?;
    Ok(file)
}
