//! A folder on this machine, walked as if it were one layer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use plimsoll_catalog::{Catalog, Cataloger, Entry, ImageFile};

use crate::error::Error;
use crate::layer::{FileCatalog, LayerCatalog, LayerGap, LayerReader};
use crate::links::resolve;
use crate::path_hash::PathHash;
use crate::spool::Content;

/// `open(2)`: fail on a symbolic link, do not wait for a FIFO's writer.
const O_NOFOLLOW: i32 = 0o400_000;
const O_NONBLOCK: i32 = 0o4000;

/// Folders of a running system's root that hold no files of its own.
const KERNEL_FOLDERS: [&str; 3] = ["proc", "sys", "dev"];

/// Walks a folder. Symbolic links are followed inside it only, and only to files.
///
/// # Errors
/// [`Error::Disk`] where the folder itself cannot be listed.
pub(crate) fn walk_folder(root: &Path, reader: &LayerReader<'_>) -> Result<LayerCatalog, Error> {
    let mut out = LayerCatalog::default();
    let mut folders: Vec<(PathBuf, String)> = vec![(root.to_owned(), String::new())];
    let mut links: Vec<String> = Vec::new();
    let is_system_root = root == Path::new("/");
    while let Some((folder, below)) = folders.pop() {
        let listed = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(source) if below.is_empty() => {
                return Err(Error::Disk { action: "read", path: folder, source });
            }
            Err(error) => {
                out.gaps.push(layer_gap(&below, format!("cannot list the folder: {error}")));
                continue;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            out.entries += 1;
            if out.entries > reader.limits.entries {
                let most = reader.limits.entries;
                out.gaps.push(layer_gap(
                    "",
                    format!(
                        "expected at most {most} entries, found more; the rest of the folder was not read"
                    ),
                ));
                return Ok(finish(out));
            }
            // The entry's own kind: links are not followed here.
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    out.gaps.push(layer_gap(&path, format!("cannot read the entry: {error}")));
                    continue;
                }
            };
            if kind.is_dir() {
                if !(is_system_root && KERNEL_FOLDERS.contains(&path.as_str())) {
                    folders.push((entry.path(), path));
                }
            } else if kind.is_file() {
                file(&entry.path(), &path, &[&path], reader, &mut out);
            } else if kind.is_symlink() {
                links.push(path);
            }
        }
    }
    for path in links {
        keep_link(root, &path, reader, &mut out);
        link(root, &path, reader, &mut out);
    }
    Ok(finish(out))
}

/// Reads one file as if it lay alone in a folder.
///
/// # Errors
/// [`Error::Disk`] where it cannot be read.
pub(crate) fn walk_file(place: &Path, reader: &LayerReader<'_>) -> Result<LayerCatalog, Error> {
    let name = place.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut out = LayerCatalog { entries: 1, ..LayerCatalog::default() };
    read_file(place, &[&name], reader, &mut out).map_err(|source| Error::Disk {
        action: "read",
        path: place.to_owned(),
        source,
    })?;
    Ok(finish(out))
}

fn finish(mut out: LayerCatalog) -> LayerCatalog {
    out.files.sort_by(|a, b| (&a.path, &a.cataloger).cmp(&(&b.path, &b.cataloger)));
    out.gaps.sort();
    out.symlinks.sort();
    out.covers.sort_unstable();
    out
}

fn layer_gap(path: &str, reason: String) -> LayerGap {
    LayerGap { path: path.to_owned(), reporter: "folder".to_owned(), reason }
}

/// Keeps a link between Node's packages, which the fold asks for; no other is asked for in a folder.
fn keep_link(root: &Path, path: &str, reader: &LayerReader<'_>, out: &mut LayerCatalog) {
    if !path.contains("node_modules/") || out.symlinks.len() >= reader.limits.symlinks {
        return;
    }
    if let Ok(target) = fs::read_link(root.join(path)) {
        out.covers.push(PathHash::of(path).0);
        out.symlinks.push((path.to_owned(), target.to_string_lossy().into_owned()));
    }
}

/// A link that stands where a cataloger looks, to a file that none wants under its own name.
fn link(root: &Path, path: &str, reader: &LayerReader<'_>, out: &mut LayerCatalog) {
    let entry = Entry { path, size: None, executable: Some(false) };
    if !reader.catalogers.iter().any(|cataloger| cataloger.wants(&entry)) {
        return;
    }
    let read_link = |at: &str| Some(fs::read_link(root.join(at)).ok()?.to_string_lossy().into_owned());
    let Some(target) = resolve(path, read_link) else {
        out.gaps.push(layer_gap(path, "expected a symbolic link to a file, found a cycle".to_owned()));
        return;
    };
    let target_entry = Entry { path: &target, ..entry };
    let read_there = reader
        .catalogers
        .iter()
        .filter(|cataloger| cataloger.wants(&entry))
        .all(|cataloger| cataloger.wants(&target_entry));
    if !read_there && root.join(&target).is_file() {
        file(&root.join(&target), &target, &[path], reader, out);
    }
}

fn file(place: &Path, path: &str, asked_as: &[&str], reader: &LayerReader<'_>, out: &mut LayerCatalog) {
    // The size and mode are asked of the disk only for what could be wanted at all.
    let could_be = |path: &str| {
        let entry = Entry { path, size: None, executable: None };
        reader.catalogers.iter().any(|cataloger| cataloger.wants(&entry))
    };
    if !asked_as.iter().any(|path| could_be(path)) {
        return;
    }
    if let Err(error) = read_file(place, asked_as, reader, out) {
        out.gaps.push(layer_gap(path, format!("cannot read the file: {error}")));
    }
}

fn read_file(
    place: &Path,
    asked_as: &[&str],
    reader: &LayerReader<'_>,
    out: &mut LayerCatalog,
) -> io::Result<()> {
    let before = fs::symlink_metadata(place)?;
    let executable = Some(before.mode() & 0o111 != 0);
    let mut wanted: Vec<(&dyn Cataloger, &str)> = Vec::new();
    for path in asked_as {
        let entry = Entry { path, size: Some(before.len()), executable };
        wanted.extend(reader.catalogers.iter().filter(|c| c.wants(&entry)).map(|c| (*c, *path)));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(place)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(());
    }
    let size = metadata.len();
    let mut head = [0; 64];
    let head_length = plimsoll_archive::ReadAt::read_at(&file, &mut head, 0)?;
    wanted.retain(|(cataloger, _)| cataloger.wants_content(&head[..head_length]));
    if wanted.is_empty() {
        return Ok(());
    }
    if size > reader.limits.file_bytes {
        let most = reader.limits.file_bytes;
        return Err(io::Error::other(format!("expected at most {most} bytes, found {size}")));
    }
    let content = if size <= reader.limits.memory_file_bytes {
        memory(&mut file, size)?
    } else {
        Content::Spooled(file)
    };
    for (cataloger, path) in wanted {
        let mut catalog = Catalog::default();
        if let Err(error) = cataloger.catalog(&ImageFile::new(path, content.as_read_at()), &mut catalog) {
            catalog.gap("", error);
        }
        if catalog != Catalog::default() {
            let cataloger = cataloger.name().to_owned();
            out.files.push(FileCatalog { path: path.to_owned(), cataloger, catalog });
        }
    }
    Ok(())
}

fn memory(file: &mut File, size: u64) -> io::Result<Content> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // A file that grows meanwhile is read to the size it had.
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    file.take(size).read_to_end(&mut bytes)?;
    Ok(Content::Memory(bytes))
}
