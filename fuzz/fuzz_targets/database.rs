//! A small database with damage in its sections: every question has an answer or an error, never a panic.
//!
//! The header's digest would stop nearly all input, so bytes are changed behind the header alone: the input is a list
//! of places and values. The header itself is also read from the input as it is, and so are a manifest and a block.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_db::{Builder, Database, Manifest};
use plimsoll_model::{AdvisoryLookup, Namespace};

/// Length of a header of format 3, in bytes.
const HEADER_BYTES: usize = 56 + 10 * 56 + 32;
/// The most bytes of a block of so small a database, in the form that is packed.
const MAX_BLOCK_BYTES: usize = 1 << 20;

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

/// What the blocks of the database unpack to is changed as the input says, and packed again.
fn blocks(data: &[u8]) {
    let database = Database::from_bytes(WHOLE.clone()).expect("it was just built");
    let frames = database.blocks().flatten().filter_map(|block| {
        let mut unpacked = zstd::bulk::decompress(block.frame, MAX_BLOCK_BYTES).ok()?;
        for change in data.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
            let room = unpacked.len();
            unpacked[place % room] = change[2];
        }
        zstd::bulk::compress(&unpacked, 1).ok()
    });
    if let Ok(file) = Builder::from_blocks("npm", frames.collect::<Vec<_>>()) {
        let database = Database::from_bytes(file).expect("what was built can be opened");
        database.verify().expect("what was built is whole");
        for block in database.blocks().flatten() {
            let _ = database.records(&block);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = Database::from_bytes(data.to_vec());
    let _ = Manifest::parse(data, "the input");
    let _ = Builder::from_blocks("npm", [data.to_vec()]);
    blocks(data);
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
        let _ = database.document(number);
        let id = format!("CVE-{number}");
        let _ = database.known(&id);
    }
    for block in database.blocks().flatten() {
        let _ = database.records(&block);
    }
    let _ = database.each_package(|_, _, entries| {
        entries.flatten().filter_map(|entry| entry.events().ok()).for_each(|events| events.for_each(drop));
        true
    });
    let _ = database.info();
});
