//! docker, podman and buildah: an image built from a folder, put into a file, pushed.

mod probe;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::anyhow;

use super::process::{Bounds, Trouble, output, run};
use crate::args::BuilderWord;
use crate::exit::{Exit, Failure, printable};

/// How long a builder may take to say that it is there.
const PROBE_TIME: Duration = Duration::from_secs(20);
/// How long an image may take to be written into a file, or to be pushed.
const CARRY_TIME: Duration = Duration::from_mins(30);
/// Bytes of a builder's output that are shown; the rest is left out.
const MAX_SHOWN_BYTES: usize = 2 << 20;
/// Bytes of its end that are kept.
const TAIL_BYTES: usize = 8 << 10;
/// Lines of its end that an error shows.
const TAIL_LINES: usize = 10;
/// The longest line that is shown whole, in bytes.
const MAX_LINE_BYTES: usize = 2000;
/// Bytes of an answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// The most bytes of a file that bears a digest.
const MAX_DIGEST_BYTES: u64 = 256;
/// Words of a failure that is one of namespaces and mounts, not of the Dockerfile.
const NO_NAMESPACES: [&str; 6] =
    ["unshare", "namespace", "operation not permitted", "error mounting", "runc", "crun"];

/// A program that builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    Docker,
    Podman,
    Buildah,
}

/// What was built.
#[derive(Debug)]
pub(super) struct Built {
    /// The image's ID in the builder's store.
    id: String,
    /// Its name there.
    name: String,
}

impl Builder {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// The one that is asked for, or the first that is there and answers.
    pub(super) fn find(word: BuilderWord, bounds: Bounds<'_>) -> Result<Self, Failure> {
        let candidates = match word {
            BuilderWord::Auto => vec![Self::Docker, Self::Podman, Self::Buildah],
            BuilderWord::Docker => vec![Self::Docker],
            BuilderWord::Podman => vec![Self::Podman],
            BuilderWord::Buildah => vec![Self::Buildah],
        };
        let bounds = Bounds { time: PROBE_TIME, ..bounds };
        let mut reasons = Vec::new();
        for builder in &candidates {
            let mut command = Command::new(builder.name());
            match builder {
                // Answered by its engine, which may be missing.
                Self::Docker => command.args(["version", "--format", "{{.Server.Version}}"]),
                Self::Podman | Self::Buildah => command.arg("--version"),
            };
            match output(&mut command, None, MAX_ANSWER_BYTES, bounds) {
                Ok(_) => return Ok(*builder),
                Err(Trouble::Stopped) => return Err(stopped()),
                Err(trouble) if trouble.is_missing_program() => {
                    reasons.push(format!("`{}` is not on the PATH", builder.name()));
                }
                Err(trouble) => reasons.push(first_line(&trouble.to_string())),
            }
        }
        let names: Vec<&str> = candidates.iter().map(|builder| builder.name()).collect();
        let what = format!("cannot build: expected {} that answers, found none", names.join(", "));
        Err(Failure::new(Exit::Usage, anyhow!("{}", reasons.join("; ")).context(what))
            .hint("install one, or start docker's engine"))
    }

    /// Builds a folder with a `Dockerfile`. Its output goes to stderr unless it is to be quiet.
    pub(super) fn build(self, plan: &BuildPlan<'_>, bounds: Bounds<'_>) -> Result<Built, Failure> {
        let first = self.try_build(plan, &[], bounds);
        let may_be_of_namespaces = matches!(&first, Err(BuildError { names_namespaces: true, .. }));
        let is_chosen = crate::environment::variables().contains_key("BUILDAH_ISOLATION");
        // podman builds as buildah does; docker's engine is elsewhere.
        if !may_be_of_namespaces || is_chosen || self == Self::Docker || self.runs_commands(plan, bounds) {
            return first.map_err(|error| error.failure);
        }
        if !plan.is_quiet {
            let name = self.name();
            eprintln!(
                "note: `{name}` cannot run commands in namespaces here: trying again with `--isolation chroot`"
            );
        }
        self.try_build(plan, &["--isolation", "chroot"], bounds).map_err(|error| error.failure)
    }

