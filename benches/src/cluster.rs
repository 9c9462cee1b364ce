//! A scheduler and executors on loopback, for the time of a benchmark.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// What the scheduler says when it listens; the address follows.
const LISTENING: &str = "listening on http://";

/// They end with it.
pub(crate) struct Cluster {
    parts: Vec<Child>,
    /// What clients reach it by: `df://127.0.0.1:43035`.
    pub(crate) address: String,
}

impl Cluster {
    /// Starts a scheduler and so many executors, of one slot each, over the tables of a store.
    pub(crate) fn start(program: &Path, store: &Path, executors: usize) -> Result<Self> {
        let mut cluster = Self { parts: Vec::new(), address: String::new() };
        let line = cluster.part(program, store, &["scheduler", "--listen", "127.0.0.1:0"])?;
        let (_, address) =
            line.split_once(LISTENING).with_context(|| format!("the scheduler said: {line}"))?;
        cluster.address = format!("df://{}", address.trim());
        for _ in 0..executors {
            let address = cluster.address.clone();
            cluster.part(program, store, &["executor", "--slots", "1", "--scheduler", &address])?;
        }
        Ok(cluster)
    }

    /// Starts one of them, and waits for its first line.
    fn part(&mut self, program: &Path, store: &Path, arguments: &[&str]) -> Result<String> {
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--store")
            .arg(store)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a part of the cluster")?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        self.parts.push(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for part in &mut self.parts {
            // One that has ended already is as good.
            let _ = part.kill();
            let _ = part.wait();
        }
    }
}
