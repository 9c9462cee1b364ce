//! Advisories in the layout of the OSV bucket, in a folder that a web server can serve.

use std::path::PathBuf;

use crate::surroundings::{Scratch, advisories, root};
use crate::tool::{run, tool};

/// The ecosystems of the bucket.
const ECOSYSTEMS: [&str; 4] = ["Alpine", "Debian", "PyPI", "npm"];

/// A bucket of a test's own.
#[derive(Debug)]
pub struct Bucket {
    folder: Scratch,
}

impl Bucket {
    /// Some ecosystems of the real advisories that `ADVISORIES` names, else of the project's own.
    #[expect(clippy::new_without_default, reason = "it writes a folder; that should be seen")]
    pub fn new() -> Self {
        let from = advisories().unwrap_or_else(|| root().join("examples/advisories"));
        let folder = Scratch::new();
        let ecosystems = ECOSYSTEMS.iter().filter(|name| from.join(name).is_dir());
        run(tool("python3").arg(script()).arg("make").arg(&from).arg(folder.path("")).args(ecosystems));
        Self { folder }
    }

    /// The folder to serve.
    pub fn path(&self) -> PathBuf {
        self.folder.path("")
    }

    /// A record is changed: its `modified` is a day after the newest of its ecosystem.
    pub fn change(&self, ecosystem: &str, id: &str) {
        run(tool("python3").arg(script()).arg("change").arg(self.path()).args([ecosystem, id]));
    }

    /// A record is gone.
    pub fn remove(&self, ecosystem: &str, id: &str) {
        run(tool("python3").arg(script()).arg("remove").arg(self.path()).args([ecosystem, id]));
    }
}

fn script() -> PathBuf {
    root().join("tests/real/bucket.py")
}
