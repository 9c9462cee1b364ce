//! Two texts under one scheme: reading is total, and turning a comparison around reverses it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_version::{Scheme, Version};

fuzz_target!(|input: (u8, &str, &str)| {
    let (scheme, left, right) = input;
    let scheme = Scheme::ALL[usize::from(scheme) % Scheme::ALL.len()];
    if let (Ok(left), Ok(right)) = (Version::parse(scheme, left), Version::parse(scheme, right)) {
        assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
        assert!(left.cmp(&left).is_eq());
    }
});
