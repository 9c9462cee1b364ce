//! Any text as a package URL: parse undoes print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_model::Purl;

fuzz_target!(|text: &str| {
    if let Ok(purl) = text.parse::<Purl>() {
        let printed = purl.to_string();
        assert_eq!(printed.parse::<Purl>().map(|again| again.to_string()), Ok(printed.clone()));
    }
});
