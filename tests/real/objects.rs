//! Somebody else's S3: moto, and boto3 to look into it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::server::Server;
use crate::surroundings::{Scratch, root, work_folder};
use crate::tool::{run, tool};

/// Servers that are started until one has a port of its own.
const MAX_ATTEMPTS: usize = 5;
/// Calls that need no keys: those that make the bucket and the user.
const OPEN_CALLS: &str = "4";

/// A server of S3, with one bucket and one user.
#[derive(Debug)]
pub struct Objects {
    port: u16,
    /// The user's keys: ID and secret.
    pub keys: (String, String),
    _server: Server,
    _folder: Scratch,
}

impl Objects {
    /// The bucket.
    pub const BUCKET: &str = "results";

    /// One that takes any keys; with `is_strict` the user's alone, whose signatures it checks.
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    pub fn start(is_strict: bool) -> Self {
        let folder = Scratch::new();
        let (port, server) = (0..MAX_ATTEMPTS)
            .find_map(|_| {
                let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
                let mut command = tool(work_folder().join("objects/bin/moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                if is_strict {
                    command.env("INITIAL_NO_AUTH_ACTION_COUNT", OPEN_CALLS);
                }
                let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
                Some((port, Server::start(&mut command, &folder.path("log"), ready)?))
            })
            .expect("one of five ports is free");
        let keys = ("nobody".to_owned(), "nothing".to_owned());
        let mut objects = Self { port, keys, _server: server, _folder: folder };
        objects.call(&["bucket", Self::BUCKET]);
        if is_strict {
            let made: Value =
                serde_json::from_slice(&objects.call(&["user"])).expect("our script prints JSON");
            let text = |name: &str| made[name].as_str().expect("our script prints both").to_owned();
            objects.keys = (text("id"), text("secret"));
        }
        objects
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What boto3 says of an object.
    pub fn show(&self, key: &str) -> Value {
        serde_json::from_slice(&self.call(&["show", Self::BUCKET, key])).expect("our script prints JSON")
    }

    /// All keys of the bucket.
    pub fn all(&self) -> Vec<String> {
        serde_json::from_slice(&self.call(&["keys", Self::BUCKET])).expect("our script prints a list")
    }

    /// boto3 writes a file into the bucket.
    pub fn put(&self, key: &str, file: &Path) {
        self.call(&["put", Self::BUCKET, key, file.to_str().expect("our folders have plain names")]);
    }

    fn call(&self, words: &[&str]) -> Vec<u8> {
        run(tool(work_folder().join("objects/bin/python3"))
            .arg(root().join("tests/real/objects.py"))
            .args(words)
            .env("AWS_ENDPOINT_URL", self.address())
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", &self.keys.0)
            .env("AWS_SECRET_ACCESS_KEY", &self.keys.1))
    }
}
