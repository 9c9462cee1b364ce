//! Any bytes as a VEX document: it is read or refused, judged, and what is added to it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_model::{Package, PackageKind};
use plimsoll_vex::{Format, Subject, append, judge, read};

fuzz_target!(|data: &[u8]| {
    let Ok(document) = read(data, "fuzz") else { return };
    let packages = [
        Package::new(PackageKind::Deb, "libssl3", "3.0.11-1", "fuzz"),
        Package::new(PackageKind::Npm, "left-pad", "1.0.0", "fuzz"),
    ];
    let subject =
        Subject { references: vec!["registry.example/team/app:1.2".to_owned()], ..Subject::default() };
    let judged = judge(std::slice::from_ref(&document), &subject, &packages, &[]);
    assert_eq!(judged.uses.len(), document.statements.len());
    if document.format == Format::OpenVex
        && let Some(statement) = document.statements.first()
        && let Ok(text) = append(data, "fuzz", std::slice::from_ref(statement), "2025-01-31T12:00:00Z")
    {
        let again = read(text.as_bytes(), "fuzz").expect("what was written is read");
        assert_eq!(again.statements.len(), document.statements.len() + 1);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
});
