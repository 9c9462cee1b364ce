//! What git says of a commit. Nothing that a repository's own settings name is run: no hook, pager, filter or helper.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::process::{Bounds, Stream, Trouble, output, run};
use crate::exit::{Exit, Failure};

/// How long one call of git may take.
const TIME: Duration = Duration::from_mins(10);
/// The most bytes of a commit's message that are asked for; fewer are read.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// The most bytes of a list of files.
const MAX_LIST_BYTES: usize = 64 << 20;
/// The most files of an image's folder.
const MAX_FILES: usize = 200_000;
/// The most bytes of them together.
const MAX_FILES_BYTES: u64 = 4 << 30;
/// The most bytes of a link's target.
const MAX_LINK_BYTES: u64 = 4096;
/// The most bytes of a path that git says.
const MAX_PATH_BYTES: usize = 16 << 10;
/// The most bytes of the line that goes before a file.
const MAX_HEADER_BYTES: usize = 256;
/// Variables that would lead git elsewhere than to the repository that is named, as git sets them for hooks.
const ELSEWHERE: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_EXTERNAL_DIFF",
    "GIT_SHALLOW_FILE",
];
/// Settings that are not the repository's to make: what they name would be run.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "log.showSignature=false",
    "log.mailmap=false",
    "protocol.allow=never",
    "submodule.recurse=false",
];
/// How a pointer of Git LFS begins.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A repository.
pub(in crate::pipeline) struct Git<'a> {
    pub(in crate::pipeline) source: &'a Path,
    pub(in crate::pipeline) stop: &'a AtomicBool,
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    object: String,
    size_bytes: u64,
    path: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Program,
    Link,
    Folder,
    Submodule,
}

impl Kind {
    fn word(self) -> &'static str {
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
pub(in crate::pipeline) struct Written {
    /// Submodules, whose files are in other repositories.
    pub(in crate::pipeline) submodules: Vec<String>,
    /// Files whose content is elsewhere, by Git LFS.
    pub(in crate::pipeline) pointers: usize,
}

impl Git<'_> {
    /// The commit that a name means, as its hash.
    pub(in crate::pipeline) fn commit(&self, revision: &str) -> Result<String, Failure> {
        let what = || format!("cannot find the commit `{revision}` in `{}`", self.source.display());
        if revision.is_empty() || revision.contains(['\0', '\n']) {
            return Err(Failure::new(Exit::Usage, anyhow!("{}: expected a revision", what())));
        }
        let mut command = self.command();
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        command.arg(format!("{revision}^{{commit}}"));
        let found = match output(&mut command, None, MAX_HEADER_BYTES, self.bounds()) {
            Ok(found) => found,
            // With `--quiet` it says nothing of a name that it does not know.
            Err(Trouble::Failed(_, said)) if said.starts_with("exit status") => {
                return Err(Failure::new(Exit::Usage, anyhow!("{}: there is none", what())));
            }
            Err(trouble) => return Err(self.failure(trouble, &what())),
        };
        let hash = String::from_utf8_lossy(&found).trim().to_owned();
        if is_hash(&hash) {
            Ok(hash)
        } else {
            Err(Failure::new(Exit::Usage, anyhow!("{}: expected a hash, found `{hash}`", what())))
        }
    }

    /// The message of a commit.
    pub(in crate::pipeline) fn message(&self, commit: &str) -> Result<String, Failure> {
        let mut command = self.command();
        command.args(["log", "-1", "--no-patch", "--no-color", "--no-notes", "--no-show-signature"]);
        command.args(["--no-ext-diff", "--no-textconv", "--encoding=UTF-8", "--format=%B"]);
        command.args([commit, "--"]);
        let text = output(&mut command, None, MAX_TEXT_BYTES, self.bounds());
        let text =
            text.map_err(|trouble| self.failure(trouble, &format!("cannot read the message of `{commit}`")))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The tree of an image's folder, where the commit has `<folder>/Dockerfile`.
    ///
    /// # Errors
    /// Where something on the way is a link, which may lead out of the sources, or no file.
    pub(in crate::pipeline) fn image_folder(
        &self,
        commit: &str,
        folder: &str,
    ) -> Result<Option<String>, Failure> {
        let refused = |path: &str, expected: &str, kind: Kind| {
            let what = format!(
                "cannot build from `{path}` of commit `{}`: expected {expected}, found {}",
                &commit[..12],
                kind.word()
            );
            Failure::new(Exit::Usage, anyhow!(what))
        };
        let mut tree = commit.to_owned();
        let mut path = String::new();
        for part in folder.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
            match self.entry(&tree, part)? {
                None => return Ok(None),
                Some(entry) if entry.kind == Kind::Folder => tree = entry.object,
                Some(entry) => return Err(refused(&path, "a folder", entry.kind)),
            }
        }
        match self.entry(&tree, "Dockerfile")? {
            None => Ok(None),
            Some(entry) if matches!(entry.kind, Kind::File | Kind::Program) => Ok(Some(tree)),
            Some(entry) => Err(refused(&format!("{path}/Dockerfile"), "a file", entry.kind)),
        }
    }

