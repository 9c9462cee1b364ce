//! Chromium without a window, which opens a page as a person's browser would.

use std::path::Path;

use crate::surroundings::Scratch;
use crate::tool::{read_text, shown, tool};

/// What became of a page.
#[derive(Debug)]
pub struct Opened {
    /// The document after its scripts ran, as HTML.
    pub document: String,
    /// What the page wrote to the console, errors above all, a line each.
    pub console: Vec<String>,
    /// The browser's own log of what it asked of any network, JSON.
    pub network: String,
}

/// Opens a file with what stands behind `#`, and waits until it is loaded.
///
/// # Panics
///
/// Where the browser cannot be started or fails.
pub fn open_in_browser(file: &Path, fragment: &str) -> Opened {
    let folder = Scratch::new();
    let log = folder.path("network.json");
    let mut command = tool("chromium");
    command
        // A container has no second user, and little shared memory.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}#{fragment}", file.display()));
    let call = shown(&command);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start `{call}`: {error}\nhint: `sh tests/real/setup.sh`"));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{call}` failed: {}\n{messages}", output.status);
    let document = String::from_utf8(output.stdout).expect("a browser writes UTF-8");
    let console = messages.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Opened { document, console, network: read_text(&log) }
}
