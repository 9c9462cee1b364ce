//! Any bytes as two layers of an image: walked and folded, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_image::fuzz_layers(data));
