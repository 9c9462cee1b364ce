//! Any bytes as a zip archive: entries or an error, never a panic, and never more than what was allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_archive::{ReadAt, Zip, ZipLimits};

const LIMITS: ZipLimits =
    ZipLimits { entries: 1000, directory_bytes: 1 << 20, name_bytes: 512, total_bytes: 4 << 20 };

fuzz_target!(|data: &[u8]| {
    let data = data.to_vec();
    let Ok(mut zip) = Zip::open(&data, LIMITS) else { return };
    assert!(zip.entries().len() <= 1000);
    let mut total = 0;
    for index in 0..zip.entries().len() {
        if let Ok(Some(window)) = zip.stored(index) {
            assert_eq!(window.size(), zip.entries()[index].compressed_size);
        }
        if let Ok(content) = zip.read(index, 1 << 20) {
            assert_eq!(content.len() as u64, zip.entries()[index].size);
            total += content.len();
        }
    }
    assert!(total <= 4 << 20);
});
