//! `plimsoll pipeline run --commit`: images that a commit's message asks for, built or taken from a registry, scanned,
//! reported.

mod builder;
pub(super) mod git;
pub(super) mod process;
mod scan;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use clap::Parser as _;
use plimsoll_oci::Reference;
use plimsoll_pipeline::commit::{Asked, Mention, Told, images};

use crate::args::{Command, Common, RunArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure, printable};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use builder::{BuildPlan, Builder, stopped};
use git::Git;
use process::Bounds;
use tree::Scratch;

/// Characters of a hash that are shown.
const SHORT: usize = 12;
/// Characters of a message's first line that are shown.
const SUBJECT_CHARS: usize = 60;
/// Statuses of single images, the one that the whole run ends with first: an image that must not sail is told before one
/// that could not be looked at.
const WORST: [Exit; 6] =
    [Exit::GateFailed, Exit::NoAdvisories, Exit::CouldNotScan, Exit::Usage, Exit::Undecided, Exit::NotStored];

/// What a run is made with.
pub(super) struct Run<'a> {
    pub(super) arguments: &'a RunArgs,
    pub(super) common: &'a Common,
    pub(super) settings: &'a Settings,
    pub(super) environment: &'a Environment,
    pub(super) stop: &'a AtomicBool,
}

/// An image, and what is to become of it.
struct Job {
    mention: Mention,
    /// The tree of its folder and the folder's path, where it is built.
    folder: Option<(String, String)>,
    /// What it is called here and in the registry.
    name: String,
    /// The file of its report.
    report: String,
}

/// What became of an image.
struct Outcome {
    exit: Exit,
    /// In words, for the line at the end.
    lines: Vec<String>,
    /// The report, where there is one.
    report: Option<PathBuf>,
}

