//! A small database with damage in its sections: every question has an answer or an error, never a panic.
//!
//! The header's digest would stop nearly all input, so bytes are changed behind the header alone: the input is a list
//! of places and values. The header itself is also read from the input as it is.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_db::{Builder, Database};
use plimsoll_model::{AdvisoryLookup, Namespace};

/// Length of a header of format 1, in bytes.
const HEADER_BYTES: usize = 24 + 9 * 56 + 32;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut builder = Builder::new();
    for number in 0..20 {
        let record = format!(
            r#"{{"id": "GHSA-{number}", "aliases": ["CVE-{number}"], "details": "some words, {number} times",
                "severity": [{{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}}],
                "affected": [{{"package": {{"ecosystem": "npm", "name": "a{}"}}, "versions": ["1.{number}"],
                    "ecosystem_specific": {{"severity": "low"}},
                    "ranges": [{{"type": "SEMVER", "events": [{{"introduced": "0"}}, {{"fixed": "{number}"}}]}}]}}]}}"#,
            number % 3
        );
        if let Ok(parsed) = plimsoll_advisory::parse_record(record.as_bytes())
            && let plimsoll_advisory::Outcome::Advisory(advisory) = parsed.outcome
        {
            builder.add(*advisory);
        }
    }
    builder.to_bytes().expect("a small database can be built")
});

fuzz_target!(|data: &[u8]| {
    let _ = Database::from_bytes(data.to_vec());
    let mut bytes = WHOLE.clone();
    for change in data.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let room = bytes.len() - HEADER_BYTES;
        bytes[HEADER_BYTES + place % room] = change[2];
    }
    let Ok(database) = Database::from_bytes(bytes) else { return };
    let npm = Namespace::parse("npm").expect("a known ecosystem");
    for name in ["a0", "a1", "a2", "a3"] {
        let _ = database.candidates(&npm, name);
    }
    for number in 0..21 {
        let _ = database.advisory(number);
        let id = format!("CVE-{number}");
        let _ = (database.advisories_of(&id), database.scores(&id), database.kev(&id));
    }
    let _ = database.each_package(|_, _, entries| {
        entries.flatten().filter_map(|entry| entry.events().ok()).for_each(|events| events.for_each(drop));
        true
    });
    let _ = database.info();
});
