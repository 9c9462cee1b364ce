//! `plimsoll registry scan`: every image of a registry, one table, one verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::anyhow;
use plimsoll_model::{Digest, Platform, Verdict};
use plimsoll_oci::{Kind, Reference};
use serde_json::{Value, json};

use super::args::{SweepArgs, TableOrJson};
use super::columns::{number, text, word, written};
use super::list::{left_out, left_out_json};
use super::row::{Image, Judged, Outcome, reason, sort};
use super::table::{SHORT_DIGITS, counted, filled, short, unread};
use super::walk::{Unread, Walk, walk};
use crate::args::{Format, ReportArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::reports::Reports;
use crate::scanner::{Questions, Scanner};
use crate::settings::Settings;
use crate::store::Keep;
use crate::target::{Reader, cache_folder, oci_failure, reach};
use crate::{output, parallel};

/// What the sweep is made with.
struct Sweep<'a> {
    arguments: &'a SweepArgs,
    environment: &'a Environment,
    bars: &'a Bars,
    registry: String,
    scanner: Scanner<'a>,
    reader: Reader,
    reports: Option<Reports>,
    keep: Option<Keep>,
}

/// A folder for results of layers that goes when the sweep is over.
struct OwnFolder(PathBuf);

impl Drop for OwnFolder {
    fn drop(&mut self) {
        // Best effort: it lies where temporary files do.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn run(
    arguments: &SweepArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    // Before the registry is asked: what is wrong with the gate, the database or the flags is told at once.
    let questions = Questions {
        reading: &arguments.reading,
        database: &arguments.database,
        max_age: arguments.max_age,
        severity_order: &arguments.severity_order,
        vex: &arguments.vex,
        gate: &arguments.gate,
    };
    if arguments.gate.fail_on_new || settings.fail_on_new {
        let what = "cannot fail on what is new in a whole registry: expected a scan of one image, whose baseline is known";
        return Err(Failure::new(Exit::Usage, anyhow!(what)));
    }
    let reports = arguments.output_dir.as_ref().map(|folder| plan(folder, arguments, settings, environment));
    let reports = reports.transpose()?;
    let with_texts = reports.as_ref().is_some_and(Reports::show_findings) || arguments.store.is_some();
    let scanner = Scanner::open(questions, with_texts, settings, environment)?;
    let keep = Keep::plan(
        arguments.store.as_deref(),
        &arguments.objects,
        &arguments.reading.ca_cert,
        settings,
        environment,
    )?;
    let mut options = reach(&arguments.reading, settings)?;
    // The sweep chooses itself.
    let platform = options.platform.take();
    let mut walk = walk(&arguments.selection, &options, bars)?;
    let images = images(&mut walk, platform.as_ref());
    // Layers are kept even where nothing shall be kept of them: images share them.
    let kept = cache_folder(&arguments.reading, settings, environment);
    let own = kept.is_none().then(|| own_folder(environment));
    let folder = kept.or_else(|| own.as_ref().map(|own| own.0.clone())).unwrap_or_default();
    let jobs = usize::from(arguments.selection.jobs);
    let threads =
        arguments.reading.threads.or(settings.threads).map_or(environment.threads / jobs, usize::from);
    let sweep = Sweep {
        arguments,
        environment,
        bars,
        registry: walk.registry.clone(),
        scanner,
        reader: Reader::new(&folder, threads.max(1), options, environment),
        reports,
        keep,
    };
    let rows = sweep.all(images, jobs)?;
    drop(own);
    sweep.tell(&walk, &rows)
}

/// How the report of each image is written.
fn plan(
    folder: &Path,
    arguments: &SweepArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<Reports, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let what = format!("cannot make folder `{}`", folder.display());
        Failure::new(Exit::Usage, anyhow::Error::new(error).context(what))
    })?;
    let report = ReportArgs { format: Some(arguments.report_format), ..ReportArgs::default() };
    if matches!(arguments.report_format, Format::Template) {
        let what = "cannot write reports of a sweep as `template`: expected another format";
        return Err(Failure::new(Exit::Usage, anyhow!(what)));
    }
    Reports::plan(&report, &arguments.reading.ca_cert, settings, environment)
}

