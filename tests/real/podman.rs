//! podman's service on a socket, which speaks Docker's API too.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::image::image;
use crate::server::Server;
use crate::surroundings::Scratch;
use crate::tool::{tool, write_file};

/// A running service that has the [`image()`]; stopped when dropped.
#[derive(Debug)]
pub struct Podman {
    folder: Scratch,
    _server: Server,
}

impl Podman {
    /// Starts one.
    pub fn start() -> Self {
        let folder = Scratch::new();
        let socket = folder.path("podman.sock");
        let configuration = folder.path("containers.conf");
        // Locks in memory would be those of the machine's own podman.
        write_file(&configuration, b"[engine]\nlock_type = \"file\"\n");
        // The image's store is only read. Containers and what podman remembers, as the two folders below, are its own:
        // a store takes no others later, and their paths must be short.
        let mut command = tool("podman");
        command
            .args(["--storage-driver", "vfs", "--storage-opt"])
            .arg(format!("vfs.imagestore={}", image().store().display()))
            .arg("--root")
            .arg(folder.path("root"))
            .arg("--runroot")
            .arg(folder.path("run"))
            .arg("--tmpdir")
            .arg(folder.path("temporary"))
            // No systemd is needed for a service that runs no container.
            .args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"])
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()))
            .env("CONTAINERS_CONF", &configuration)
            .env("XDG_RUNTIME_DIR", folder.path("xdg"));
        let server =
            Server::start(&mut command, &folder.path("podman.log"), || UnixStream::connect(&socket).is_ok());
        Self { folder, _server: server.expect("nothing is in the way of a socket of its own") }
    }

    /// Its address, as `CONTAINER_HOST` and `DOCKER_HOST` take it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path("podman.sock")
    }
}
