//! Where the demo takes place: registries, endpoint, repository, keys, and the environment that ties them together.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use plimsoll_testkit::registry::Registry;

use super::expect;

/// The folder, and what runs beside it until this is dropped.
pub(super) struct Place {
    folder: PathBuf,
    program: PathBuf,
    pub(super) staging: Registry,
    pub(super) production: Registry,
    /// `http://127.0.0.1:port`.
    pub(super) endpoint: String,
    daemon: Child,
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do then.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Place {
    pub(super) fn make() -> Result<Self> {
        let folder = crate::target_folder().join("demo/pipeline");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear `{}`", folder.display()))?;
        }
        for name in ["bin", "deployed", "store"] {
            make(&folder.join(name))?;
        }
        let program = crate::release_program("plimsoll")?;
        let mut daemon = Command::new(crate::release_program("plimsolld")?);
        daemon.args(["serve", "--quiet", "--s3", "127.0.0.1:0", "--store"]).arg(folder.join("store"));
        daemon.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut daemon = daemon.spawn().context("cannot start the S3 endpoint")?;
        let mut line = String::new();
        let stdout = daemon.stdout.take().context("the S3 endpoint has no output")?;
        BufReader::new(stdout).read_line(&mut line).context("cannot hear where the S3 endpoint listens")?;
        let Some(endpoint) = line.trim_end().strip_prefix("listening on ") else {
            let _ = daemon.kill();
            let _ = daemon.wait();
            bail!(
                "cannot start the S3 endpoint: expected `listening on ADDRESS`, found `{}`",
                line.trim_end()
            );
        };
        Ok(Self {
            endpoint: endpoint.to_owned(),
            folder,
            program,
            staging: Registry::start(),
            production: Registry::start(),
            daemon,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// The program, in an environment in which a pipeline finds everything.
    fn plimsoll(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        let path = std::env::join_paths(
            [
                self.folder.join("bin"),
                self.program.parent().context("a program lies in a folder")?.to_owned(),
            ]
            .into_iter()
            .chain(crate::variable("PATH").iter().flat_map(std::env::split_paths)),
        )?;
        command.args(words).current_dir(&self.folder).env("PATH", path);
        for (name, file) in [
            ("PLIMSOLL_DB", "plimsoll.db"),
            ("PLIMSOLL_CACHE_DIR", "cache"),
            ("XDG_STATE_HOME", "state"),
            ("SIGN_KEY", "gate.key"),
            ("VERIFY_KEY", "gate.key.pub"),
            ("REPOSITORY", "repository"),
            ("DEPLOYED", "deployed"),
            ("DEMO_IMAGES", "images"),
        ] {
            command.env(name, self.folder.join(file));
        }
        command
            .env("BUILDER", "buildah")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "demo")
            .env("AWS_SECRET_ACCESS_KEY", "demo")
            .env("AWS_REGION", "us-east-1");
        Ok(command)
    }

    /// The image builder, the key pair, the database and the repository.
    pub(super) fn prepare(&self) -> Result<()> {
        let builder = self.folder.join("bin/buildah");
        let own = std::env::current_exe().context("cannot find this program")?;
        let script = format!("#!/bin/sh\nexec '{}' build-image \"$@\"\n", own.display());
        fs::write(&builder, script).with_context(|| format!("cannot write `{}`", builder.display()))?;
        fs::set_permissions(&builder, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make `{}` a program", builder.display()))?;

        let advisories = crate::root().join("examples/advisories");
        let advisories = advisories.to_str().context("the project's folder has a name that is not UTF-8")?;
        expect(
            &mut self.plimsoll(&[
                "db",
                "build",
                "--quiet",
                "--from",
                advisories,
                "--output",
                "plimsoll.db",
            ])?,
            0,
        )?;
        expect(&mut self.plimsoll(&["db", "keygen", "--quiet", "--output", "gate.key"])?, 0)?;

        copy(&crate::root().join("examples/pipeline"), &self.repository())?;
        expect(self.git().args(["init", "--quiet", "--initial-branch", "main"]), 0)
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.repository());
        // Neither the machine's settings nor its user have a say.
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        git.args(["-c", "user.name=Shop", "-c", "user.email=shop@example.com", "-c", "commit.gpgsign=false"]);
        git
    }

    pub(super) fn commit(&self, message: &str) -> Result<()> {
        expect(self.git().args(["add", "--all"]), 0)?;
        expect(self.git().args(["commit", "--quiet", "--message", message]), 0)
    }

    /// Runs the pipeline, which must end with this exit status.
    pub(super) fn pipeline(&self, words: &[&str], status: i32) -> Result<()> {
        let staging = format!("StagingRegistry={}", self.staging.host());
        let production = format!("ProductionRegistry={}", self.production.host());
        let arguments = [
            "pipeline",
            "run",
            "--template",
            "repository/pipeline.yml",
            "--map",
            "Commit=repository",
            "--parameter",
            &staging,
            "--parameter",
            &production,
        ];
        let mut command = self.plimsoll(&[&arguments, words].concat())?;
        println!("   $ plimsoll {}\n", [&arguments, words].concat().join(" "));
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the pipeline")?;
        let output = child.stdout.take().context("the pipeline has no output")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot hear the pipeline")?;
            // Of what CodeBuild's log says of itself, the commands alone; the whole lies in the logs below.
            match line.split_once("Running command ").filter(|(before, _)| before.starts_with("[Container]"))
            {
                Some((_, command)) => println!("  $ {command}"),
                None if line.starts_with("[Container]") || line.is_empty() => {}
                None => println!("{line}"),
            }
        }
        match child.wait().context("the pipeline is gone")?.code() {
            Some(code) if code == status => Ok(()),
            other => bail!("the pipeline: expected exit status {status}, found {other:?}"),
        }
    }

    /// What is deployed in a place: a reference with its digest.
    pub(super) fn deployed(&self, place: &str) -> Result<String> {
        let text = crate::demo_image::read_text(&self.folder.join("deployed").join(place))?;
        Ok(text.trim_end().to_owned())
    }

    /// Compares the registries; the image of this digest must be found to have passed by the pipeline, and no other.
    pub(super) fn audit(&self, digest: &str) -> Result<()> {
        let (staging, production) = (self.staging.host(), self.production.host());
        let arguments = [
            "registry",
            "audit",
            "--staging",
            &staging,
            "--production",
            &production,
            "--key",
            "gate.key.pub",
        ];
        println!("   $ plimsoll {}\n", arguments.join(" "));
        expect(&mut self.plimsoll(&arguments)?, 1)?;
        let output = self.plimsoll(&[&arguments[..], &["--format", "json", "--quiet"]].concat())?.output()?;
        let found = String::from_utf8_lossy(&output.stdout);
        if !found.contains(digest) {
            bail!("the audit says nothing of `{digest}`");
        }
        Ok(())
    }

    /// Asks the uploaded report.
    pub(super) fn ask(&self) -> Result<()> {
        let report = "s3://results/reports/shop_latest_results.json";
        let question = "SELECT s.Metadata.ImageID, s.Results[0].Type FROM S3Object s";
        println!("   $ plimsoll select {report} \"{question}\"\n");
        expect(&mut self.plimsoll(&["select", report, question])?, 0)?;
        println!("\n   $ plimsoll summary {report}\n");
        expect(&mut self.plimsoll(&["summary", report])?, 0)
    }
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))
}

/// Copies a folder of the project's own files.
fn copy(from: &Path, to: &Path) -> Result<()> {
    make(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list `{}`", from.display()))? {
        let entry = entry.with_context(|| format!("cannot list `{}`", from.display()))?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to).with_context(|| format!("cannot copy `{}`", path.display()))?;
        }
    }
    Ok(())
}
