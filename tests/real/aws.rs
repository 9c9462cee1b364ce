//! Somebody else's AWS: moto, and boto3 to fill it and to look into it; `cfn-lint`, which judges templates.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::{Server, free_port};
use crate::surroundings::{Scratch, root, work_folder};
use crate::tool::{run, tool};

/// Servers that are started until one has a port of its own.
const MAX_ATTEMPTS: usize = 5;
/// The region that is asked.
const REGION: &str = "eu-central-1";

/// A server of AWS's services.
#[derive(Debug)]
pub struct Amazon {
    port: u16,
    _server: Server,
    _folder: Scratch,
}

impl Amazon {
    /// One that takes any keys.
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    pub fn start() -> Self {
        let folder = Scratch::new();
        let (port, server) = (0..MAX_ATTEMPTS)
            .find_map(|_| {
                let port = free_port();
                let mut command = tool(work_folder().join("deploy/bin/moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
                Some((port, Server::start(&mut command, &folder.path("log"), ready)?))
            })
            .expect("one of five ports is free");
        Self { port, _server: server, _folder: folder }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What `aws.py` prints.
    pub fn call(&self, words: &[&str]) -> Value {
        let printed = run(tool(work_folder().join("deploy/bin/python3"))
            .arg(root().join("tests/real/aws.py"))
            .args(words)
            .env("AWS_ENDPOINT_URL", self.address())
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nothing"));
        serde_json::from_slice(&printed).expect("our script prints JSON")
    }

    /// From now on signatures are checked, and rights.
    ///
    /// # Panics
    ///
    /// Where the server does not take it.
    pub fn be_strict(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let request = "POST /moto-api/reset-auth HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
                       Content-Length: 1\r\n\r\n0";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("it answers");
        assert_eq!(&start, b"HTTP/1.1 200");
    }

    /// The variables by which it is asked with these keys.
    pub fn variables(&self, id: &str, secret: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.address().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// A file of the project, by its path from the root on.
pub fn project_file(path: &str) -> PathBuf {
    root().join(path)
}

/// Lets `cfn-lint` judge templates; it must find nothing at all.
///
/// # Panics
///
/// Where it finds something, with what.
pub fn lint_templates(files: &[&Path]) {
    // Everything it knows, notes as well.
    run(tool(work_folder().join("deploy/bin/cfn-lint")).args(["--include-checks", "I", "--"]).args(files));
}