    /// Writes a tree into a folder that is not there yet, byte for byte as git keeps it.
    pub(in crate::pipeline) fn write_tree(&self, tree: &str, folder: &Path) -> Result<Written, Failure> {
        let what = format!("cannot write the tree `{tree}` to `{}`", folder.display());
        let cannot = |error: anyhow::Error| Failure::new(Exit::CouldNotScan, error.context(what.clone()));
        let mut command = self.command();
        command.args(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree]);
        let list = output(&mut command, None, MAX_LIST_BYTES, self.bounds())
            .map_err(|trouble| self.failure(trouble, &what))?;
        let entries = entries(&list).map_err(cannot)?;
        if entries.len() > MAX_FILES {
            return Err(cannot(anyhow!("expected at most {MAX_FILES} files, found {}", entries.len())));
        }
        let bytes: u64 = entries.iter().map(|entry| entry.size_bytes).fold(0, u64::saturating_add);
        if bytes > MAX_FILES_BYTES {
            return Err(cannot(anyhow!("expected at most {MAX_FILES_BYTES} bytes, found {bytes}")));
        }
        let mut written = Written::default();
        make_folder(folder).map_err(|error| cannot(error.into()))?;
        let mut files = Vec::new();
        for entry in &entries {
            let place = place(folder, &entry.path).map_err(cannot)?;
            match entry.kind {
                Kind::Folder => make_folder(&place).map_err(|error| cannot(error.into()))?,
                Kind::Submodule => {
                    make_folder(&place).map_err(|error| cannot(error.into()))?;
                    written.submodules.push(String::from_utf8_lossy(&entry.path).into_owned());
                }
                Kind::File | Kind::Program | Kind::Link => files.push((entry, place)),
            }
        }
        let input: Vec<u8> =
            files.iter().flat_map(|(entry, _)| format!("{}\n", entry.object).into_bytes()).collect();
        let mut unpacking = Unpacking {
            files: &files,
            next: 0,
            state: State::Header(Vec::new()),
            links: BTreeMap::new(),
            pointers: 0,
        };
        let mut command = self.command();
        command.args(["cat-file", "--batch"]);
        let mut said = Vec::new();
        let status = run(&mut command, Some(input), self.bounds(), &mut |stream, chunk| match stream {
            Stream::Out => unpacking.take(chunk),
            Stream::Err => {
                let room = MAX_HEADER_BYTES.saturating_sub(said.len());
                said.extend_from_slice(&chunk[..chunk.len().min(room)]);
                Ok(())
            }
        })
        .map_err(|trouble| self.failure(trouble, &what))?;
        if !status.success() || unpacking.next != files.len() {
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            return Err(cannot(anyhow!("git gave {} of {} files: {said}", unpacking.next, files.len())));
        }
        written.pointers = unpacking.pointers;
        // Links come last: nothing is written through one.
        for (index, target) in unpacking.links {
            let place = &files[index].1;
            symlink(OsStr::from_bytes(&target), place)
                .with_context(|| format!("cannot make the link `{}`", place.display()))
                .map_err(cannot)?;
        }
        Ok(written)
    }

    /// Where git looks for hooks, and where the repository itself is.
    pub(in crate::pipeline) fn hooks_folder(&self) -> Result<(PathBuf, PathBuf), Failure> {
        let what = format!("cannot find the hooks of `{}`", self.source.display());
        let mut places = Vec::new();
        for words in [&["--git-path", "hooks"][..], &["--git-common-dir"]] {
            let mut command = bare_command(self.source);
            command.arg("rev-parse").args(words);
            let found = output(&mut command, None, MAX_PATH_BYTES, self.bounds())
                .map_err(|trouble| self.failure(trouble, &what))?;
            let found = found.strip_suffix(b"\n").unwrap_or(&found);
            places.push(self.source.join(OsStr::from_bytes(found)));
        }
        let own = places.pop().expect("two were asked for");
        Ok((places.pop().expect("two were asked for"), own))
    }

    /// The values of a setting, of this repository or of the person.
    pub(in crate::pipeline) fn settings(&self, name: &str) -> Result<Vec<String>, Failure> {
        let mut command = self.command();
        command.args(["config", "-z", "--get-all", name]);
        match output(&mut command, None, MAX_LIST_BYTES, self.bounds()) {
            Ok(found) => {
                let text = String::from_utf8_lossy(&found).into_owned();
                Ok(text.split_terminator('\0').map(str::to_owned).collect())
            }
            // There is none.
            Err(Trouble::Failed(_, said)) if said == "exit status: 1" => Ok(Vec::new()),
            Err(trouble) => Err(self.failure(trouble, &format!("cannot read the setting `{name}`"))),
        }
    }

    /// All refs, each with what it points at.
    pub(in crate::pipeline) fn refs(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut command = self.command();
        command.args(["for-each-ref", "--format=%(objectname) %(refname)"]);
        let found = output(&mut command, None, MAX_LIST_BYTES, self.bounds())
            .map_err(|trouble| self.failure(trouble, "cannot list refs"))?;
        let text = String::from_utf8_lossy(&found).into_owned();
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
            .collect())
    }

    /// The newest commits, `most` at most, that `new` has and the others have not, the oldest first.
    pub(in crate::pipeline) fn new_commits(
        &self,
        new: &str,
        others: impl IntoIterator<Item = String>,
        most: usize,
    ) -> Result<Vec<String>, Failure> {
        let mut input = format!("{new}\n");
        for other in others.into_iter().filter(|other| is_hash(other)) {
            input.push('^');
            input.push_str(&other);
            input.push('\n');
        }
        let mut command = self.command();
        command.args(["rev-list", "--topo-order", "--ignore-missing", "--stdin"]);
        command.arg(format!("--max-count={most}"));
        let found = output(&mut command, Some(input.into_bytes()), MAX_LIST_BYTES, self.bounds())
            .map_err(|trouble| self.failure(trouble, "cannot list the commits that were pushed"))?;
        let text = String::from_utf8_lossy(&found).into_owned();
        let mut commits: Vec<String> = text.lines().map(str::to_owned).collect();
        commits.reverse();
        Ok(commits)
    }

    /// The entry of that name in a tree.
    fn entry(&self, tree: &str, name: &str) -> Result<Option<Entry>, Failure> {
        let what = format!("cannot read the tree `{tree}`");
        let mut command = self.command();
        command.args(["ls-tree", "-l", "-z", "--full-tree", tree, "--", name]);
        let list = output(&mut command, None, MAX_LIST_BYTES, self.bounds())
            .map_err(|trouble| self.failure(trouble, &what))?;
        let entries =
            entries(&list).map_err(|error| Failure::new(Exit::CouldNotScan, error.context(what)))?;
        Ok(entries.into_iter().find(|entry| entry.path == name.as_bytes()))
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds { time: TIME, stop: self.stop }
    }

    /// git in this repository.
    fn command(&self) -> Command {
        let mut command = bare_command(self.source);
        command.args(["--no-pager", "--no-replace-objects", "--no-optional-locks", "--literal-pathspecs"]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command
    }

    fn failure(&self, trouble: Trouble, what: &str) -> Failure {
        let folder = self.source.display();
        if trouble.is_missing_program() {
            return Failure::new(Exit::Usage, anyhow!(trouble).context(what.to_owned()))
                .hint("commits are read by `git`, which is not on the PATH");
        }
        let said = trouble.to_string();
        let (exit, hint) = if said.contains("dubious ownership") {
            let hint = format!(
                "another owns it; if you trust it: `git config --global --add safe.directory {folder}`"
            );
            (Exit::Usage, Some(hint))
        } else if said.contains("safe.bareRepository") {
            (Exit::Usage, Some("git was told to use no bare repository that it finds by itself".to_owned()))
        } else if said.contains("not a git repository") || said.contains("cannot change to") {
            (Exit::Usage, Some("name the folder of a repository with `--source`".to_owned()))
        } else {
            (Exit::CouldNotScan, None)
        };
        let failure = Failure::new(exit, anyhow!(trouble).context(what.to_owned()));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// git in a repository, with the settings of the machine and the person.
fn bare_command(source: &Path) -> Command {
    let mut command = Command::new("git");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_LAZY_FETCH", "1");
    command.arg("-C").arg(source);
    command
}

/// Whether it is a whole hash, SHA-1 or SHA-256, of an object.
pub(in crate::pipeline) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What `ls-tree -l -z` lists: `100644 blob HASH    SIZE\tPATH`, a NUL behind each.
fn entries(list: &[u8]) -> anyhow::Result<Vec<Entry>> {
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
struct Unpacking<'a> {
    files: &'a [(&'a Entry, PathBuf)],
    next: usize,
    state: State,
    links: BTreeMap<usize, Vec<u8>>,
    pointers: usize,
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

impl Unpacking<'_> {
    fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
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
                        self.pointers += 1;
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
pub(in crate::pipeline) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::pipeline) fn new(below: &Path) -> Result<Self, Failure> {
        use std::os::unix::fs::DirBuilderExt as _;
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

    pub(in crate::pipeline) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
