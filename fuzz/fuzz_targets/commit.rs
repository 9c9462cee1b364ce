//! Any text as a commit's message: what comes out are references, and words that are shown harmlessly.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_pipeline::commit::{MAX_IMAGES, MAX_MESSAGE_BYTES, images};

fuzz_target!(|message: &str| {
    let Ok(asked) = images(message) else {
        assert!(message.len() > MAX_MESSAGE_BYTES);
        return;
    };
    assert!(asked.images.len() <= MAX_IMAGES);
    for mention in &asked.images {
        let name = mention.name();
        assert!(name.split('/').all(|part| !part.is_empty() && !part.starts_with(['.', '-'])), "{name}");
        let report = mention.report_name();
        assert!(report.len() <= 255 && !report.contains(['/', '\0']) && !report.starts_with(['.', '-']), "{report}");
        // What was asked for, asked for again.
        let again = images(&format!("::{}", mention.reference)).expect("a short message");
        assert_eq!(again.images.first().map(|again| &again.reference), Some(&mention.reference));
    }
    for told in asked.refused.iter().chain(&asked.passed_over) {
        assert!(told.place.line > 0 && told.place.column > 0);
        assert!(!told.text.chars().any(|c| c.is_control() || c.is_whitespace()), "{:?}", told.text);
    }
});