impl Run<'_> {
    /// Runs what one commit asks for.
    pub(super) fn run(&self, revision: &str) -> Result<Exit, Failure> {
        let git = Git { source: self.arguments.folder(), stop: self.stop };
        let commit = git.commit(revision)?;
        let message = git.message(&commit)?;
        let asked = images(&message).map_err(|error| Failure::new(Exit::Usage, error))?;
        self.check(&asked)?;
        let subject: String =
            message.lines().next().unwrap_or_default().chars().take(SUBJECT_CHARS).collect();
        say(&format!("commit {}  {}\n", &commit[..SHORT], printable(&subject)))?;
        for told in asked.passed_over.iter().filter(|_| !self.common.quiet) {
            eprintln!("note: `{}` ({}) is {}, no image", told.text, told.place, told.found);
        }
        let mut exits = vec![refused(&asked)];
        if asked.images.is_empty() {
            if asked.refused.is_empty() {
                say("the message names no image as `::name:tag`: nothing to do\n")?;
            }
            return Ok(worst(&exits));
        }
        let mut jobs = Vec::new();
        let mut not_run = Vec::new();
        let mut names = BTreeMap::new();
        for mention in asked.images {
            let shown = mention.shown();
            match self.job(&git, &commit, mention, &mut names) {
                Ok(job) => jobs.push(job),
                Err(failure) => {
                    eprintln!("{failure}");
                    exits.push(failure.exit);
                    not_run.push(format!("{shown}: not run\n"));
                }
            }
        }
        if self.arguments.dry_run {
            self.outline(&jobs)?;
            say(&not_run.concat())?;
            return Ok(worst(&exits));
        }
        let builder = self.builder(&jobs)?;
        let folder = self.reports_folder()?;
        let mut outcomes = Vec::new();
        for job in &jobs {
            if self.stop.load(Ordering::Acquire) {
                return Err(stopped());
            }
            outcomes.push(self.one(&git, &commit, job, builder, &folder));
        }
        exits.extend(outcomes.iter().map(|outcome| outcome.exit));
        self.tell(&jobs, &outcomes)?;
        say(&not_run.concat())?;
        Ok(worst(&exits))
    }

    fn job(
        &self,
        git: &Git<'_>,
        commit: &str,
        mention: Mention,
        names: &mut BTreeMap<String, usize>,
    ) -> Result<Job, Failure> {
        let path = self.docker_folder(&mention)?;
        let tree = if mention.is_buildable() { git.image_folder(commit, &path)? } else { None };
        let name = match &self.arguments.registry {
            Some(registry) if !mention.names_registry() => format!("{registry}/{}", mention.shown()),
            _ => mention.shown(),
        };
        let report = mention.report_name();
        let count = names.entry(report.clone()).or_insert(0);
        *count += 1;
        let report = if *count == 1 {
            report
        } else {
            let other = report.replace("_results.json", &format!("_{count}_results.json"));
            if !self.common.quiet {
                eprintln!(
                    "note: `{report}` is another image's: the report of `{}` is `{other}`",
                    mention.shown()
                );
            }
            other
        };
        Ok(Job { mention, folder: tree.map(|tree| (tree, path)), name, report })
    }

    /// The folder of an image's Dockerfile, from the root of the sources on.
    fn docker_folder(&self, mention: &Mention) -> Result<String, Failure> {
        let folder = &self.arguments.commit.docker_dir;
        let is_plain = !folder.starts_with('/') && folder.split('/').all(|part| part != "..");
        if !is_plain {
            let what =
                format!("cannot use the folder `{folder}`: expected one below the root of the sources");
            return Err(Failure::new(Exit::Usage, anyhow!(what)));
        }
        let parts = folder.split('/').filter(|part| !part.is_empty() && *part != ".");
        let name = mention.name();
        Ok(parts.chain([name.as_str()]).collect::<Vec<_>>().join("/"))
    }

    fn outline(&self, jobs: &[Job]) -> Result<(), Failure> {
        for job in jobs {
            let how = match &job.folder {
                Some((_, path)) => format!("would be built from {path}"),
                None => format!("would be taken from {}", job.name),
            };
            let mut lines = vec![how, job.report.clone()];
            lines.extend(self.arguments.commit.upload.as_ref().map(|place| below(place, &job.report)));
            if self.pushes(job) {
                lines.push(format!("pushed to {} if it passes", job.name));
            }
            say(&entry(job, &lines))?;
        }
        Ok(())
    }

    /// A builder, where something is built at all.
    fn builder(&self, jobs: &[Job]) -> Result<Option<Builder>, Failure> {
        if jobs.iter().all(|job| job.folder.is_none()) {
            return Ok(None);
        }
        Builder::find(self.arguments.commit.builder, self.bounds()).map(Some)
    }

    fn bounds(&self) -> Bounds<'_> {
        let seconds = u64::try_from(self.arguments.timeout.seconds).unwrap_or(0);
        Bounds { time: Duration::from_secs(seconds), stop: self.stop }
    }

    fn reports_folder(&self) -> Result<PathBuf, Failure> {
        let folder = self.arguments.reports.clone().unwrap_or_else(|| PathBuf::from("."));
        let mut folders = vec![folder.clone()];
        // A folder that reports are copied to.
        let upload = self.arguments.commit.upload.as_ref().filter(|place| !place.contains("://"));
        folders.extend(upload.map(PathBuf::from));
        for folder in folders {
            fs::create_dir_all(&folder).map_err(|error| {
                let what = format!("cannot make the folder `{}`", folder.display());
                Failure::new(Exit::Usage, anyhow!(error).context(what))
            })?;
        }
        Ok(folder)
    }

    /// Builds or takes one image, scans it, writes its report, pushes it. What fails here ends this image alone.
    fn one(
        &self,
        git: &Git<'_>,
        commit: &str,
        job: &Job,
        builder: Option<Builder>,
        reports: &Path,
    ) -> Outcome {
        let report = reports.join(&job.report);
        // One of an earlier run must not be taken for this one's.
        let _ = fs::remove_file(&report);
        match self.try_one(git, commit, job, builder, reports) {
            Ok((exit, mut lines)) => {
                let has_report = report.is_file();
                if has_report {
                    lines.push(report.display().to_string());
                    let place = self.arguments.commit.upload.as_ref().filter(|_| exit != Exit::NotStored);
                    lines.extend(place.map(|place| below(place, &job.report)));
                }
                Outcome { exit, lines, report: has_report.then_some(report) }
            }
            Err((how, failure)) => {
                eprintln!("{failure}");
                let has_report = report.is_file();
                let lines = vec![how.to_owned()];
                Outcome { exit: failure.exit, lines, report: has_report.then_some(report) }
            }
        }
    }

    fn try_one(
        &self,
        git: &Git<'_>,
        commit: &str,
        job: &Job,
        builder: Option<Builder>,
        reports: &Path,
    ) -> Result<(Exit, Vec<String>), (&'static str, Failure)> {
        let shown = job.mention.shown();
        let not_built = |failure| ("not built", failure);
        let not_scanned = |failure| ("not scanned", failure);
        let (Some((tree, path)), Some(builder)) = (&job.folder, builder) else {
            let attests = self.arguments.commit.attest && self.is_of_registry(job);
            let exit = self.judge(job, &job.name, reports, attests).map_err(not_scanned)?;
            let registry =
                job.name.parse().map(|name: Reference| name.registry().to_owned()).unwrap_or_default();
            let mut lines = vec![format!("{}; taken from {registry}", word(exit))];
            lines.extend(attests.then(|| "attested there".to_owned()));
            return Ok((exit, lines));
        };
        self.note(&format!("{shown}: building {path} with {}", builder.name()));
        let scratch = Scratch::new(&self.environment.temporary_folder).map_err(not_built)?;
        let folder = scratch.path().join("tree");
        let written = git.write_tree(tree, &folder).map_err(not_built)?;
        for submodule in written.submodules {
            self.note(&format!("note: the submodule `{}` is left out", printable(&submodule)));
        }
        if written.pointers > 0 {
            self.note(&format!(
                "note: {} of the files are pointers of Git LFS, not what they point at",
                written.pointers
            ));
        }
        let plan = BuildPlan {
            folder: &folder,
            scratch: scratch.path(),
            name: &job.name,
            commit,
            is_quiet: self.common.quiet,
        };
        let built = builder.build(&plan, self.bounds()).map_err(not_built)?;
        let target = builder.save(&built, scratch.path(), self.bounds()).map_err(not_scanned)?;
        self.note(&format!("{shown}: scanning"));
        let exit = self.judge(job, &target, reports, false).map_err(not_scanned)?;
        let mut lines = vec![format!("{}; built from {path} with {}", word(exit), builder.name())];
        if self.arguments.commit.push {
            if exit != Exit::Passed {
                lines.push("not pushed".to_owned());
            } else if self.pushes(job) {
                let without_tls = self.is_without_tls(job);
                let digest = builder.push(&built, without_tls, scratch.path(), self.bounds());
                let digest = digest.map_err(|failure| ("passed, but not pushed", failure))?;
                let shown = digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
                lines.push(format!("pushed to {}{shown}", job.name));
                if self.arguments.commit.attest {
                    let attested = self.attest(job, digest.as_deref(), scratch.path());
                    attested.map_err(|failure| ("passed and pushed, but not attested", failure))?;
                    lines.push("attested there".to_owned());
                }
            } else {
                let what = anyhow!(
                    "cannot push `{}`: expected an image of `--registry {}`, found one of another registry",
                    job.name,
                    self.arguments.registry.as_deref().unwrap_or_default()
                );
                return Err(("passed, but not pushed", Failure::new(Exit::Usage, what)));
            }
        }
        Ok((exit, lines))
    }

    /// Whether an image is pushed: never to a registry that the message alone names.
    fn pushes(&self, job: &Job) -> bool {
        self.arguments.commit.push && job.folder.is_some() && self.is_of_registry(job)
    }

    /// Whether an image lies in the registry that the call names.
    fn is_of_registry(&self, job: &Job) -> bool {
        let registry = self.arguments.registry.as_deref();
        registry
            .is_some_and(|registry| job.name.strip_prefix(registry).is_some_and(|rest| rest.starts_with('/')))
    }

    fn is_without_tls(&self, job: &Job) -> bool {
        let Ok(reference) = job.name.parse::<Reference>() else { return false };
        let whole = reference.registry();
        let host = whole.rsplit_once(':').map_or(whole, |(host, _)| host);
        plimsoll_http::is_loopback(host.trim_matches(['[', ']']))
            || self.settings.insecure_http.iter().any(|known| known == "*" || known == whole || known == host)
    }

    /// Counts of all reports, then what became of each image.
    fn tell(&self, jobs: &[Job], outcomes: &[Outcome]) -> Result<(), Failure> {
        let reports: Vec<String> = outcomes
            .iter()
            .filter_map(|outcome| outcome.report.as_ref())
            .map(|report| report.display().to_string())
            .collect();
        if !reports.is_empty() {
            say("\n")?;
            let mut words = vec!["plimsoll".to_owned(), "summary".to_owned(), "--".to_owned()];
            words.extend(reports);
            let command = Command::try_parse_from(&words)
                .map_err(|error| Failure::new(Exit::Usage, anyhow!(error.to_string())))?;
            let bars = Bars::new(false, self.common.quiet);
            crate::run(&command, self.environment, &bars)?;
        }
        say("\n")?;
        for (job, outcome) in jobs.iter().zip(outcomes) {
            say(&entry(job, &outcome.lines))?;
        }
        Ok(())
    }

    fn note(&self, text: &str) {
        if !self.common.quiet {
            eprintln!("{text}");
        }
    }
}

