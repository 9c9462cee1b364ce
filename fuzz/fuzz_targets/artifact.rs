//! Manifests and chunks of a carried database, claims, signatures and keys from foreign bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    plimsoll_artifact::fuzz_parsers(bytes);
    plimsoll_attest::fuzz_parsers(bytes);
});
