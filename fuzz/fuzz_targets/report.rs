//! Any bytes as a JSON report: a scan or an error; what was read is written, and read again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = data;
    if let Ok(mut stored) = plimsoll_report::read_scan(&mut input, "fuzz") {
        // Its numbers may lose their last digit whenever they are read.
        stored.scan.inventory.artifact.config.clear();
        let mut written = Vec::new();
        plimsoll_report::write_json(&stored.scan, &mut written).expect("a list takes all");
        let again = plimsoll_report::read_scan(&mut written.as_slice(), "written").expect("it was written");
        let mut twice = Vec::new();
        plimsoll_report::write_json(&again.scan, &mut twice).expect("a list takes all");
        assert!(written == twice);
    }
});
