//! What git says of a commit. Nothing that a repository's own settings name is run: no hook, pager, filter or helper.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::anyhow;

use super::process::{Bounds, Stream, Trouble, output, run};
use super::tree::{Entry, Kind, Unpacking, Written, entries};
use crate::exit::{Exit, Failure};

/// How long one call of git may take.
const TIME: Duration = Duration::from_mins(10);
/// The most bytes of a commit's message that are asked for; fewer are read.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// The most bytes of a list of files.
const MAX_LIST_BYTES: usize = 64 << 20;
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

/// A repository.
pub(in crate::pipeline) struct Git<'a> {
    pub(in crate::pipeline) source: &'a Path,
    pub(in crate::pipeline) stop: &'a AtomicBool,
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
    pub(super) fn write_tree(&self, tree: &str, folder: &Path) -> Result<Written, Failure> {
        let what = format!("cannot write the tree `{tree}` to `{}`", folder.display());
        let cannot = |error: anyhow::Error| Failure::new(Exit::CouldNotScan, error.context(what.clone()));
        let mut command = self.command();
        command.args(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree]);
        let list = output(&mut command, None, MAX_LIST_BYTES, self.bounds())
            .map_err(|trouble| self.failure(trouble, &what))?;
        let listed = entries(&list).map_err(cannot)?;
        let mut unpacking = Unpacking::begin(&listed, folder).map_err(cannot)?;
        let input = unpacking.wanted();
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
        if !status.success() {
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            return Err(cannot(anyhow!("git gave no files: {said}")));
        }
        unpacking.end().map_err(cannot)
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
