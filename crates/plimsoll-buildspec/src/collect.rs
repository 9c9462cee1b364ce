//! Files that patterns mean, and their copies.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::Error;
use crate::pattern::Pattern;

/// Deepest folder that is entered, counted from where a pattern begins.
const MAX_DEPTH: usize = 128;

/// How much may be collected, and what is never entered.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    /// Folders of ours that may lie in the workspace.
    pub(crate) skipped: Vec<PathBuf>,
    /// Whether symbolic links stay links.
    pub(crate) keeps_links: bool,
}

/// A file to be copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Picked {
    /// Its path from the base on, `/` between names, without `..`.
    pub(crate) name: String,
    pub(crate) source: PathBuf,
    /// Whether it is a link that stays one.
    pub(crate) is_link: bool,
}

/// What a pattern meant.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) files: Vec<Picked>,
    /// Whether the pattern names a folder, which means nothing in it.
    pub(crate) is_folder: bool,
    /// Whether there was more than may be collected.
    pub(crate) is_cut: bool,
}

/// The files that the pattern means, from `base` on, sorted by name.
pub(crate) fn matches(base: &Path, pattern: &Pattern, bounds: &Bounds) -> Matches {
    let mut found = Matches::default();
    let from = if pattern.is_absolute() { Path::new("/") } else { base };
    for (prefix, is_whole) in pattern.prefixes() {
        let start = prefix.iter().fold(from.to_owned(), |path, name| path.join(name));
        let name = prefix.join("/");
        if is_whole {
            match kind(&start, bounds) {
                Kind::File => found.add(&name, start, false),
                Kind::Link => found.add(&name, start, true),
                Kind::Folder => found.is_folder = true,
                Kind::Other => {}
            }
        } else if start.is_dir() {
            walk(start, name, &mut |name| pattern.matches(name), bounds, &mut found);
        }
    }
    found.files.sort();
    found.files.dedup();
    found
}

/// All files below a folder; names begin with `name`.
pub(crate) fn all(folder: &Path, name: &str, bounds: &Bounds) -> Matches {
    let mut found = Matches::default();
    walk(folder.to_owned(), name.to_owned(), &mut |_| true, bounds, &mut found);
    found.files.sort();
    found
}

impl Matches {
    fn add(&mut self, name: &str, source: PathBuf, is_link: bool) {
        let names: Vec<&str> = name.split('/').filter(|name| !matches!(*name, "" | "." | "..")).collect();
        if !names.is_empty() {
            self.files.push(Picked { name: names.join("/"), source, is_link });
        }
    }
}

enum Kind {
    File,
    Link,
    Folder,
    Other,
}

fn kind(path: &Path, bounds: &Bounds) -> Kind {
    if bounds.keeps_links && path.is_symlink() {
        return Kind::Link;
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Kind::File,
        Ok(metadata) if metadata.is_dir() => Kind::Folder,
        _ => Kind::Other,
    }
}

fn walk(
    start: PathBuf,
    name: String,
    wants: &mut dyn FnMut(&str) -> bool,
    bounds: &Bounds,
    found: &mut Matches,
) {
    let mut seen = 0_usize;
    let mut open = vec![(start, name, 0_usize)];
    while let Some((folder, name, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > bounds.files {
                found.is_cut = true;
                return;
            }
            let path = entry.path();
            let own = entry.file_name().to_string_lossy().into_owned();
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            match kind(&path, bounds) {
                Kind::File if wants(&name) => found.add(&name, path, false),
                Kind::Link if wants(&name) => found.add(&name, path, true),
                Kind::Folder if depth == MAX_DEPTH => found.is_cut = true,
                Kind::Folder if is_entered(&path, bounds) => open.push((path, name, depth + 1)),
                _ => {}
            }
        }
    }
}

/// Not a folder of ours, nor a link to a folder that it lies in.
fn is_entered(path: &Path, bounds: &Bounds) -> bool {
    if bounds.skipped.iter().any(|skipped| skipped == path) {
        return false;
    }
    if !path.is_symlink() {
        return true;
    }
    let (Ok(target), Some(Ok(parent))) = (path.canonicalize(), path.parent().map(Path::canonicalize)) else {
        return false;
    };
    !parent.starts_with(&target)
}

