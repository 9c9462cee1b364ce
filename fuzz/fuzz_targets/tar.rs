//! A stream as a layer's archive: entries or an error, paths inside the root, and never a panic.
#![no_main]

mod checksums;

use std::io::Read as _;

use libfuzzer_sys::fuzz_target;
use plimsoll_archive::{Decompressed, TarItem, TarReader};

/// Bytes of one input that are decompressed at most.
const MAX_BYTES: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    walk(data);
    let mut data = data.to_vec();
    checksums::repair(&mut data);
    walk(&data);
});

fn walk(data: &[u8]) {
    let Ok(stream) = Decompressed::new(data) else { return };
    let mut tar = TarReader::new(std::io::BufReader::new(stream.take(MAX_BYTES)));
    while let Ok(Some(item)) = tar.next_entry() {
        if let TarItem::Entry(entry) = item {
            assert!(!entry.path.starts_with('/') && !entry.path.split('/').any(|part| part == ".."));
            let mut content = [0; 100];
            let _ = tar.read(&mut content);
        }
        assert!(tar.offset() <= MAX_BYTES);
    }
}
