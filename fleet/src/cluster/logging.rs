//! What Ballista logs, on stderr, for who asks for it.

use std::io::Write as _;

use log::{LevelFilter, Log, Metadata, Record};

/// Libraries beneath, whose lines at these levels would drown the others.
const QUIET: &[&str] = &["h2", "hyper", "hyper_util", "tower", "tonic", "sqlparser"];

struct Lines;

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let root = metadata.target().split("::").next().unwrap_or_default();
        metadata.level() <= log::Level::Warn || !QUIET.contains(&root)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Who closed our stderr does not want the line.
            let _ = writeln!(
                std::io::stderr().lock(),
                "{} {}: {}",
                record.level(),
                record.target(),
                record.args()
            );
        }
    }

    fn flush(&self) {}
}

/// Says from now on what is at least so grave.
pub(super) fn begin(level: LevelFilter) {
    // A program that embeds us may have a logger already, which then hears it.
    let _ = log::set_logger(&Lines);
    log::set_max_level(level);
}