/// A folder of this sweep's own. What lies there from one that was killed is of a process that is gone, and sound: results
/// of layers are checked when they are read.
fn own_folder(environment: &Environment) -> OwnFolder {
    OwnFolder(environment.temporary_folder.join(format!("plimsoll-sweep-{}", std::process::id())))
}

/// The images that are scanned: each digest once, of indexes each platform or the one that was asked for.
fn images(walk: &mut Walk, platform: Option<&Platform>) -> Vec<Image> {
    let mut by_digest: BTreeMap<Digest, Image> = BTreeMap::new();
    let found = std::mem::take(&mut walk.found);
    for one in &found {
        if let Kind::Artifact(_) = one.survey.kind {
            walk.left_out.artifacts += one.tags.len();
            continue;
        }
        for member in &one.survey.members {
            if platform.is_some_and(|asked| !is_of(member.platform.as_ref(), asked)) {
                walk.left_out.other_platforms += 1;
                continue;
            }
            let image = by_digest.entry(member.digest.clone()).or_insert_with(|| Image {
                names: Vec::new(),
                digest: member.digest.clone(),
                platform: (one.survey.kind == Kind::Index).then(|| member.platform.clone()).flatten(),
            });
            match image.names.iter_mut().find(|(repository, _)| *repository == one.repository) {
                Some((_, tags)) => {
                    tags.extend(one.tags.iter().cloned());
                    tags.sort_by(|a, b| super::order::natural(a, b));
                    tags.dedup();
                }
                None => image.names.push((one.repository.clone(), one.tags.clone())),
            }
        }
    }
    by_digest.into_values().collect()
}

/// Whether an image is of the platform that was asked for; one that does not say what it is may be.
fn is_of(platform: Option<&Platform>, asked: &Platform) -> bool {
    platform.is_none_or(|platform| {
        platform.os == asked.os
            && platform.architecture == asked.architecture
            && (asked.variant.is_empty() || platform.variant == asked.variant)
    })
}

impl Sweep<'_> {
    /// Scans all. What fails of one image is its row; without advisories there is no sweep.
    fn all(&self, images: Vec<Image>, jobs: usize) -> Result<Vec<(Image, Outcome)>, Failure> {
        let done = AtomicUsize::new(0);
        let is_hopeless = AtomicBool::new(false);
        let outcomes = parallel::map(jobs, &images, |image| {
            if is_hopeless.load(Ordering::Relaxed) {
                return None;
            }
            let number = done.fetch_add(1, Ordering::Relaxed) + 1;
            self.bars.say(format!("{number} of {}: {}", images.len(), image.words()));
            let outcome = self.one(image);
            if let Err(failure) = &outcome
                && matches!(failure.exit, Exit::NoAdvisories | Exit::Usage)
            {
                is_hopeless.store(true, Ordering::Relaxed);
            }
            Some(outcome)
        });
        let mut rows = Vec::with_capacity(images.len());
        for (image, outcome) in images.into_iter().zip(outcomes) {
            match outcome {
                Some(Ok(judged)) => rows.push((image, Outcome::Scanned(judged))),
                Some(Err(failure)) if matches!(failure.exit, Exit::NoAdvisories | Exit::Usage) => {
                    return Err(failure);
                }
                Some(Err(failure)) => rows.push((image, Outcome::Failed(failure))),
                // The failure that made it hopeless stands behind.
                None => {}
            }
        }
        sort(&mut rows);
        Ok(rows)
    }

    fn one(&self, image: &Image) -> Result<Judged, Failure> {
        let (repository, tag) = image.name();
        let reference = Reference::of_repository(&self.registry, repository)
            .and_then(|reference| reference.with_tag(tag))
            .map_err(|error| oci_failure(error, Exit::CouldNotScan))?
            .with_digest(&image.digest);
        let inventory = self.reader.inventory(&reference, self.bars)?;
        let scan = self.scanner.judge(inventory, self.bars)?;
        let mut judged = Judged::of(&scan);
        if let (Some(reports), Some(folder)) = (&self.reports, &self.arguments.output_dir) {
            let path = folder.join(self.file_name(repository, tag, image));
            output::write(Some(&path), &reports.document(&scan, Exit::of(judged.verdict))?)?;
            judged.report = Some(path);
        }
        if let Some(keep) = &self.keep {
            judged.unstored = keep.write(&scan, self.environment.now).err();
        }
        Ok(judged)
    }

    /// `team_app_1.2_4f1a4f1a4f1a.json`: names of repositories and tags hold nothing that a file's may not.
    fn file_name(&self, repository: &str, tag: &str, image: &Image) -> String {
        let name: String = format!("{}_{tag}", repository.replace('/', "_")).chars().take(200).collect();
        format!("{name}_{}.{}", short(&image.digest), self.arguments.report_format.extension())
    }

    /// Writes the table, and says how it ends.
    fn tell(&self, walk: &Walk, rows: &[(Image, Outcome)]) -> Result<Exit, Failure> {
        let totals = Totals::of(rows, walk);
        let exit = totals.exit();
        // What is said of every image is told once.
        let mut told = BTreeSet::new();
        for note in self.bars.finish() {
            if told.insert(note.clone()) {
                eprintln!("{note}");
            }
        }
        let text = match self.arguments.format {
            TableOrJson::Table => as_table(walk, rows, totals, &self.scanner.rules(), self.environment.width),
            TableOrJson::Json => {
                let value = as_json(walk, rows, exit, &self.scanner.rules());
                let text = serde_json::to_string_pretty(&value)
                    .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
                format!("{text}\n")
            }
        };
        output::write(self.arguments.output.as_deref(), text.as_bytes())?;
        for (_, outcome) in rows {
            if let Outcome::Scanned(Judged { unstored: Some(failure), .. }) = outcome {
                eprintln!("{failure}");
            }
        }
        Ok(exit)
    }
}

