//! Files kept from one build to the next: restored before it, saved after it.
//!
//! A cache lies in a folder named after its key. It holds what was in the workspace and what was in the home folder
//! apart, so that another machine finds it again: CodeBuild's home is always `/root`, so that `/root/.m2/**/*` means
//! the home folder wherever a build runs. Paths elsewhere are left alone, and told.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::collect::{self, Bounds, Picked};
use crate::error::Error;
use crate::files::{Staging, read_text};
use crate::log::Log;
use crate::pattern::Pattern;

/// Longest key, in bytes.
const MAX_KEY_BYTES: u64 = 64 << 10;
/// The home folder of builds on CodeBuild.
///
/// Source: AWS CodeBuild User Guide, *Environment variables in build environments*, `HOME`.
const CODEBUILD_HOME: &str = "/root/";

/// Where caches are, and what they are of.
pub(crate) struct Caches {
    pub(crate) folder: PathBuf,
    pub(crate) workspace: PathBuf,
    pub(crate) home: Option<PathBuf>,
}

impl Caches {
    /// Restores the cache with this key, or the newest one whose key begins with one of the others. What is there
    /// already is never changed.
    pub(crate) fn restore(
        &self,
        log: &mut Log<'_>,
        key: &str,
        fallbacks: &[String],
        bounds: &Bounds,
    ) -> Result<(), Error> {
        let Some((found, folder)) = self.find(key, fallbacks) else {
            log.line("Cache: none to restore");
            return Ok(());
        };
        let mut count = 0;
        for (part, root) in [("workspace", Some(&self.workspace)), ("home", self.home.as_ref())] {
            let Some(root) = root else { continue };
            let kept = collect::all(&folder.join(part), "", &Bounds { keeps_links: true, ..bounds.clone() });
            for file in kept.files {
                count += usize::from(restore_one(&file, root)?);
            }
        }
        let name = if found.is_empty() { String::new() } else { format!(" `{found}`") };
        log.line(&format!("Cache{name}: restored {count} file(s)"));
        Ok(())
    }

    /// Saves files under this key. With a key, a cache that is there already stays as it is.
    pub(crate) fn save(
        &self,
        log: &mut Log<'_>,
        key: &str,
        paths: &[String],
        bounds: &Bounds,
    ) -> Result<(), Error> {
        let place = self.place(key);
        if !key.is_empty() && place.is_dir() {
            log.line(&format!("Cache `{key}`: saved before, not changed"));
            return Ok(());
        }
        let bounds = Bounds { keeps_links: true, ..bounds.clone() };
        let staging = Staging::beside(&place)?;
        let mut count = 0;
        for text in paths {
            let Some((part, root, pattern)) = self.part(text) else {
                log.line(&format!(
                    "[WARN] Cache: {text} is neither in the workspace nor in the home folder: left out"
                ));
                continue;
            };
            let pattern = Pattern::new(&pattern);
            let mut found = collect::matches(root, &pattern, &bounds);
            if found.is_folder {
                for (prefix, _) in pattern.prefixes() {
                    let name = prefix.join("/");
                    let more = collect::all(&root.join(&name), &name, &bounds);
                    found.is_cut |= more.is_cut;
                    found.files.extend(more.files);
                }
            }
            if found.is_cut {
                log.line(&format!("[WARN] Cache: {text} means more than {} files: left out", bounds.files));
                continue;
            }
            let folder = staging.folder().join(part);
            found.files.retain(|file| !folder.join(&file.name).exists());
            count += found.files.len();
            collect::copy(&found.files, &folder, &bounds)?;
        }
        let file = staging.folder().join("key");
        fs::write(&file, key).map_err(Error::disk("write", &file))?;
        staging.publish()?;
        log.line(&format!("Cache: saved {count} file(s)"));
        Ok(())
    }

    fn place(&self, key: &str) -> PathBuf {
        use std::fmt::Write;
        let mut name = String::new();
        for byte in Sha256::digest(key.as_bytes()) {
            let _ = write!(name, "{byte:02x}");
        }
        self.folder.join(name)
    }

