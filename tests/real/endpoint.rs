//! Our own S3: `plimsolld serve --s3`, and Amazon's tools to judge it.

use std::path::PathBuf;

use crate::server::{Server, accepts, free_port};
use crate::surroundings::{Scratch, built, root, work_folder};
use crate::tool::{run, tool, write_file};

/// Servers that are started until one has a port of its own.
const MAX_ATTEMPTS: usize = 5;
/// What the server with keys knows: one that may write, one that may not.
const KEYS: &str = "ci ci-secret\nviewer viewer-secret ro\n";

/// An endpoint over a folder of its own.
#[derive(Debug)]
pub struct Endpoint {
    port: u16,
    _server: Server,
    folder: Scratch,
}

impl Endpoint {
    /// One that everybody may ask; with `has_keys`, `ci` (`ci-secret`) and, to read alone, `viewer` (`viewer-secret`).
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    pub fn start(has_keys: bool) -> Self {
        let folder = Scratch::new();
        let keys = folder.path("keys");
        write_file(&keys, KEYS.as_bytes());
        run(tool("chmod").arg("600").arg(&keys));
        let (port, server) = (0..MAX_ATTEMPTS)
            .find_map(|_| {
                let port = free_port();
                let address = format!("127.0.0.1:{port}");
                let mut command = tool(built("plimsolld"));
                command.args(["serve", "--s3", &address, "--store"]).arg(folder.path("store"));
                if has_keys {
                    command.arg("--s3-credentials").arg(&keys);
                }
                let address = address.parse().expect("it is an address");
                Some((port, Server::start(&mut command, &folder.path("log"), || accepts(address))?))
            })
            .expect("one of five ports is free");
        Self { port, _server: server, folder }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where a file of its store lies.
    pub fn stored(&self, name: &str) -> PathBuf {
        self.folder.path("store").join(name)
    }

    /// Lets a group of `s3.py` judge it.
    ///
    /// # Panics
    ///
    /// With what the judge says, if it is not content.
    pub fn judge(&self, group: &str) {
        let folder = Scratch::new();
        self.ask(group, folder.path("").to_str().expect("our folders have plain names"));
    }

    /// Holds its answers against those of another server.
    ///
    /// # Panics
    ///
    /// With the answers that differ.
    pub fn compare(&self, other: &str) {
        self.ask("shape", other);
    }

    fn ask(&self, group: &str, word: &str) {
        run(tool(work_folder().join("objects/bin/python3")).arg(root().join("tests/real/s3.py")).args([
            group,
            &self.address(),
            word,
        ]));
    }
}
