//! Any bytes as an envelope, a document in one, the manifest and the index of a VEX repository, and what a person types.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    plimsoll_vex_source::fuzz_parsers(data);
    plimsoll_attest::fuzz_parsers(data);
});
