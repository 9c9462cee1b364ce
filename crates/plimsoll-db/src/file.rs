//! Writing of files so that whoever reads sees all of one or nothing, whenever the writer ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// What names of temporary files begin with. Nothing else in a store does.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// A temporary file that was written to the disk. It is removed unless it is put in its place.
pub(crate) struct Temporary {
    path: PathBuf,
    folder: PathBuf,
}

impl Temporary {
    /// Writes `parts` to a file of a name of its own in `folder`, which is made.
    pub(crate) fn write(folder: &Path, parts: &[&[u8]]) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder)?;
        // A file of that name may be left from a process that was ended, and had our number.
        let (path, mut file) = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{TEMPORARY}{}-{number}", process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => break (path, opened?),
            }
        };
        let temporary = Self { path, folder: folder.to_owned() };
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        Ok(temporary)
    }

    /// Puts it where it belongs, in its folder, in place of what may be there.
    pub(crate) fn rename(self, name: &str) -> io::Result<()> {
        fs::rename(&self.path, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Puts it where it belongs, in its folder, unless something is there already: then `false`.
    pub(crate) fn link(self, name: &str) -> io::Result<bool> {
        match fs::hard_link(&self.path, self.folder.join(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(without_links(error)),
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(true)
    }
}

/// FAT and some network file systems answer a link with `EPERM` or "not supported", which says nothing to a person.
fn without_links(error: io::Error) -> io::Error {
    /// "Operation not permitted", link(2); not the `EACCES` of a folder that may not be written.
    const EPERM: i32 = 1;
    if error.raw_os_error() == Some(EPERM) || error.kind() == io::ErrorKind::Unsupported {
        let text =
            "expected a file system with hard links, found one without: choose another place with `--db`";
        return io::Error::new(error.kind(), text);
    }
    error
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone where it was renamed.
        fs::remove_file(&self.path).ok();
    }
}

/// Writes a file, and its folder where that is missing, in one step.
pub(crate) fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let temporary = Temporary::write(folder, parts)?;
    fs::rename(&temporary.path, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// The bytes of a file of at most `limit` bytes; `None` for a longer one.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(limit + 1);
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    file.read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
