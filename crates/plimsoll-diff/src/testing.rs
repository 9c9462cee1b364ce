//! Scans from a few words.

use plimsoll_model::{
    Finding, OsRelease, Package, PackageKind, Scan, Severity, SeverityChoice, SeveritySource,
};

/// A scan, line by line: `os debian 12`, `name r.example/app:1`, `database 2026-01-01T00:00:00Z`, `layers abc`, or a
/// package with its flaws, `deb openssl 1.1 @path: CVE-1=GHSA-1/DSA-1!HIGH CVE-2`: ID, `=` alias, `/` advisory,
/// `!` severity.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    for line in text.lines() {
        let (head, flaws) = line.split_once(": ").unwrap_or((line, ""));
        let words: Vec<&str> = head.split(' ').collect();
        match words.as_slice() {
            ["os", id, version] => {
                scan.inventory.os = Some(OsRelease {
                    id: (*id).to_owned(),
                    version_id: (*version).to_owned(),
                    ..OsRelease::default()
                });
            }
            ["name", name] => scan.inventory.artifact.name = (*name).to_owned(),
            ["database", time] => scan.database.newest_advisory = (*time).to_owned(),
            ["layers", letters] => {
                scan.inventory.artifact.layers = letters
                    .chars()
                    .map(|letter| plimsoll_model::LayerInfo {
                        diff_id: letter.to_string(),
                        digest: String::new(),
                        size_bytes: 0,
                        created_by: String::new(),
                    })
                    .collect();
            }
            [kind, name, version, place @ ..] => {
                let kind = PackageKind::from_purl_type(kind).unwrap();
                let mut package = Package::new(kind, *name, *version, "test");
                package.path = place.concat();
                let index = scan.inventory.packages.len();
                scan.inventory.packages.push(package);
                scan.findings.extend(flaws.split_whitespace().map(|flaw| finding(flaw, index)));
            }
            _ => panic!("expected a line of a scan, found `{line}`"),
        }
    }
    scan
}

fn finding(text: &str, package: usize) -> Finding {
    let (text, severity) = text.split_once('!').unwrap_or((text, "HIGH"));
    let (text, advisory) = text.split_once('/').unwrap_or((text, ""));
    let (id, alias) = text.split_once('=').unwrap_or((text, ""));
    let list = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    Finding {
        aliases: list(alias),
        advisories: list(advisory),
        severity: SeverityChoice {
            severity: severity.parse::<Severity>().unwrap(),
            source: SeveritySource::Nobody,
        },
        ..Finding::new(id, vec![package])
    }
}
