//! Names, targets, manifests, configs, challenges and engines' answers from foreign bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| plimsoll_oci::fuzz_parsers(bytes));
