//! The program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::surroundings::{Scratch, program};
use crate::tool::{shown, tool, write_file};

/// A call of the program. It sees nothing of the person's settings, and keeps nothing unless a cache is given.
#[derive(Debug)]
pub struct Plimsoll {
    command: Command,
    // Its home and current folder.
    folder: Scratch,
}

/// What a call did.
#[derive(Clone, Debug)]
pub struct Run {
    /// Exit status; `None` where a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: String,
    /// The call, as a person would type it.
    pub call: String,
}

impl Plimsoll {
    /// `plimsoll scan TARGET --format json` with that database.
    pub fn scan(target: &str, database: &Path) -> Self {
        let mut call = Self::new("scan", target);
        call.command.args(["--format", "json", "--db"]).arg(database);
        call
    }

    /// `plimsoll sbom TARGET`.
    pub fn sbom(target: &str) -> Self {
        Self::new("sbom", target)
    }

    /// `plimsoll db ACTION --db STORE`.
    pub fn db(action: &str, store: &Path) -> Self {
        let mut call = Self::new("db", action);
        call.command.arg("--db").arg(store);
        call
    }

    /// `plimsoll` with these words alone.
    pub fn bare(words: &[&str]) -> Self {
        let [action, target, rest @ ..] = words else {
            panic!("expected two words at least, found {words:?}")
        };
        Self::new(action, target).arguments(rest)
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments(mut self, words: &[&str]) -> Self {
        self.command.args(words);
        self
    }

    /// In a network of its own, which has no way out, not even loopback.
    #[must_use]
    pub fn in_no_network(self) -> Self {
        let mut command = tool("unshare");
        command
            .args(["--map-root-user", "--net"])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.current_dir(self.folder.path(""));
        Self { command, folder: self.folder }
    }

    /// Starts it, and kills it after that time as `kill -9` does; it may have ended before.
    pub fn run_and_kill_after(mut self, time: std::time::Duration) {
        let call = shown(&self.command);
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{call}`: {error}"));
        std::thread::sleep(time);
        drop(child.kill());
        drop(child.wait());
    }

    fn new(action: &str, target: &str) -> Self {
        let folder = Scratch::new();
        let mut command = tool(program());
        command.args([action, target]).env("HOME", folder.path("")).current_dir(folder.path(""));
        Self { command, folder }
    }

    /// Reads every layer anew.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.command.arg("--no-cache");
        self
    }

    /// Keeps what layers hold in `folder`.
    #[must_use]
    pub fn cache(mut self, folder: &Path) -> Self {
        self.command.arg("--cache-dir").arg(folder);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Run {
        let call = shown(&self.command);
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("cannot start `{call}`: {error}"));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Run { status: output.status.code(), stdout: output.stdout, stderr, call }
    }

    /// Runs it to its end, which must be a good one, and gives what it wrote.
    pub fn bytes(self) -> Vec<u8> {
        let run = self.run();
        assert_eq!(run.status, Some(0), "`{}` failed:\n{}", run.call, run.stderr);
        run.stdout
    }

    /// As [`Plimsoll::bytes`], as JSON.
    pub fn json(self) -> Value {
        let call = shown(&self.command);
        serde_json::from_slice(&self.bytes())
            .unwrap_or_else(|error| panic!("`{call}` wrote no JSON: {error}"))
    }
}

/// A folder for `DOCKER_CONFIG` with what `docker login REGISTRY` would leave there.
pub fn docker_config(folder: &Scratch, registry: &str, user: &str, password: &str) -> PathBuf {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let mut auths = serde_json::Map::new();
    auths.insert(registry.to_owned(), json!({"auth": auth}));
    write_file(&folder.path("config.json"), json!({"auths": auths}).to_string().as_bytes());
    folder.path("")
}
