//! Artifacts and reports: collected whole into a folder, or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::collect::{self, Bounds, Picked};
use crate::error::Error;
use crate::files::Staging;
use crate::log::Log;
use crate::outcome::{ArtifactOutcome, Context, ReportOutcome};
use crate::pattern::Pattern;
use crate::spec::{ArtifactSet, ReportGroup};

/// What a set of patterns picked, with the names that files get.
pub(crate) struct Selection {
    files: Vec<Picked>,
}

/// Collects an artifact into `folder`, telling it as CodeBuild does. Texts of the set are expanded already.
///
/// # Errors
/// The context of the phase, if there is nothing to collect; [`Error`] of the disk.
pub(crate) fn collect_artifact(
    log: &mut Log<'_>,
    workspace: &Path,
    identifier: Option<&str>,
    set: &ArtifactSet,
    folder: &Path,
    bounds: &Bounds,
) -> Result<Result<ArtifactOutcome, Context>, Error> {
    let bounds = Bounds { keeps_links: set.enable_symlinks, ..bounds.clone() };
    let base = set.base_directory.as_deref();
    let selection =
        match select(log, workspace, base, &set.files, &set.exclude_paths, set.discard_paths, &bounds) {
            Ok(selection) if selection.files.is_empty() => {
                return Ok(Err(Context::new("CLIENT_ERROR", "no matching artifact paths found")));
            }
            Ok(selection) => selection,
            Err(context) => return Ok(Err(context)),
        };
    log.line(&format!("Found {} file(s)", selection.files.len()));
    let staging = Staging::beside(folder)?;
    let size_bytes = collect::copy(&selection.files, staging.folder(), &bounds)?;
    staging.publish()?;
    Ok(Ok(ArtifactOutcome {
        identifier: identifier.map(str::to_owned),
        name: set.name.clone(),
        s3_prefix: set.s3_prefix.clone(),
        folder: folder.to_owned(),
        files: selection.files.into_iter().map(|file| file.name).collect(),
        size_bytes,
    }))
}

/// Collects a group of reports; without a folder it is only listed. Nothing to collect is told, and no failure.
pub(crate) fn collect_report(
    log: &mut Log<'_>,
    workspace: &Path,
    group: &ReportGroup,
    folder: Option<PathBuf>,
    bounds: &Bounds,
) -> Result<ReportOutcome, Error> {
    log.line(&format!("Preparing to copy {} report {}", group.format.name(), group.name));
    let base = group.base_directory.as_deref();
    let mut files = match select(log, workspace, base, &group.files, &[], group.discard_paths, bounds) {
        Ok(selection) => selection.files,
        Err(context) => {
            log.line(&context.message);
            Vec::new()
        }
    };
    log.line(&format!("Found {} report file(s)", files.len()));
    let folder = if files.is_empty() { None } else { folder };
    if let Some(folder) = &folder {
        let staging = Staging::beside(folder)?;
        collect::copy(&files, staging.folder(), bounds)?;
        staging.publish()?;
    }
    let files = files.drain(..).map(|file| file.name).collect();
    Ok(ReportOutcome { group: group.name.clone(), format: group.format.name(), folder, files })
}

/// A name of a folder for a group of reports: the end of an ARN, and only what is no trouble in paths.
pub(crate) fn report_folder(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let folder: String = last.chars().take(100).map(plain).collect();
    if folder.is_empty() { "report".to_owned() } else { folder }
}

fn select(
    log: &mut Log<'_>,
    workspace: &Path,
    base: Option<&str>,
    files: &[String],
    excluded: &[String],
    discards_paths: bool,
    bounds: &Bounds,
) -> Result<Selection, Context> {
    let base = base.unwrap_or(".");
    log.line(&format!("Expanding base directory path: {base}"));
    log.line("Assembling file list");
    log.line(&format!("Expanding {base}"));
    let bases = base_folders(workspace, base);
    if bases.is_empty() {
        return Err(Context::new(
            "CLIENT_ERROR",
            format!("no matching base directory paths found for {base}"),
        ));
    }
    log.line(&format!("Expanding file paths for base directory {base}"));
    log.line("Assembling file list");
    let excluded: Vec<Pattern> = excluded.iter().map(|text| Pattern::new(text)).collect();
    let mut picked: BTreeMap<String, Picked> = BTreeMap::new();
    for text in files {
        log.line(&format!("Expanding {text}"));
        let pattern = Pattern::new(text);
        let (mut any, mut is_folder) = (false, false);
        for base in &bases {
            let found = collect::matches(base, &pattern, bounds);
            if found.is_cut {
                let reason = format!("`{text}` means more than {} files, or folders too deep", bounds.files);
                return Err(Context::new("CLIENT_ERROR", reason));
            }
            is_folder |= found.is_folder;
            any |= !found.files.is_empty();
            for mut file in found.files {
                if excluded.iter().any(|pattern| pattern.matches(&file.name)) {
                    continue;
                }
                if discards_paths {
                    file.name = file.name.split_off(file.name.rfind('/').map_or(0, |at| at + 1));
                }
                let name = file.name.clone();
                if let Some(other) = picked.insert(name.clone(), file)
                    && Some(&other.source) != picked.get(&name).map(|file| &file.source)
                {
                    log.line(&format!("[WARN] {name} is there twice: the last one counts"));
                }
            }
        }
        if !any {
            log.line(&format!("Skipping invalid file path {text}"));
        }
        if is_folder {
            log.line(&format!("[WARN] {text} is a folder: write {}/**/*", text.trim_end_matches('/')));
        }
    }
    // A file cannot lie in a file: what would lie in one is left out.
    let names: Vec<String> = picked.keys().cloned().collect();
    for name in &names {
        let parents = name.match_indices('/').map(|(at, _)| &name[..at]);
        if parents.into_iter().any(|parent| picked.contains_key(parent)) {
            log.line(&format!("[WARN] {name} would lie in a file of that name: left out"));
            picked.remove(name);
        }
    }
    Ok(Selection { files: picked.into_values().collect() })
}

/// The folders that a base directory means; it is a pattern.
fn base_folders(workspace: &Path, base: &str) -> Vec<PathBuf> {
    let direct = workspace.join(base);
    if direct.is_dir() {
        return vec![direct];
    }
    let pattern = Pattern::new(base);
    let mut folders = Vec::new();
    for (prefix, is_whole) in pattern.prefixes() {
        if is_whole {
            continue;
        }
        // The documented pattern is one name at the end: `my-directory*`.
        let parent = prefix.iter().fold(workspace.to_owned(), |path, name| path.join(name));
        let Ok(entries) = fs::read_dir(&parent) else { continue };
        for entry in entries.flatten() {
            let mut names = prefix.clone();
            names.push(entry.file_name().to_string_lossy().into_owned());
            if entry.path().is_dir() && pattern.matches(&names.join("/")) {
                folders.push(entry.path());
            }
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(test)]
#[path = "artifact_tests.rs"]
mod tests;
