//! A commit's tree, as git lists it and gives its files, written into a folder.
//!
//! Source: git-ls-tree(1), "Output Format"; git-cat-file(1), "Batch Output".

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::git::is_hash;
use crate::exit::{Exit, Failure};

/// The most files of an image's folder.
const MAX_FILES: usize = 200_000;
/// The most bytes of them together.
const MAX_FILES_BYTES: u64 = 4 << 30;
/// The most bytes of a link's target.
const MAX_LINK_BYTES: u64 = 4096;
/// The most bytes of the line that goes before a file.
const MAX_HEADER_BYTES: usize = 256;
/// How a pointer of Git LFS begins.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) object: String,
    size_bytes: u64,
    pub(super) path: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Program,
    Link,
    Folder,
    Submodule,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::File | Self::Program => "a file",
            Self::Link => "a symbolic link",
            Self::Folder => "a folder",
            Self::Submodule => "a submodule",
        }
    }
}

/// What was written of a tree, and what it lacks.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Submodules, whose files are in other repositories.
    pub(super) submodules: Vec<String>,
    /// Files whose content is elsewhere, by Git LFS.
    pub(super) pointers: usize,
}

/// What `ls-tree -l -z` lists: `100644 blob HASH    SIZE\tPATH`, a NUL behind each.
pub(super) fn entries(list: &[u8]) -> anyhow::Result<Vec<Entry>> {
    let read = |line: &[u8]| {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let (head, path) = (std::str::from_utf8(&line[..tab]).ok()?, &line[tab + 1..]);
        let mut words = head.split_ascii_whitespace();
        let kind = match words.next()? {
            "100755" => Kind::Program,
            "120000" => Kind::Link,
            "040000" => Kind::Folder,
            "160000" => Kind::Submodule,
            mode if mode.starts_with("100") => Kind::File,
            _ => return None,
        };
        let object = words.nth(1).filter(|hash| is_hash(hash))?.to_owned();
        // Of what is no file it is `-`.
        let size_bytes = words.next()?.parse().unwrap_or(0);
        Some(Entry { kind, object, size_bytes, path: path.to_owned() })
    };
    list.split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
        .map(|line| {
            read(line).ok_or_else(|| {
                anyhow!("expected an entry of a tree, found `{}`", String::from_utf8_lossy(line))
            })
        })
        .collect()
}

/// A path of a tree below a folder.
fn place(folder: &Path, path: &[u8]) -> anyhow::Result<PathBuf> {
    let is_plain = |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
    if !path.split(|byte| *byte == b'/').all(is_plain) {
        return Err(anyhow!("expected a path below the folder, found `{}`", String::from_utf8_lossy(path)));
    }
    Ok(folder.join(OsStr::from_bytes(path)))
}

fn make_folder(place: &Path) -> io::Result<()> {
    DirBuilder::new().create(place)
}

/// What `cat-file --batch` gives, written into files as it comes: `HASH blob SIZE\n`, the bytes, and a line's end.
pub(super) struct Unpacking<'a> {
    files: Vec<(&'a Entry, PathBuf)>,
    next: usize,
    state: State,
    links: BTreeMap<usize, Vec<u8>>,
    written: Written,
}

enum State {
    Header(Vec<u8>),
    Body { to: To, left: u64, first: bool },
    End,
}

enum To {
    File(File),
    Link(Vec<u8>),
}