/// Copies files below a folder; answers their bytes.
///
/// # Errors
/// [`Error::Disk`]; of too many bytes as well.
pub(crate) fn copy(files: &[Picked], folder: &Path, bounds: &Bounds) -> Result<u64, Error> {
    let mut total = 0_u64;
    for file in files {
        let target = folder.join(&file.name);
        let parent = target.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Error::disk("make folder", parent))?;
        if file.is_link && stays_inside(file) {
            let to = fs::read_link(&file.source).map_err(Error::disk("read link", &file.source))?;
            std::os::unix::fs::symlink(&to, &target).map_err(Error::disk("make link", &target))?;
            continue;
        }
        let metadata = match fs::metadata(&file.source) {
            // A link that leads to nothing.
            Err(_) if file.is_link => continue,
            metadata => metadata.map_err(Error::disk("read", &file.source))?,
        };
        if !metadata.is_file() {
            continue;
        }
        total = total.saturating_add(metadata.len());
        if total > bounds.bytes {
            let source = io::Error::other(format!("expected at most {} bytes, found more", bounds.bytes));
            return Err(Error::Disk { action: "copy", path: file.source.clone(), source });
        }
        fs::copy(&file.source, &target).map_err(Error::disk("copy", &file.source))?;
    }
    Ok(total)
}

/// Whether a link leads to a place below the folder that its name begins in.
fn stays_inside(file: &Picked) -> bool {
    let Ok(to) = fs::read_link(&file.source) else { return false };
    let mut depth = file.name.split('/').count() - 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds { files: 1000, bytes: 1 << 20, skipped: Vec::new(), keeps_links: false }
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    fn names(found: &Matches) -> Vec<&str> {
        found.files.iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn files_are_found_and_copied() {
        let folder = tree(&["a.jar", "target/b.jar", "target/x/c.jar", ".hidden", "target/d.txt"]);
        let find = |pattern: &str| matches(folder.path(), &Pattern::new(pattern), &bounds());
        assert_eq!(names(&find("**/*.jar")), ["a.jar", "target/b.jar", "target/x/c.jar"]);
        assert_eq!(names(&find("target/*")), ["target/b.jar", "target/d.txt"]);
        assert_eq!(names(&find("*")), [".hidden", "a.jar"]);
        assert_eq!(names(&find("a.jar")), ["a.jar"]);
        assert!(find("target").is_folder && find("target").files.is_empty());
        assert!(find("none").files.is_empty());
        let absolute = format!("{}/*.jar", folder.path().display());
        assert!(find(&absolute).files[0].name.ends_with("/a.jar"));
        let out = tempfile::tempdir().unwrap();
        assert_eq!(copy(&find("**/*.jar").files, out.path(), &bounds()).unwrap(), 5 + 12 + 14);
        assert!(out.path().join("target/x/c.jar").is_file());
        assert!(copy(&find("**/*").files, out.path(), &Bounds { bytes: 3, ..bounds() }).is_err());
    }

    #[test]
    fn nothing_leaves_the_folder_it_is_copied_to() {
        let folder = tree(&["w/a", "secret"]);
        let found = matches(&folder.path().join("w"), &Pattern::new("../secret"), &bounds());
        assert_eq!(names(&found), ["secret"]);
        let found = matches(&folder.path().join("w"), &Pattern::new("../**/*"), &bounds());
        assert!(found.files.iter().all(|file| !file.name.contains("..")), "{found:?}");
    }

    #[test]
    fn links_that_go_round_and_too_many_files_end() {
        let folder = tree(&["a/b"]);
        std::os::unix::fs::symlink(".", folder.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("b", folder.path().join("a/c")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("a/out")).unwrap();
        std::os::unix::fs::symlink("none", folder.path().join("a/dangling")).unwrap();
        let found = matches(folder.path(), &Pattern::new("a/[bc]"), &bounds());
        assert_eq!(names(&found), ["a/b", "a/c"]);
        let found = matches(folder.path(), &Pattern::new("**/*"), &Bounds { files: 2, ..bounds() });
        assert!(found.is_cut);
        let kept = Bounds { keeps_links: true, ..bounds() };
        let found = matches(folder.path(), &Pattern::new("a/c"), &kept);
        let out = tempfile::tempdir().unwrap();
        copy(&found.files, out.path(), &kept).unwrap();
        assert!(out.path().join("a/c").is_symlink());
        assert!(!stays_inside(&Picked {
            name: "a/out".into(),
            source: folder.path().join("a/out"),
            is_link: true
        }));
    }
}
