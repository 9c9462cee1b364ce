//! Debian's `docker-registry` on a free port of loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::image::image;
use crate::server::{Server, accepts, free_port};
use crate::surroundings::Scratch;
use crate::token::TokenServer;
use crate::tool::{run, tool, write_file};

/// Name and password that the closed registries and the token server know.
pub const USER: (&str, &str) = ("bosun", "keel-haul 7");
/// Ports that are tried: another program may take one between our look and the registry's.
const MAX_PORTS: u32 = 5;

/// Repositories that a registry lists on one page: few, so that pages follow.
const MAX_CATALOG_ENTRIES: u32 = 2;

/// Who may pull.
#[derive(Clone, Copy, Debug)]
pub enum Access<'a> {
    /// Whoever asks.
    Anyone,
    /// Who gives [`USER`] with each request.
    Password,
    /// Who brings a token of that server.
    Token(&'a TokenServer),
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    folder: Scratch,
    server: Server,
}

impl Registry {
    /// One that has the [`image()`].
    pub fn with_image(access: Access<'_>) -> Self {
        Self::start(&image().registry_store(), &access)
    }

    /// One that has nothing, and takes what it is given.
    pub fn empty(access: Access<'_>) -> Self {
        // Its store lies in the folder of its own that `start` makes.
        Self::start(Path::new(""), &access)
    }

    /// Flips a bit in the middle of the largest blob in its store.
    pub fn damage_largest_blob(&self) {
        let mut largest = (0, PathBuf::new());
        let mut folders = vec![self.folder.path("store")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.ends_with("data") {
                    let length = entry.metadata().map_or(0, |file| file.len());
                    largest = largest.max((length, path));
                }
            }
        }
        let (length, path) = largest;
        #[expect(clippy::disallowed_methods, reason = "a file of a registry of ours")]
        let mut bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()));
        bytes[usize::try_from(length / 2).expect("a small blob")] ^= 1;
        std::fs::write(&path, bytes)
            .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
    }

    pub(crate) fn start(store: &Path, access: &Access<'_>) -> Self {
        let folder = Scratch::new();
        let own = folder.path("store");
        let store = if store.as_os_str().is_empty() { &own } else { store };
        for _ in 0..MAX_PORTS {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            configure(&folder, store, address, access);
            if let Some(server) = serve(&folder, address) {
                return Self { address, folder, server };
            }
        }
        panic!("cannot start `docker-registry`: tried {MAX_PORTS} ports");
    }

    /// Where it listens, as it stands in the name of an image.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of the image in it.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.address, crate::IMAGE)
    }

    /// Kills it in the middle of whatever it does, and starts it again on the same port.
    pub fn crash_and_start(&mut self) {
        self.server.kill();
        self.server = serve(&self.folder, self.address).expect("the port is still ours: it was a moment ago");
    }
}

fn serve(folder: &Scratch, address: SocketAddr) -> Option<Server> {
    let mut command = tool("docker-registry");
    command.arg("serve").arg(folder.path("registry.yml"));
    Server::start(&mut command, &folder.path("registry.log"), || accepts(address))
}

fn configure(folder: &Scratch, store: &Path, address: SocketAddr, access: &Access<'_>) {
    let access = match access {
        Access::Anyone => String::new(),
        Access::Password => {
            let file = folder.path("htpasswd");
            let (user, password) = USER;
            write_file(&file, &run(tool("htpasswd").args(["-Bbn", user, password])));
            format!("auth: {{htpasswd: {{realm: quay, path: {}}}}}\n", quoted(&file))
        }
        Access::Token(server) => format!(
            "auth: {{token: {{realm: \"{}\", service: {}, issuer: {}, rootcertbundle: {}}}}}\n",
            server.realm(),
            TokenServer::SERVICE,
            TokenServer::ISSUER,
            quoted(&server.certificate())
        ),
    };
    let text = format!(
        "version: 0.1\n\
         log: {{level: warn, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, maintenance: {{uploadpurging: {{enabled: false}}}}}}\n\
         http: {{addr: \"{address}\", secret: plimsoll}}\n\
         catalog: {{maxentries: {MAX_CATALOG_ENTRIES}}}\n\
         {access}",
        quoted(store)
    );
    write_file(&folder.path("registry.yml"), text.as_bytes());
}

/// A path as a YAML string.
fn quoted(path: &Path) -> String {
    format!("{:?}", PathBuf::from(path).display().to_string())
}