impl<'a> Unpacking<'a> {
    /// Makes the folders of a tree; its files are to come.
    pub(super) fn begin(entries: &'a [Entry], folder: &Path) -> anyhow::Result<Self> {
        if entries.len() > MAX_FILES {
            return Err(anyhow!("expected at most {MAX_FILES} files, found {}", entries.len()));
        }
        let bytes: u64 = entries.iter().map(|entry| entry.size_bytes).fold(0, u64::saturating_add);
        if bytes > MAX_FILES_BYTES {
            return Err(anyhow!("expected at most {MAX_FILES_BYTES} bytes, found {bytes}"));
        }
        make_folder(folder)?;
        let (mut files, mut written) = (Vec::new(), Written::default());
        for entry in entries {
            let place = place(folder, &entry.path)?;
            match entry.kind {
                Kind::Folder => make_folder(&place)?,
                Kind::Submodule => {
                    make_folder(&place)?;
                    written.submodules.push(String::from_utf8_lossy(&entry.path).into_owned());
                }
                Kind::File | Kind::Program | Kind::Link => files.push((entry, place)),
            }
        }
        Ok(Self { files, next: 0, state: State::Header(Vec::new()), links: BTreeMap::new(), written })
    }

    /// What git is to be asked for: a hash a line.
    pub(super) fn wanted(&self) -> Vec<u8> {
        self.files.iter().flat_map(|(entry, _)| format!("{}\n", entry.object).into_bytes()).collect()
    }

    /// Makes the links, when all files are there: nothing is written through one.
    pub(super) fn end(self) -> anyhow::Result<Written> {
        if self.next != self.files.len() {
            return Err(anyhow!("expected {} files, found {}", self.files.len(), self.next));
        }
        for (index, target) in self.links {
            let place = &self.files[index].1;
            symlink(OsStr::from_bytes(&target), place)
                .with_context(|| format!("cannot make the link `{}`", place.display()))?;
        }
        Ok(self.written)
    }

    /// Takes what git gives, however it is cut.
    pub(super) fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = match &mut self.state {
                State::Header(line) => {
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
                    if line.len() > MAX_HEADER_BYTES {
                        return Err(io::Error::other("expected a short line before a file"));
                    }
                    let Some(end) = end else { return Ok(()) };
                    let line = std::mem::take(line);
                    self.open(&line)?;
                    &rest[end + 1..]
                }
                State::Body { to, left, first } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (bytes, behind) = rest.split_at(length);
                    match to {
                        To::File(file) => file.write_all(bytes)?,
                        To::Link(target) => target.extend_from_slice(bytes),
                    }
                    if std::mem::take(first) && bytes.starts_with(LFS) {
                        self.written.pointers += 1;
                    }
                    *left -= length as u64;
                    if *left == 0 {
                        self.close();
                    }
                    behind
                }
                State::End => {
                    if rest[0] != b'\n' {
                        return Err(io::Error::other("expected a line's end behind a file"));
                    }
                    self.next += 1;
                    self.state = State::Header(Vec::new());
                    &rest[1..]
                }
            };
        }
        Ok(())
    }

    fn open(&mut self, line: &[u8]) -> io::Result<()> {
        let wrong = |what: &str| io::Error::other(format!("{what}: `{}`", String::from_utf8_lossy(line)));
        let Some((entry, place)) = self.files.get(self.next) else {
            return Err(wrong("expected no further file"));
        };
        let expected = format!("{} blob {}", entry.object, entry.size_bytes);
        if line != expected.as_bytes() {
            return Err(wrong("expected a file of the tree"));
        }
        let to = if entry.kind == Kind::Link {
            if entry.size_bytes > MAX_LINK_BYTES {
                return Err(wrong("expected a short link"));
            }
            To::Link(Vec::new())
        } else {
            let mode = if entry.kind == Kind::Program { 0o755 } else { 0o644 };
            To::File(OpenOptions::new().write(true).create_new(true).mode(mode).open(place)?)
        };
        self.state = State::Body { to, left: entry.size_bytes, first: true };
        if entry.size_bytes == 0 {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        if let State::Body { to: To::Link(target), .. } = std::mem::replace(&mut self.state, State::End) {
            self.links.insert(self.next, target);
        }
    }
}

