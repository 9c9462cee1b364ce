//! A small database with damage in its sections: every question has an answer or an error, never a panic.
//!
//! The header's digest would stop nearly all input, so bytes are changed behind the header alone: the input is a list
//! of places and values. The header itself is also read from the input as it is, and so are a manifest and a block.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_db::{Builder, Database, Manifest};
use plimsoll_model::{AdvisoryLookup, Namespace};

/// Length of a header of format 4, in bytes.
const HEADER_BYTES: usize = 56 + 12 * 56 + 32;
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

/// One frame, whose bytes are changed as the input says, packed again.
fn changed(frame: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    if frame.is_empty() {
        return Some(Vec::new());
    }
    let mut unpacked = zstd::bulk::decompress(frame, MAX_BLOCK_BYTES).ok()?;
    for change in data.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let room = unpacked.len();
        unpacked[place % room] = change[2];
    }
    zstd::bulk::compress(&unpacked, 1).ok()
}

/// What the blocks of the database unpack to is changed: the first frames by one half of the input, texts by the other.
fn blocks(data: &[u8]) {
    let database = Database::from_bytes(WHOLE.clone()).expect("it was just built");
    assert!(database.dictionary_bytes().is_empty(), "it is too small for one");
    let (for_first, for_texts) = data.split_at(data.len() / 2);
    let frames = database.blocks().flatten().filter_map(|block| {
        let (length, frames) = block.frame.split_first_chunk()?;
        let (first, texts) = frames.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (first, texts) = (changed(first, for_first)?, changed(texts, for_texts)?);
        Some([&u32::try_from(first.len()).ok()?.to_le_bytes()[..], &first, &texts].concat())
    });
    if let Ok(file) = Builder::from_blocks("npm", &[], frames.collect::<Vec<_>>()) {
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
    let _ = Builder::from_blocks("npm", &[], [data.to_vec()]);
    let (dictionary, block) = data.split_at(data.len() / 2);
    let _ = Builder::from_blocks("npm", dictionary, [block.to_vec()]);
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
