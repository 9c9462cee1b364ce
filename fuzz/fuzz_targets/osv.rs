//! Any bytes as an OSV record, a KEV catalogue and a table of scores: a value or an error, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisory::{Outcome, parse_kev, parse_record, parse_scores};

fuzz_target!(|data: &[u8]| {
    if let Ok(parsed) = parse_record(data)
        && let Outcome::Advisory(advisory) = parsed.outcome
    {
        // What is called an advisory can be looked up.
        assert!(!advisory.id.is_empty() && !advisory.affected.is_empty());
        for affected in &advisory.affected {
            assert!(!affected.name.is_empty());
            assert!(!affected.ranges.is_empty() || !affected.versions.is_empty());
        }
    }
    let _ = parse_kev(data);
    let _ = parse_scores(data);
});
