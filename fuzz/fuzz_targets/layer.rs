//! Any bytes as two layers of an image: walked and folded, never a panic.
#![no_main]

mod checksums;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    plimsoll_image::fuzz_layers(data);
    // The halves are the layers.
    let mut data = data.to_vec();
    let middle = data.len() / 2;
    let (first, second) = data.split_at_mut(middle);
    checksums::repair(first);
    checksums::repair(second);
    plimsoll_image::fuzz_layers(&data);
});