    /// Whether it runs a command of ours. What a build says is not believed: with less isolation there is less between it
    /// and this machine, and that is not for a Dockerfile to choose.
    fn runs_commands(self, plan: &BuildPlan<'_>, bounds: Bounds<'_>) -> bool {
        let Some(program) = probe::program() else { return true };
        let folder = plan.scratch.join("probe");
        let id_file = folder.join("id");
        if probe::write(&folder, &program).is_err() {
            return true;
        }
        let bounds = Bounds { time: PROBE_TIME, ..bounds };
        let mut command = Command::new(self.name());
        command.args(["build", "--no-cache", "--iidfile"]).arg(&id_file);
        command.arg("--file").arg(folder.join("Dockerfile")).arg(&folder);
        // Of any other trouble nothing is known.
        let ran = !matches!(output(&mut command, None, MAX_ANSWER_BYTES, bounds), Err(Trouble::Failed(..)));
        if let Ok(id) = small_text(&id_file) {
            // An image without a name does no harm where it stays.
            let _ = output(Command::new(self.name()).args(["rmi", &id]), None, MAX_ANSWER_BYTES, bounds);
        }
        ran
    }

    fn try_build(self, plan: &BuildPlan<'_>, more: &[&str], bounds: Bounds<'_>) -> Result<Built, BuildError> {
        let id_file = plan.scratch.join("id");
        let mut command = Command::new(self.name());
        // All versions of buildah know this word.
        command.arg(if self == Self::Buildah { "bud" } else { "build" }).args(more);
        command.args(["--tag", plan.name]).arg("--iidfile").arg(&id_file);
        command.arg("--label").arg(format!("org.opencontainers.image.revision={}", plan.commit));
        command.arg("--file").arg(plan.folder.join("Dockerfile")).arg(plan.folder);
        let mut log = Log::new(plan.is_quiet);
        let ended = run(&mut command, None, bounds, &mut |_, chunk| {
            log.take(chunk);
            Ok(())
        });
        log.finish();
        let what = format!("cannot build `{}` with `{}`", plan.name, self.name());
        let failed = |because: String, names_namespaces: bool| {
            // What was shown already is not shown again.
            let tail = if plan.is_quiet { log.tail_lines() } else { String::new() };
            let because = if tail.is_empty() { because } else { format!("{because}:\n{tail}") };
            let failure = Failure::new(Exit::CouldNotScan, anyhow!(because).context(what.clone()));
            BuildError { failure, names_namespaces }
        };
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(failed(said(status), log.names_namespaces())),
            Err(Trouble::Stopped) => {
                return Err(BuildError { failure: stopped(), names_namespaces: false });
            }
            Err(trouble) => return Err(failed(trouble.to_string(), false)),
        }
        match small_text(&id_file) {
            Ok(id) if is_id(&id) => Ok(Built { id, name: plan.name.to_owned() }),
            Ok(id) => Err(failed(format!("expected the ID of an image, found `{}`", first_line(&id)), false)),
            Err(error) => Err(failed(format!("it left no ID of an image: {error}"), false)),
        }
    }

    /// Puts the image into a file and gives what a scan calls it.
    pub(super) fn save(self, built: &Built, scratch: &Path, bounds: Bounds<'_>) -> Result<String, Failure> {
        let file = scratch.join("image.tar");
        let mut command = Command::new(self.name());
        let kind = match self {
            Self::Docker => {
                command.args(["save", "--output"]).arg(&file).arg(&built.id);
                "docker-archive"
            }
            Self::Podman => {
                command.args(["save", "--quiet", "--format", "oci-archive", "--output"]);
                command.arg(&file).arg(&built.id);
                "oci-archive"
            }
            Self::Buildah => {
                command.args(["push", "--quiet", "--disable-compression", &built.id]);
                command.arg(format!("oci-archive:{}", file.display()));
                "oci-archive"
            }
        };
        let bounds = Bounds { time: CARRY_TIME, ..bounds };
        output(&mut command, None, MAX_ANSWER_BYTES, bounds).map_err(|trouble| {
            failure(trouble, &format!("cannot write the image `{}` to a file", built.name))
        })?;
        Ok(format!("{kind}:{}", file.display()))
    }

    /// Pushes it by its name and gives its digest there, where the builder says it.
    pub(super) fn push(
        self,
        built: &Built,
        without_tls: bool,
        scratch: &Path,
        bounds: Bounds<'_>,
    ) -> Result<Option<String>, Failure> {
        let digest_file = scratch.join("digest");
        let mut command = Command::new(self.name());
        command.arg("push");
        if self == Self::Docker {
            command.arg(&built.name);
        } else {
            if without_tls {
                command.arg("--tls-verify=false");
            }
            command.arg("--quiet").arg("--digestfile").arg(&digest_file).arg(&built.id);
            command.arg(format!("docker://{}", built.name));
        }
        let bounds = Bounds { time: CARRY_TIME, ..bounds };
        let said = output(&mut command, None, MAX_ANSWER_BYTES, bounds)
            .map_err(|trouble| failure(trouble, &format!("cannot push `{}`", built.name)))?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let digest = small_text(&digest_file).ok();
        // docker: `1.2: digest: sha256:… size: 527`
        let digest =
            digest.or_else(|| said.rsplit_once("digest: ")?.1.split_whitespace().next().map(str::to_owned));
        Ok(digest.filter(|digest| is_id(digest)))
    }
}

