//! Any bytes as a buildspec, a pattern, a file of secrets, and output to be masked: read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_buildspec::{Buildspec, LocalSecrets, Masker, Pattern, SecretReference};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let mut masker = Masker::new(["fuzz-secret", "fuzz"]);
    let mut out = Vec::new();
    for piece in rest.chunks(usize::from(*first).max(1)) {
        out.extend(masker.push(piece));
    }
    out.extend(masker.finish());
    let mut whole = Masker::new(["fuzz-secret", "fuzz"]);
    let mut at_once = whole.push(rest);
    at_once.extend(whole.finish());
    assert_eq!(out, at_once, "how reads cut the bytes changes nothing");
    assert!(!out.windows(4).any(|window| window == b"fuzz"));
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if let Ok(spec) = Buildspec::parse(text) {
        assert!(spec.warnings.iter().all(|warning| warning.place.line > 0));
    }
    let _ = LocalSecrets::parse(text, "fuzz");
    let _ = SecretReference::parse(text);
    let (pattern, path) = text.split_once('\n').unwrap_or((text, "a/b"));
    let _ = Pattern::new(pattern).matches(path);
});
