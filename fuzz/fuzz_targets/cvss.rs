//! Any text as a CVSS vector: a score from 0.0 to 10.0, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(scored) = plimsoll_cvss::score(text) {
        assert!(scored.score.tenths() <= 100);
    }
});