    fn find(&self, key: &str, fallbacks: &[String]) -> Option<(String, PathBuf)> {
        let place = self.place(key);
        if place.is_dir() {
            return Some((key.to_owned(), place));
        }
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder).ok()?.flatten() {
            let folder = entry.path();
            let is_place = !entry.file_name().to_string_lossy().starts_with('.');
            if let (true, Ok(Some(key)), Ok(Ok(time))) = (
                is_place,
                read_text(&folder.join("key"), MAX_KEY_BYTES),
                entry.metadata().map(|metadata| metadata.modified()),
            ) {
                all.push((time, key, folder));
            }
        }
        all.sort();
        fallbacks.iter().filter(|prefix| !prefix.is_empty()).find_map(|prefix| {
            let newest = all.iter().rev().find(|(_, key, _)| key.starts_with(prefix.as_str()));
            newest.map(|(_, key, folder)| (key.clone(), folder.clone()))
        })
    }

    /// Where a path of the buildspec lies: the part of the cache, its root, and the path from there on.
    fn part(&self, text: &str) -> Option<(&'static str, &Path, String)> {
        if !text.starts_with('/') {
            let home = text
                .strip_prefix("~/")
                .and_then(|rest| Some(("home", self.home.as_deref()?, rest.to_owned())));
            return home.or_else(|| {
                let leaves = text.split('/').any(|name| name == "..");
                (!leaves).then(|| ("workspace", self.workspace.as_path(), text.to_owned()))
            });
        }
        let below = |root: &Path| {
            let root = format!("{}/", root.to_str()?.trim_end_matches('/'));
            text.strip_prefix(&root).map(str::to_owned)
        };
        if text.split('/').any(|name| name == "..") {
            return None;
        }
        if let Some(rest) = below(&self.workspace) {
            return Some(("workspace", &self.workspace, rest));
        }
        let home = self.home.as_deref()?;
        let rest = below(home).or_else(|| text.strip_prefix(CODEBUILD_HOME).map(str::to_owned))?;
        Some(("home", home, rest))
    }
}

/// Copies one file below the root, unless something is there; answers whether it did. Links that lead out of the root
/// are not followed.
fn restore_one(file: &Picked, root: &Path) -> Result<bool, Error> {
    let target = root.join(&file.name);
    if target.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let parent = target.parent().unwrap_or(root);
    let mut existing = parent;
    while existing.symlink_metadata().is_err() {
        existing = existing.parent().unwrap_or(root);
    }
    let (Ok(existing), Ok(canonical)) = (existing.canonicalize(), root.canonicalize()) else {
        return Ok(false);
    };
    if !existing.starts_with(&canonical) || !existing.is_dir() {
        return Ok(false);
    }
    fs::create_dir_all(parent).map_err(Error::disk("make folder", parent))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let part = parent.join(format!(".{name}.{}.part", std::process::id()));
    let copied = if file.is_link {
        fs::read_link(&file.source).and_then(|to| std::os::unix::fs::symlink(to, &part))
    } else {
        fs::copy(&file.source, &part).map(|_| ())
    };
    let done = copied.and_then(|()| fs::rename(&part, &target));
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done.map_err(Error::disk("restore", &target))?;
    Ok(true)
}

/// Replaces `$(codebuild-hash-files PATTERN…)` in a key by a hash over the names and bytes of the files that are meant.
///
/// Source: AWS CodeBuild User Guide, *Amazon S3 caching*, `codebuild-hash-files`.
pub(crate) fn hash_files(key: &str, workspace: &Path, bounds: &Bounds) -> Result<String, Error> {
    const CALL: &str = "$(codebuild-hash-files ";
    let mut out = String::new();
    let mut rest = key;
    while let Some(start) = rest.find(CALL) {
        let inside = &rest[start + CALL.len()..];
        let Some(end) = inside.find(')') else { break };
        out.push_str(&rest[..start]);
        let mut files: Vec<Picked> = Vec::new();
        for word in inside[..end].split_whitespace() {
            let pattern = Pattern::new(word.trim_matches(['\'', '"']));
            files.extend(collect::matches(workspace, &pattern, bounds).files);
        }
        files.sort();
        files.dedup();
        let mut all = Sha256::new();
        for file in &files {
            let mut hasher = Sha256::new();
            let read = fs::File::open(&file.source).and_then(|mut open| copy_into(&mut open, &mut hasher));
            read.map_err(Error::disk("read", &file.source))?;
            all.update(file.name.as_bytes());
            all.update([0]);
            all.update(hasher.finalize());
        }
        for byte in all.finalize() {
            use std::fmt::Write;
            let _ = write!(out, "{byte:02x}");
        }
        rest = &inside[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn copy_into(file: &mut fs::File, hasher: &mut Sha256) -> std::io::Result<()> {
    use std::io::Read;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