/// An image and what is said of it, each further line on its own.
fn entry(job: &Job, lines: &[String]) -> String {
    format!("{}: {}\n", job.mention.shown(), printable(&lines.join("\n")).replace('\n', "\n  "))
}

/// Tells what was refused of a message.
fn refused(asked: &Asked) -> Exit {
    for Told { place, text, found } in &asked.refused {
        let what = anyhow!(
            "cannot run `{text}` of the message ({place}): expected an image as `::name:tag`, found {found}"
        );
        eprintln!("{}", Failure::new(Exit::Usage, what));
    }
    if asked.more_refused > 0 {
        eprintln!("error: {} more are refused", asked.more_refused);
    }
    if asked.refused.is_empty() { Exit::Passed } else { Exit::Usage }
}

pub(super) fn worst(exits: &[Exit]) -> Exit {
    WORST.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::Passed)
}

/// What a status says of an image.
fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Passed => "passed",
        Exit::GateFailed => "failed the gate",
        Exit::Undecided => "undecided",
        Exit::NotStored => "passed, but the report was not uploaded",
        Exit::Usage | Exit::CouldNotScan | Exit::NoAdvisories => "not scanned",
    }
}

/// A file at a place, which is a folder or a prefix of a bucket.
fn below(place: &str, file: &str) -> String {
    format!("{}/{file}", place.trim_end_matches('/'))
}

fn say(text: &str) -> Result<(), Failure> {
    output::write(None, text.as_bytes())
}
