//! The only place of the service that reads the environment and the clock.

#![expect(clippy::disallowed_methods, reason = "this is the one module that may")]

use std::path::PathBuf;
use std::time::SystemTime;

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where results lie unless it is said: `$XDG_DATA_HOME/plimsoll/store`, or below `~/.local/share`.
pub(crate) fn default_store() -> Option<PathBuf> {
    let data = variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")))?;
    Some(data.join("plimsoll/store"))
}

pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
