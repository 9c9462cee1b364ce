//! A process that serves until it is dropped.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::tool::shown;

/// Between two looks at whether it is ready.
const PAUSE: Duration = Duration::from_millis(20);
/// Looks until we give up: half a minute.
const LOOKS: u32 = 1500;
/// What is shown of the errors of a server that did not start, in bytes.
const MAX_SHOWN_BYTES: u64 = 1 << 16;

/// The process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server(Child);

impl Server {
    /// Starts it. `ready` is asked until it says yes. `None` where it ended before, as when its port was taken.
    ///
    /// # Panics
    ///
    /// Where it cannot be started, or is not ready in time.
    pub(crate) fn start(command: &mut Command, log: &Path, ready: impl Fn() -> bool) -> Option<Self> {
        let shown = shown(command);
        let errors = std::fs::File::create(log)
            .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", log.display()));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap_or_else(
            |error| panic!("cannot start `{shown}`: {error}\nhint: `sh tests/real/setup.sh`"),
        );
        let mut server = Self(child);
        for _ in 0..LOOKS {
            if server.0.try_wait().expect("it is our child").is_some() {
                eprintln!("`{shown}` ended: {}", start_of(log));
                return None;
            }
            if ready() {
                return Some(server);
            }
            sleep(PAUSE);
        }
        panic!("`{shown}` is not ready after {:?}: {}", PAUSE * LOOKS, start_of(log));
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// Whether something takes connections there.
pub(crate) fn accepts(address: SocketAddr) -> bool {
    match TcpStream::connect(address) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
        Err(error) => panic!("cannot connect to `{address}`: {error}"),
    }
}

fn start_of(log: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(file) = std::fs::File::open(log) {
        #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
        drop(file.take(MAX_SHOWN_BYTES).read_to_end(&mut text));
    }
    String::from_utf8_lossy(&text).into_owned()
}
