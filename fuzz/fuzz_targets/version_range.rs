//! An installed version against a range of hostile events: an answer, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_version::{Event, EventKind, Scheme, affectedness_of_text};

fuzz_target!(|input: (u8, &str, Vec<(u8, &str)>, Vec<&str>)| {
    const KINDS: [EventKind; 4] =
        [EventKind::Introduced, EventKind::Fixed, EventKind::LastAffected, EventKind::Limit];
    let (scheme, installed, events, versions) = input;
    let scheme = Scheme::ALL[usize::from(scheme) % Scheme::ALL.len()];
    let events: Vec<Event<'_>> = events
        .iter()
        .map(|&(kind, version)| Event { kind: KINDS[usize::from(kind) % KINDS.len()], version })
        .collect();
    let _ = affectedness_of_text(scheme, installed, &[&events], &versions);
});
