//! The folder of an executor: what its tasks put out, and what does not fit into memory.
//!
//! It goes when the executor ends. One that was killed leaves it behind; the next executor of this machine removes it, which it
//! may do when nobody holds the lock beside it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Error as IoError, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::Error;

/// What folders and locks are named: `plimsoll-executor-4711`, `plimsoll-executor-4711.lock`.
const NAME: &str = "plimsoll-executor-";

/// The lock's ending.
const LOCK: &str = ".lock";

/// Numbers that are tried for a name.
const MAX_NAMES: u32 = 1000;

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Workspace {
    folder: PathBuf,
    lock_path: PathBuf,
    /// Held for as long as the folder is in use.
    _lock: File,
}

impl Workspace {
    /// Makes a folder in this one, and removes what killed executors left there.
    pub(super) fn new(parent: &Path) -> Result<Self, Error> {
        let cannot = |source: IoError| Error::Service {
            action: format!("make a folder for the executor in `{}`", parent.display()),
            source: source.into(),
        };
        std::fs::create_dir_all(parent).map_err(cannot)?;
        let parent = parent.canonicalize().map_err(cannot)?;
        sweep(&parent);
        let process = std::process::id();
        for number in 0..MAX_NAMES {
            let folder = parent.join(format!("{NAME}{process}-{number}"));
            let lock_path = parent.join(format!("{NAME}{process}-{number}{LOCK}"));
            let lock = match OpenOptions::new().write(true).create_new(true).open(&lock_path) {
                Ok(lock) => lock,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(cannot(error)),
            };
            match lock.try_lock() {
                Ok(()) => {}
                // Somebody sweeps, and thinks it is old.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            // What others ran here is nobody else's business.
            DirBuilder::new().mode(0o700).create(&folder).map_err(cannot)?;
            return Ok(Self { folder, lock_path, _lock: lock });
        }
        Err(cannot(IoError::from(ErrorKind::AlreadyExists)))
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed now the next executor removes.
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// Removes the folders whose locks nobody holds. What cannot be removed stays.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(folder) = name.strip_suffix(LOCK).filter(|name| name.starts_with(NAME)) else { continue };
        let Ok(lock) = OpenOptions::new().write(true).open(&path) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(parent.join(folder));
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_executor_and_what_a_killed_one_left_goes_with_the_next() {
        let parent = std::env::temp_dir().join(format!("plimsoll-workspace-{}", std::process::id()));
        let first = Workspace::new(&parent).unwrap();
        let left = parent.join(format!("{NAME}1-0"));
        std::fs::create_dir_all(left.join("job")).unwrap();
        std::fs::write(parent.join(format!("{NAME}1-0{LOCK}")), "").unwrap();
        std::fs::create_dir_all(parent.join("somebody-elses")).unwrap();

        let second = Workspace::new(&parent).unwrap();
        assert_ne!(first.folder(), second.folder());
        assert!(first.folder().is_dir() && second.folder().is_dir() && !left.exists());
        assert!(parent.join("somebody-elses").is_dir());

        let folder = first.folder().to_owned();
        drop((first, second));
        assert!(!folder.exists());
        assert_eq!(std::fs::read_dir(&parent).unwrap().count(), 1);
        std::fs::remove_dir_all(&parent).unwrap();
    }
}