/// How many came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: usize,
    failed: usize,
    undecided: usize,
    /// Images, tags and repositories.
    unread: usize,
    unstored: usize,
}

impl Totals {
    fn of(rows: &[(Image, Outcome)], walk: &Walk) -> Self {
        let mut totals = Self { unread: walk.unread.len(), ..Self::default() };
        for (_, outcome) in rows {
            match outcome {
                Outcome::Scanned(judged) => {
                    match judged.verdict {
                        Verdict::Passed => totals.passed += 1,
                        Verdict::Failed => totals.failed += 1,
                        Verdict::Undecided => totals.undecided += 1,
                    }
                    totals.unstored += usize::from(judged.unstored.is_some());
                }
                Outcome::Failed(_) => totals.unread += 1,
            }
        }
        totals
    }

    /// One verdict for all: the worst that is known, before what is not known.
    fn exit(self) -> Exit {
        if self.failed > 0 {
            Exit::GateFailed
        } else if self.unread > 0 {
            Exit::CouldNotScan
        } else if self.undecided > 0 {
            Exit::Undecided
        } else if self.unstored > 0 {
            Exit::NotStored
        } else {
            Exit::Passed
        }
    }

    fn words(self) -> String {
        let parts = [(self.failed, "failed"), (self.undecided, "undecided"), (self.passed, "passed")];
        listed(&parts)
    }

    fn troubles(self) -> String {
        listed(&[(self.unread, "could not be scanned"), (self.unstored, "not stored")])
    }
}

/// Those that are any.
fn listed(parts: &[(usize, &str)]) -> String {
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    parts.map(|(number, word)| format!("{number} {word}")).collect::<Vec<_>>().join(", ")
}

fn verdict(exit: Exit) -> &'static str {
    match exit {
        Exit::GateFailed => "failed",
        Exit::CouldNotScan => "incomplete: not all could be scanned",
        Exit::Undecided => "undecided",
        _ => "passed",
    }
}

/// The databases that were asked: one, unless ecosystems were fetched on the way.
fn databases(rows: &[(Image, Outcome)]) -> BTreeSet<&str> {
    let judged = rows.iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Scanned(judged) => Some(judged.database_digest.as_str()),
        Outcome::Failed(_) => None,
    });
    judged.collect()
}