/// A folder for one run, gone when this is dropped. Nobody else can look into it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(below: &Path) -> Result<Self, Failure> {
        let mut number = 0;
        loop {
            let path = below.join(format!("plimsoll-commit-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
                Err(error) => {
                    let what = format!("cannot make the folder `{}`", path.display());
                    return Err(Failure::new(Exit::CouldNotScan, anyhow!(error).context(what)));
                }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a";

    fn listed(lines: &[(&str, &str, u64, &str)]) -> Vec<Entry> {
        let text: Vec<u8> = lines
            .iter()
            .flat_map(|(mode, kind, size, path)| {
                let size = if *kind == "blob" { size.to_string() } else { "-".to_owned() };
                format!("{mode} {kind} {HASH} {size:>7}\t{path}\0").into_bytes()
            })
            .collect();
        entries(&text).unwrap()
    }

    /// Unpacks in pieces of that many bytes.
    fn unpack(entries: &[Entry], given: &[u8], piece: usize) -> Result<Vec<(String, String)>, String> {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("plimsoll-tree-{}-{number}", std::process::id()));
        let unpacked = (|| {
            let mut unpacking = Unpacking::begin(entries, &folder).map_err(|error| error.to_string())?;
            for chunk in given.chunks(piece) {
                unpacking.take(chunk).map_err(|error| error.to_string())?;
            }
            unpacking.end().map_err(|error| error.to_string())?;
            let mut found = Vec::new();
            for entry in entries.iter().filter(|entry| entry.kind != Kind::Folder) {
                let path = place(&folder, &entry.path).unwrap();
                let name = String::from_utf8_lossy(&entry.path).into_owned();
                let text = match fs::read_link(&path) {
                    Ok(target) => format!("-> {}", target.display()),
                    Err(_) => io::read_to_string(File::open(&path).unwrap()).unwrap(),
                };
                found.push((name, text));
            }
            Ok(found)
        })();
        let _ = fs::remove_dir_all(&folder);
        unpacked
    }

    #[test]
    fn a_tree_is_written_however_it_is_cut() {
        let entries = listed(&[
            ("040000", "tree", 0, "a"),
            ("100755", "blob", 3, "a/run"),
            ("100644", "blob", 0, "empty"),
            ("120000", "blob", 5, "link"),
        ]);
        let given = format!("{HASH} blob 3\nx\ny\n{HASH} blob 0\n\n{HASH} blob 5\na/run\n");
        for piece in [1, 2, 7, 1000] {
            let found = unpack(&entries, given.as_bytes(), piece).unwrap();
            let expected = [("a/run", "x\ny"), ("empty", ""), ("link", "-> a/run")];
            assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())), "{piece}");
        }
        // Cut short, and more or other than was asked for.
        assert!(
            unpack(&entries, &given.as_bytes()[..given.len() - 8], 1000).unwrap_err().contains("3 files")
        );
        assert!(unpack(&entries, format!("{given}{given}").as_bytes(), 1000).is_err());
        assert!(unpack(&entries, format!("{HASH} missing\n").as_bytes(), 1000).is_err());
        assert!(unpack(&entries, "x".repeat(10_000).as_bytes(), 1000).is_err());
    }

    #[test]
    fn nothing_is_written_outside_of_the_folder_or_through_a_link() {
        for path in ["../x", "/etc/x", "a//b", "a/../b", ".", "a/."] {
            let entries = listed(&[("100644", "blob", 1, path)]);
            assert!(unpack(&entries, b"", 1).unwrap_err().contains("below the folder"), "{path}");
        }
        let entries = listed(&[("120000", "blob", 4, "a"), ("100644", "blob", 1, "a/x")]);
        let given = format!("{HASH} blob 4\n/tmp\n{HASH} blob 1\nx\n");
        assert!(unpack(&entries, given.as_bytes(), 1000).is_err());
        let large = listed(&[("100644", "blob", u64::MAX, "a"), ("100644", "blob", 1, "b")]);
        assert!(unpack(&large, b"", 1).unwrap_err().contains("at most"));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(entries(b"").unwrap().is_empty());
        for line in ["x", "100644 blob", "100644 blob 12 1\ta", "777777 blob 4f 1\ta", "<html>\t\0"] {
            assert!(entries(line.as_bytes()).is_err(), "{line}");
        }
    }
}
