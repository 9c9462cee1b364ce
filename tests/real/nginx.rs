//! Debian's nginx on a free port of loopback, with a folder to serve and a log of what was asked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::server::{Server, accepts, free_port};
use crate::surroundings::Scratch;
use crate::tool::{make_folder, read_text, run, tool, write_file};

/// Ports that are tried: another program may take one between our look and nginx's.
const MAX_PORTS: u32 = 5;

/// What a web server does besides serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nothing.
    Plain,
    /// Sends so many bytes a second on each connection.
    Slow(u32),
    /// Answers 429 to more than so many requests a second.
    Limited(u32),
    /// Over TLS, vouched for by an authority of its own: [`Nginx::certificate`].
    Encrypted,
    /// Sends every caller in a circle.
    Circling,
    /// Answers everything with a login page.
    LoginPage,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The path, decoded by nobody.
    pub path: String,
    /// The status.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub body_bytes: u64,
    /// The `Range` that was asked; `-` for none.
    pub range: String,
}

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    root: PathBuf,
    manner: Manner,
    folder: Scratch,
    server: Option<Server>,
}

impl Nginx {
    /// Serves the files below `root`.
    pub fn serve(root: &Path, manner: Manner) -> Self {
        let mut folder = Scratch::new();
        make_folder(&folder.path("temporary"));
        for _ in 0..MAX_PORTS {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let mut nginx = Self { address, root: root.to_owned(), folder, manner, server: None };
            if nginx.start(manner) {
                return nginx;
            }
            folder = nginx.folder;
        }
        panic!("cannot start `nginx`: tried {MAX_PORTS} ports");
    }

    /// Its address, with `/` at the end.
    pub fn url(&self) -> String {
        let scheme = if self.manner == Manner::Encrypted { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// The certificate of the authority that vouches for an encrypted one, as PEM.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path("certificate.pem")
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts it again on its port, in that manner.
    pub fn start_again(&mut self, manner: Manner) {
        self.kill();
        assert!(self.start(manner), "the port is still ours: it was a moment ago");
    }

    /// What was answered since the log was last taken.
    pub fn take_log(&self) -> Vec<Hit> {
        let path = self.folder.path("access.log");
        let text = if path.exists() { read_text(&path) } else { String::new() };
        // nginx keeps the file open and appends: it is emptied, not replaced.
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("cannot empty `{}`: {error}", path.display()));
        let hit = |line: &str| {
            let mut words = line.split('|');
            Some(Hit {
                path: words.next()?.to_owned(),
                status: words.next()?.parse().ok()?,
                body_bytes: words.next()?.parse().ok()?,
                range: words.next()?.to_owned(),
            })
        };
        text.lines().filter_map(hit).collect()
    }

    fn start(&mut self, manner: Manner) -> bool {
        self.manner = manner;
        if manner == Manner::Encrypted {
            // An authority of its own, and a certificate of that one: the authority's own is none for a server.
            let file = |name: &str| self.folder.path(name);
            let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
            let mut authority = tool("openssl");
            authority.args(["req", "-x509"]).args(new_key).args(["-subj", "/CN=plimsoll authority"]);
            run(authority.arg("-keyout").arg(file("authority.key")).arg("-out").arg(self.certificate()));
            let mut server = tool("openssl");
            server.args(["req", "-x509"]).args(new_key).args(["-subj", "/CN=plimsoll server"]);
            server.args([
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ]);
            server.arg("-CA").arg(self.certificate()).arg("-CAkey").arg(file("authority.key"));
            run(server.arg("-keyout").arg(file("key.pem")).arg("-out").arg(file("server.pem")));
        }
        let file = self.folder.path("nginx.conf");
        write_file(&file, self.configuration(manner).as_bytes());
        let mut command = tool("nginx");
        command.arg("-c").arg(&file).arg("-e").arg(self.folder.path("error.log"));
        let address = self.address;
        self.server = Server::start(&mut command, &self.folder.path("nginx.log"), || accepts(address));
        self.server.is_some()
    }

    fn configuration(&self, manner: Manner) -> String {
        let folder = self.folder.path("");
        let folder = folder.display();
        let (zone, limit) = match manner {
            Manner::Plain => (String::new(), String::new()),
            Manner::Slow(bytes) => (String::new(), format!("limit_rate {bytes};")),
            Manner::Limited(requests) => (
                format!("limit_req_zone all zone=all:1m rate={requests}r/s; limit_req_status 429;"),
                "limit_req zone=all burst=2 nodelay;".to_owned(),
            ),
            Manner::Encrypted => (
                String::new(),
                format!("ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/key.pem;"),
            ),
            Manner::Circling => (String::new(), "return 302 /again$request_uri;".to_owned()),
            Manner::LoginPage => (
                String::new(),
                "default_type text/html; return 200 '<!doctype html><title>Sign in</title>';".to_owned(),
            ),
        };
        let encrypted = if manner == Manner::Encrypted { " ssl" } else { "" };
        // One process, so that killing it cuts what it sends.
        format!(
            "daemon off; master_process off; worker_processes 1; pid {folder}/pid;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n\
             types {{ application/zip zip; application/json json; text/csv csv; }}\n\
             log_format hits '$request_uri|$status|$body_bytes_sent|$http_range';\n\
             access_log {folder}/access.log hits;\n\
             client_body_temp_path {folder}/temporary; proxy_temp_path {folder}/temporary;\n\
             fastcgi_temp_path {folder}/temporary; uwsgi_temp_path {folder}/temporary; scgi_temp_path {folder}/temporary;\n\
             {zone}\n\
             server {{ listen {}{encrypted}; root \"{}\"; {limit} }}\n\
             }}\n",
            self.address,
            self.root.display()
        )
    }
}