fn as_table(
    walk: &Walk,
    rows: &[(Image, Outcome)],
    totals: Totals,
    rules: &[String],
    width: usize,
) -> String {
    let columns = [
        text("IMAGE"),
        word("DIGEST"),
        number("CRIT"),
        number("HIGH"),
        number("MED"),
        number("LOW"),
        number("OTHER"),
        number("GAPS"),
        word("VERDICT"),
    ];
    let mut cells = Vec::new();
    let mut failed: Vec<Unread> = walk.unread.clone();
    for (image, outcome) in rows {
        match outcome {
            Outcome::Scanned(judged) => {
                let mut lines = image.lines();
                lines.extend(image.platform.as_ref().map(|platform| format!("  {platform}")));
                let counts = &judged.counts;
                cells.push(vec![
                    lines.join("\n"),
                    short(&image.digest),
                    counts.critical.to_string(),
                    counts.high.to_string(),
                    counts.medium.to_string(),
                    counts.low.to_string(),
                    (counts.negligible + counts.unknown).to_string(),
                    judged.gaps.to_string(),
                    judged.word.to_owned(),
                ]);
            }
            Outcome::Failed(failure) => {
                failed.push(Unread { what: image.words(), reason: reason(failure) });
            }
        }
    }
    let mut out = String::new();
    if !cells.is_empty() {
        out = written(&columns, &cells, width);
        out.push('\n');
    }
    unread(&mut out, "could not be scanned", &failed, width);
    let scanned = totals.passed + totals.failed + totals.undecided;
    let _ = write!(out, "{} of {} scanned", counted(scanned, "image"), walk.registry);
    for (start, words) in [(": ", totals.words()), ("; ", totals.troubles())] {
        if !words.is_empty() {
            let _ = write!(out, "{start}{words}");
        }
    }
    out.push('\n');
    let left = left_out(&walk.left_out);
    if !left.is_empty() {
        let _ = writeln!(out, "left out: {left}");
    }
    for digest in databases(rows) {
        let digits: String = digest.trim_start_matches("sha256:").chars().take(SHORT_DIGITS).collect();
        let _ = writeln!(out, "database: {digits}");
    }
    let gate = if rules.is_empty() { "none was asked".to_owned() } else { rules.join("; ") };
    for (index, line) in filled(&format!("gate: {gate}"), width).into_iter().enumerate() {
        let _ = writeln!(out, "{}{line}", if index == 0 { "" } else { "  " });
    }
    let _ = writeln!(out, "verdict: {}", verdict(totals.exit()));
    crate::exit::printable(&out)
}

fn as_json(walk: &Walk, rows: &[(Image, Outcome)], exit: Exit, rules: &[String]) -> Value {
    let (scanned, failed): (Vec<_>, Vec<_>) =
        rows.iter().partition(|(_, outcome)| matches!(outcome, Outcome::Scanned(_)));
    let all = |rows: Vec<&(Image, Outcome)>| {
        rows.into_iter().map(|(image, outcome)| image.json(outcome)).collect::<Vec<_>>()
    };
    json!({
        "registry": walk.registry,
        "verdict": verdict(exit).split(':').next(),
        "exit_status": exit as u8,
        "rules": rules,
        "images": all(scanned),
        "not_scanned": all(failed),
        "unread": walk.unread.iter().map(|one| json!({"what": one.what, "reason": one.reason})).collect::<Vec<_>>(),
        "left_out": left_out_json(&walk.left_out),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_verdict_stands_for_all() {
        for (totals, exit) in [
            (Totals::default(), Exit::Passed),
            (Totals { passed: 3, ..Totals::default() }, Exit::Passed),
            (Totals { passed: 3, unstored: 1, ..Totals::default() }, Exit::NotStored),
            (Totals { passed: 3, undecided: 1, unstored: 1, ..Totals::default() }, Exit::Undecided),
            (Totals { undecided: 1, unread: 1, ..Totals::default() }, Exit::CouldNotScan),
            (Totals { failed: 1, undecided: 1, unread: 1, ..Totals::default() }, Exit::GateFailed),
        ] {
            assert_eq!(totals.exit(), exit, "{totals:?}");
        }
    }
}
