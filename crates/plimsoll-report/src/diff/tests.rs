use expect_test::expect_file;
use plimsoll_model::{Package, PackageKind, Scan};

use super::*;
use crate::sample;

/// The sample before: another release of `openssl`, a package that is gone, no `minimist`, an advisory fewer.
fn before() -> Scan {
    let mut scan = sample::scan();
    scan.inventory.artifact.name = "registry.example/app:1.1".to_owned();
    scan.inventory.artifact.layers.truncate(2);
    scan.decision = plimsoll_model::Decision::default();
    for package in &mut scan.inventory.packages {
        match (package.kind, package.name.as_str()) {
            (PackageKind::Deb, "openssl" | "libssl1.1") => {
                package.version = "1.1.1n-0+deb11u2".to_owned();
                package.source = package.source.take().map(|mut source| {
                    "1.1.1n-0+deb11u2".clone_into(&mut source.version);
                    source
                });
            }
            (PackageKind::PyPi, "urllib3") => package.version = "1.26.9".to_owned(),
            (PackageKind::Npm, "minimist") => {
                *package = Package::new(PackageKind::Npm, "left-pad", "1.0.0", "node-package");
            }
            _ => {}
        }
    }
    let learnt = scan
        .findings
        .iter()
        .position(|finding| scan.inventory.packages[finding.packages[0]].kind == PackageKind::Maven);
    scan.findings.remove(learnt.unwrap());
    scan
}

fn written(format: &str, old: &Scan, new: &Scan, width: usize, limit: usize) -> String {
    let difference = plimsoll_diff::compare(old, new);
    let report = DiffReport {
        difference: &difference,
        names: [&old.inventory.artifact.name, &new.inventory.artifact.name],
        complete: [true, true],
        table: TableOptions { width, ..TableOptions::default() },
        limit,
    };
    let format = DIFF_FORMATS.iter().find(|found| found.name == format).unwrap();
    let mut out = Vec::new();
    (format.write)(&report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn golden_differences() {
    let (old, new) = (before(), sample::scan());
    expect_file!["../../testdata/golden/diff.txt"].assert_eq(&written("table", &old, &new, 80, 20));
    expect_file!["../../testdata/golden/diff.md"].assert_eq(&written("markdown", &old, &new, 80, 20));
    let json = written("json", &old, &new, 80, 20).replace(crate::VERSION, "VERSION");
    expect_file!["../../testdata/golden/diff.json"].assert_eq(&json);
}

#[test]
fn nothing_is_different_from_itself() {
    let scan = sample::scan();
    let difference = plimsoll_diff::compare(&scan, &scan);
    assert!(difference.added.is_empty() && difference.gone.is_empty());
    assert_eq!(difference.unchanged.len(), scan.findings.len());
    let text = written("table", &scan, &scan, 80, 20);
    assert!(text.contains("0 added, 0 gone, 0 changed"), "{text}");
}

#[test]
fn lines_are_no_wider_than_the_page_and_steer_nothing() {
    let (old, new) = (before(), sample::scan());
    for (width, old, new) in [(40, &old, &new), (60, &old, &new), (80, &new, &old), (200, &old, &new)] {
        for line in written("table", old, new, width, 20).lines() {
            assert!(crate::terminal::width(line) <= width, "{width}: {line}");
            assert!(!line.chars().any(crate::terminal::is_unsafe), "{line:?}");
        }
    }
    assert!(!written("markdown", &new, &old, 80, 20).contains('\u{1b}'));
    assert!(!written("json", &new, &old, 80, 20).contains('\u{1b}'));
}

#[test]
fn a_list_that_is_cut_says_by_how_much() {
    let (old, new) = (Scan::default(), sample::scan());
    let text = written("table", &old, &new, 80, 1);
    assert!(text.contains("more findings ("), "{text}");
    assert!(text.contains("more packages"), "{text}");
    let text = written("markdown", &old, &new, 80, 1);
    assert!(text.contains("\nand "), "{text}");
}

#[test]
fn a_side_that_lists_not_all_packages_is_told() {
    let (old, new) = (before(), sample::scan());
    let difference = plimsoll_diff::compare(&old, &new);
    let report = DiffReport {
        difference: &difference,
        names: ["trivy.json", "b.json"],
        complete: [false, true],
        table: TableOptions::default(),
        limit: 20,
    };
    for format in DIFF_FORMATS {
        let mut out = Vec::new();
        (format.write)(&report, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = if format.name == "json" {
            "\"ListsAllPackages\": false"
        } else {
            "A lists only packages with findings"
        };
        assert!(text.contains(expected), "{text}");
    }
}
