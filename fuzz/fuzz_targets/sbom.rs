//! Any bytes as a bill of materials: an inventory or an error, and what is printed steers no terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = data;
    if let Ok(inventory) = plimsoll_report::read_sbom(&mut input, "fuzz") {
        let mut out = Vec::new();
        let _ = plimsoll_report::write_cyclonedx(&inventory, &mut out);
    }
    let text = String::from_utf8_lossy(data);
    assert!(!plimsoll_report::printable(&text).chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
});
