//! Folders copied, measured and hashed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;

/// Most entries of a folder that is copied.
const MAX_ENTRIES: u64 = 1_000_000;
/// Most bytes of a folder that is copied: 64 GiB.
const MAX_BYTES: u64 = 64 << 30;
/// Deepest folder that is entered.
const MAX_DEPTH: usize = 128;
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What was copied.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// What was left out, each with its reason, in one line.
    pub(crate) left_out: Vec<String>,
}

/// What is not copied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Without<'w> {
    /// Whether entries named `.git` are left out.
    pub(crate) git: bool,
    /// A folder of ours that may lie inside.
    pub(crate) folder: Option<&'w Path>,
}

/// Copies a folder with its permissions, times and links. A link that leads out of it becomes the file it leads to; a
/// folder that lies outside, sockets and devices are left out.
pub(crate) fn copy(from: &Path, to: &Path, without: Without<'_>) -> Result<Copied, Error> {
    fs::create_dir_all(to).map_err(Error::disk("make folder", to))?;
    let own = without.folder.and_then(|folder| folder.canonicalize().ok());
    let mut copied = Copied::default();
    let mut entries = 0_u64;
    let mut folders = Vec::new();
    let mut open = vec![(from.to_owned(), to.to_owned(), PathBuf::new())];
    while let Some((source, target, name)) = open.pop() {
        let listed = fs::read_dir(&source).map_err(Error::disk("read folder", &source))?;
        for entry in listed {
            let entry = entry.map_err(Error::disk("read folder", &source))?;
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(Error::Limit { path: from.to_owned(), limit: MAX_ENTRIES, unit: "entries" });
            }
            if without.git && entry.file_name() == ".git" {
                continue;
            }
            let (path, target) = (entry.path(), target.join(entry.file_name()));
            let name = name.join(entry.file_name());
            let kind = entry.file_type().map_err(Error::disk("read", &path))?;
            if kind.is_dir() {
                if own.as_ref().is_some_and(|own| path.canonicalize().is_ok_and(|path| path == *own)) {
                    continue;
                }
                if name.components().count() > MAX_DEPTH {
                    return Err(Error::Limit {
                        path,
                        limit: MAX_DEPTH as u64,
                        unit: "folders in each other",
                    });
                }
                fs::create_dir_all(&target).map_err(Error::disk("make folder", &target))?;
                folders.push((path.clone(), target.clone()));
                open.push((path, target, name));
            } else if kind.is_symlink() && stays_inside(&path, &name) {
                let to = fs::read_link(&path).map_err(Error::disk("read link", &path))?;
                std::os::unix::fs::symlink(to, &target).map_err(Error::disk("make link", &target))?;
            } else if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                copied.bytes += file(&path, &target)?;
                copied.files += 1;
                if copied.bytes > MAX_BYTES {
                    return Err(Error::Limit { path: from.to_owned(), limit: MAX_BYTES, unit: "bytes" });
                }
            } else {
                let what = if kind.is_symlink() { "a link that leads out or nowhere" } else { "no file" };
                copied.left_out.push(format!("`{}` was left out: {what}", name.display()));
            }
        }
    }
    // Last, since a folder that may not be written to could not be filled.
    for (source, target) in folders.into_iter().rev() {
        if let Ok(metadata) = fs::metadata(&source) {
            let mode = metadata.permissions().mode() | 0o700;
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(&target, permissions).map_err(Error::disk("make folder", &target))?;
        }
    }
    copied.left_out.sort();
    Ok(copied)
}

/// Copies a file with its permissions and time; answers its bytes.
fn file(from: &Path, to: &Path) -> Result<u64, Error> {
    let bytes = fs::copy(from, to).map_err(Error::disk("copy", from))?;
    if let Ok(modified) = fs::metadata(from).and_then(|metadata| metadata.modified())
        && let Ok(file) = File::options().write(true).open(to)
    {
        // Best effort: a file that may not be written to keeps the time of its copy.
        let _ = file.set_modified(modified);
    }
    Ok(bytes)
}

/// Whether a link leads to a place below the folder that its name begins in.
pub(crate) fn stays_inside(link: &Path, name: &Path) -> bool {
    fs::read_link(link).is_ok_and(|to| leads_inside(&to, name))
}

/// Whether what a link named `name` holds leads to a place below the folder that the name begins in.
pub(crate) fn leads_inside(to: &Path, name: &Path) -> bool {
    let mut depth = name.components().count().saturating_sub(1);
    for component in to.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

/// The files and links of a folder by their names, sorted.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new(), 0_usize)];
    while let Some((folder, name, depth)) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::disk("read folder", &folder))? {
            let entry = entry.map_err(Error::disk("read folder", &folder))?;
            let own = entry.file_name().to_string_lossy().into_owned();
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            let kind = entry.file_type().map_err(Error::disk("read", entry.path()))?;
            if !kind.is_dir() {
                found.push((name, entry.path()));
            } else if depth < MAX_DEPTH {
                open.push((entry.path(), name, depth + 1));
            }
            if found.len() as u64 > MAX_ENTRIES {
                return Err(Error::Limit { path: folder, limit: MAX_ENTRIES, unit: "entries" });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// SHA-256 over names and bytes of all files, in hexadecimal digits: the same for the same contents.
pub(crate) fn digest(folder: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    for (name, path) in files(folder)? {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        let metadata = fs::symlink_metadata(&path).map_err(Error::disk("read", &path))?;
        if metadata.is_symlink() {
            let to = fs::read_link(&path).map_err(Error::disk("read link", &path))?;
            hash.update(to.as_os_str().as_encoded_bytes());
            continue;
        }
        let mut file = File::open(&path).map_err(Error::disk("read", &path))?;
        hash.update(metadata.len().to_le_bytes());
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = file.read(&mut chunk).map_err(Error::disk("read", &path))?;
            if count == 0 {
                break;
            }
            hash.update(&chunk[..count]);
        }
    }
    Ok(hex(&hash.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_copied_with_what_matters_and_without_what_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        for (name, text) in [("a/run.sh", "x"), (".git/config", "x"), ("a/.git", "x"), ("own/x", "x")] {
            let path = from.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(folder.path().join("outside"), "o").unwrap();
        fs::set_permissions(from.join("a/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, from.join(name)).unwrap();
        link("a/run.sh", "inside");
        link("../outside", "a-file-outside");
        link("..", "a-folder-outside");
        link("/nowhere", "nothing");
        let to = folder.path().join("to");
        let own = from.join("own");
        let copied = copy(&from, &to, Without { git: true, folder: Some(&own) }).unwrap();
        assert_eq!((copied.files, copied.bytes), (2, 2));
        assert_eq!(copied.left_out.len(), 2, "{copied:?}");
        let names: Vec<_> = files(&to).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a-file-outside", "a/run.sh", "inside"]);
        assert_eq!(fs::metadata(to.join("a/run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(to.join("inside").is_symlink() && !to.join("a-file-outside").is_symlink());
    }

    #[test]
    fn a_digest_knows_names_and_bytes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        let one = digest(folder.path()).unwrap();
        assert_eq!((one.len(), digest(folder.path()).unwrap()), (64, one.clone()));
        fs::write(folder.path().join("a"), "2").unwrap();
        let other = digest(folder.path()).unwrap();
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        let renamed = digest(folder.path()).unwrap();
        assert!(one != other && other != renamed && one != renamed);
    }
}
