//! An image of a commit handed to `plimsoll scan`: its words, what is wrong with them, what the gate said.

use std::path::Path;

use anyhow::anyhow;
use clap::Parser as _;
use plimsoll_oci::Reference;
use plimsoll_pipeline::commit::Asked;

use super::{Job, Run, below, word};
use crate::args::{Action, Command, ScanArgs};
use crate::attest::Attest;
use crate::database::ScanDatabase;
use crate::exit::{Exit, Failure};
use crate::gate::Gate;
use crate::progress::Bars;
use crate::reports::Reports;
use crate::vex::Vex;

impl Run<'_> {
    /// What is wrong with flags is told before anything is built.
    pub(super) fn check(&self, asked: &Asked) -> Result<(), Failure> {
        if let Some(registry) = &self.arguments.registry {
            format!("{registry}/name")
                .parse::<Reference>()
                .ok()
                .filter(|name| name.registry() != "docker.io")
                .ok_or_else(|| {
                    let what =
                        format!("cannot use the registry `{registry}`: expected `HOST[:PORT][/PREFIX]`");
                    Failure::new(Exit::Usage, anyhow!(what))
                })?;
        }
        if asked.images.is_empty() {
            return Ok(());
        }
        // One of the registry, if there is one: what is attested must lie in some.
        let registry = self.arguments.registry.as_deref().unwrap_or("registry.example");
        let target = format!("{registry}/name");
        let mut command = Self::scan(&self.words(&target, "name", "name_results.json", Path::new(".")))?;
        let scan = scan_of(&mut command);
        let gate = Gate::read(&scan.gate, self.settings, self.environment)?;
        Vex::read(&scan.vex, self.settings)?;
        if scan.attest.attest && !self.arguments.commit.attest {
            let what = anyhow!(
                "cannot attest images of a commit: expected `--attest` and `--registry` of `pipeline run`"
            );
            return Err(Failure::new(Exit::Usage, what)
                .hint("PLIMSOLL_ATTEST, and `--attest` behind `--`, are those of one scan; what is built is in no registry yet"));
        }
        if self.arguments.dry_run {
            return Ok(());
        }
        let certificates = &scan.target.reading.ca_cert;
        Reports::plan(&scan.report, certificates, self.settings, self.environment)?;
        ScanDatabase::find(&scan.database, certificates, self.settings, self.environment)?;
        scan.attest.attest = self.arguments.commit.attest;
        // What it notes is told when it is done.
        Attest::plan(scan, &gate, self.settings, self.environment, &Bars::new(false, true))?;
        Ok(())
    }

    /// Signs what the gate says of the very image that was pushed, which is asked once more: by its digest there.
    pub(super) fn attest(&self, job: &Job, digest: Option<&str>, scratch: &Path) -> Result<(), Failure> {
        let Some(digest) = digest else {
            let what = anyhow!("cannot attest `{}`: the builder did not say its digest", job.name);
            return Err(Failure::new(Exit::CouldNotScan, what));
        };
        // `HOST:PORT/name:tag`: the tag stands behind the last slash.
        let slash = job.name.rfind('/').map_or(0, |slash| slash + 1);
        let end = job.name[slash..].find(':').map_or(job.name.len(), |colon| slash + colon);
        let target = format!("{}@{digest}", &job.name[..end]);
        let mut words = self.words(&target, &job.mention.shown(), &job.report, scratch);
        // Its report was written and uploaded.
        words
            .retain(|word| !word.starts_with("--output=json=") || word.contains(&*scratch.to_string_lossy()));
        match self.call(&words, true)? {
            Exit::Passed => Ok(()),
            exit => {
                let what = anyhow!(
                    "the gate does not say of `{target}` what it said of what was built: {}",
                    word(exit)
                );
                Err(Failure::new(exit, what))
            }
        }
    }

    /// Scans, and gives what the gate said.
    pub(super) fn judge(
        &self,
        job: &Job,
        target: &str,
        reports: &Path,
        attests: bool,
    ) -> Result<Exit, Failure> {
        self.call(&self.words(target, &job.mention.shown(), &job.report, reports), attests)
    }

    /// Calls `plimsoll scan`. What is in a file alone is not attested, whatever variables say.
    fn call(&self, words: &[String], attests: bool) -> Result<Exit, Failure> {
        let mut command = Self::scan(words)?;
        scan_of(&mut command).attest.attest = attests;
        let bars = Bars::new(self.environment.progress, self.common.quiet);
        let result = crate::run(&command, self.environment, &bars);
        bars.finish().iter().for_each(|note| eprintln!("{note}"));
        match result {
            // What is told of it is on the last line as well.
            Err(failure) if failure.exit == Exit::NotStored => {
                eprintln!("{failure}");
                Ok(Exit::NotStored)
            }
            result => result,
        }
    }

    /// The words of `plimsoll scan` for a target.
    fn words(&self, target: &str, shown: &str, report: &str, reports: &Path) -> Vec<String> {
        let commit = &self.arguments.commit;
        let mut words = vec!["plimsoll".to_owned(), "scan".to_owned()];
        let mut word = |text: String| words.push(text);
        if self.common.quiet {
            word("--quiet".to_owned());
        }
        if let Some(config) = &self.common.config {
            word(format!("--config={}", config.display()));
        }
        if let Some(db) = &commit.db {
            word(format!("--db={}", db.display()));
        }
        if let Some(level) = commit.fail_on {
            word(format!("--fail-on={level}"));
        }
        for (is_given, flag) in [
            (commit.fail_on_kev, "--fail-on-kev"),
            (commit.ignore_unfixed, "--ignore-unfixed"),
            (commit.strict, "--strict"),
        ] {
            if is_given {
                word(flag.to_owned());
            }
        }
        if let Some(policy) = &commit.policy {
            word(format!("--policy={policy}"));
        }
        if let Some(key) = &commit.sign_key {
            word(format!("--sign-key={}", key.display()));
        }
        commit.scan.iter().cloned().for_each(&mut word);
        word(format!("--artifact-name={shown}"));
        word(format!("--output=json={}", reports.join(report).display()));
        if let Some(place) = &commit.upload {
            word(format!("--output=json={}", below(place, report)));
        }
        word("--".to_owned());
        word(target.to_owned());
        words
    }

    fn scan(words: &[String]) -> Result<Command, Failure> {
        let command = Command::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let text = text.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
            Failure::new(Exit::Usage, anyhow!(text).context("cannot scan with these flags"))
        })?;
        match command.action {
            Action::Scan(_) => Ok(command),
            _ => Err(Failure::new(Exit::Usage, anyhow!("expected flags of `plimsoll scan` behind `--`"))),
        }
    }
}

/// The arguments of a command that [`Run::scan`] made.
fn scan_of(command: &mut Command) -> &mut ScanArgs {
    match &mut command.action {
        Action::Scan(scan) => scan,
        _ => unreachable!("others are refused where it is made"),
    }
}