/// What is built.
pub(super) struct BuildPlan<'a> {
    /// The folder with the `Dockerfile`.
    pub(super) folder: &'a Path,
    /// Where files of ours may lie.
    pub(super) scratch: &'a Path,
    /// What the image is called in the builder's store.
    pub(super) name: &'a str,
    /// The commit it is built from.
    pub(super) commit: &'a str,
    pub(super) is_quiet: bool,
}

struct BuildError {
    failure: Failure,
    names_namespaces: bool,
}

/// What a builder says: shown line by line, up to an amount, and its end kept.
struct Log {
    is_quiet: bool,
    line: Vec<u8>,
    shown_bytes: usize,
    tail: Vec<u8>,
}

impl Log {
    fn new(is_quiet: bool) -> Self {
        Self { is_quiet, line: Vec::new(), shown_bytes: 0, tail: Vec::new() }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.tail.extend_from_slice(chunk);
        if self.tail.len() > 2 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
        let mut rest = chunk;
        while !rest.is_empty() {
            // Bars that are drawn over and over end in a carriage return.
            let end = memchr::memchr2(b'\n', b'\r', rest);
            let room = MAX_LINE_BYTES - self.line.len();
            let length = end.unwrap_or(rest.len()).min(room);
            self.line.extend_from_slice(&rest[..length]);
            let is_whole = end == Some(length);
            if is_whole || length == room {
                self.show();
            }
            rest = &rest[length + usize::from(is_whole)..];
        }
    }

    fn show(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() || self.is_quiet || self.shown_bytes > MAX_SHOWN_BYTES {
            return;
        }
        self.shown_bytes += line.len();
        let text = if self.shown_bytes > MAX_SHOWN_BYTES {
            format!("(the rest of what was said, from {MAX_SHOWN_BYTES} bytes on, is left out)")
        } else {
            printable(&String::from_utf8_lossy(&line))
        };
        // Whoever reads stderr may be gone; the build is not.
        let _ = writeln!(io::stderr().lock(), "  {text}");
    }

    fn finish(&mut self) {
        self.show();
    }

    fn tail_text(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    fn tail_lines(&self) -> String {
        let text = self.tail_text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines[from..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }

    fn names_namespaces(&self) -> bool {
        let text = self.tail_text().to_ascii_lowercase();
        NO_NAMESPACES.iter().any(|word| text.contains(word))
    }
}

/// A digest, or an ID as older docker engines write it: hex digits alone.
fn is_id(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn small_text(file: &PathBuf) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_DIGEST_BYTES).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

fn said(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("it ended with status {code}"))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

pub(super) fn stopped() -> Failure {
    Failure::new(Exit::CouldNotScan, anyhow!("the run was stopped by a signal"))
}

fn failure(trouble: Trouble, what: &str) -> Failure {
    match trouble {
        Trouble::Stopped => stopped(),
        trouble => Failure::new(Exit::CouldNotScan, anyhow!(trouble).context(what.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_have_an_end_and_keep_their_own() {
        let mut log = Log::new(true);
        for number in 0..100_000 {
            log.take(format!("line {number}\r\n").as_bytes());
        }
        log.finish();
        assert!(log.tail.len() <= 2 * TAIL_BYTES + CHUNK);
        assert_eq!(log.tail_lines().lines().last(), Some("  line 99999"));
        assert_eq!(log.tail_lines().lines().count(), TAIL_LINES);
        assert!(!log.names_namespaces());
        log.take(b"error: unshare: Operation not permitted");
        assert!(log.names_namespaces());
    }

    const CHUNK: usize = 64;

    #[test]
    fn ids() {
        assert!(is_id(&format!("sha256:{}", "a1".repeat(32))) && is_id(&"a1".repeat(32)));
        assert!(!is_id("") && !is_id("latest") && !is_id("--flag"));
    }
}
