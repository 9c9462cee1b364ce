//! The last scan that passed, kept for `--baseline last`.
//!
//! One JSON report for each image, in a folder of the state folder. It is written under another name and renamed, so a
//! scan beside this one reads the one report or the other, never half of one.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_model::{Inventory, Scan};
use plimsoll_oci::Target;
use sha2::{Digest as _, Sha256};

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::stored::{self, Stored};
use crate::target;

/// The folder in the state folder.
const FOLDER: &str = "baselines";
/// The most reports that are kept; the oldest go first.
const MAX_KEPT: usize = 256;
/// Characters of the image's name that stand in the file's, for people.
const MAX_NAME_CHARS: usize = 60;
/// Bytes of the key's hash that stand in the file's name.
const HASH_BYTES: usize = 16;
/// Names that are tried for a file that is being written; others may be left over from calls that were ended.
const MAX_ATTEMPTS: u32 = 32;

/// The place of one image's last scan.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    /// What it is of, for people.
    pub(crate) subject: String,
}

impl Kept {
    /// The place for an image, by the name that a person typed and its platform; `line` instead of the name, where one
    /// is given.
    pub(crate) fn of(
        text: &str,
        line: Option<&str>,
        inventory: &Inventory,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let (key, subject) = if let Some(line) = line {
            (format!("line {line}"), line.to_owned())
        } else {
            let name = full_name(&target::parse(text)?);
            (format!("name {name}"), name)
        };
        let platform = inventory.artifact.platform.as_ref().map(ToString::to_string).unwrap_or_default();
        let hash = Sha256::digest(format!("{key}\0{platform}").as_bytes());
        let hash = hash.iter().take(HASH_BYTES).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let readable: String = subject
            .chars()
            .rev()
            .take(MAX_NAME_CHARS)
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
            .collect();
        let readable: String = readable.chars().rev().collect();
        let name = format!("{}-{hash}.json", readable.trim_start_matches(['.', '-']));
        Ok(Self { path: environment.state_folder.join(FOLDER).join(name), subject })
    }

    /// Reads it; `None` where there is none yet.
    pub(crate) fn read(&self) -> Result<Option<Stored>, Failure> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => stored::read_listed(&self.path).map(Some).map_err(|failure| {
                let path = self.path.display();
                failure.hint(format!(
                    "if it is of no use any more, remove `{path}`, and the next scan that passes is the first"
                ))
            }),
        }
    }

    /// Keeps this scan instead.
    pub(crate) fn write(&self, scan: &Scan) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        let cannot = || format!("cannot keep this scan as the last one in `{}`", self.path.display());
        plimsoll_report::write_json(scan, &mut bytes)
            .map_err(|error| Failure::new(Exit::CouldNotScan, anyhow!(error).context(cannot())))?;
        publish(&self.path, &bytes)
            .map_err(|error| Failure::new(Exit::CouldNotScan, anyhow!(error).context(cannot())))
    }
}

/// The whole name of what is scanned: without a digest, so that the image of one tag is one image, and with the whole path of
/// a file or folder.
fn full_name(target: &Target) -> String {
    let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let target = match target.clone() {
        Target::Dir(path) => Target::Dir(whole(&path)),
        Target::Sbom(path) => Target::Sbom(whole(&path)),
        Target::DockerArchive { path, image } => Target::DockerArchive { path: whole(&path), image },
        Target::OciArchive { path, image } => Target::OciArchive { path: whole(&path), image },
        Target::OciDir { path, image } => Target::OciDir { path: whole(&path), image },
        Target::Registry(reference) => {
            let text = reference.to_string();
            return text.split_once('@').map_or(text.clone(), |(name, _)| name.to_owned());
        }
        target @ (Target::Docker(_) | Target::Podman(_)) => target,
    };
    target.to_string()
}

fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().expect("it lies in a folder of ours");
    let name = path.file_name().expect("it was given a name").to_string_lossy();
    fs::create_dir_all(folder)?;
    let mut attempt = 0;
    let (temporary, mut file): (PathBuf, File) = loop {
        let temporary = folder.join(format!(".{name}.{}.{attempt}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < MAX_ATTEMPTS => {
                attempt += 1;
            }
            opened => break (temporary, opened?),
        }
    };
    let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: what is reported is the failure before.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    prune(folder, path);
    Ok(())
}

/// Removes the oldest files where there are too many. What cannot be removed stays: nothing depends on it.
fn prune(folder: &Path, newest: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path() != newest)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = (files.len() + 1).saturating_sub(MAX_KEPT);
    for (_, path) in files.iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_one_whatever_digest_its_tag_has() {
        for (text, expected) in [
            ("registry.example/app:1.2", "registry.example/app:1.2"),
            (
                "registry.example/app:1.2@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "registry.example/app:1.2",
            ),
            ("docker:app:1", "docker:app:1"),
            ("dir:/", "dir:/"),
            ("dir:/usr/..", "dir:/"),
        ] {
            assert_eq!(full_name(&text.parse().unwrap()), expected);
        }
    }
}
