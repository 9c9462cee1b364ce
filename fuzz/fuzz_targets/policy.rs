//! Any text as a policy, as waivers and as another scanner's ignore file: read or refused, and what is read decides.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_gate::{Context, Policy, Waivers, judge};
use plimsoll_model::{Finding, FixState, Inventory, Package, PackageKind, Severity, SeverityChoice, SeveritySource};

fuzz_target!(|text: &str| {
    let policy = Policy::from_file("policy", text).ok();
    // A bare line is a condition.
    let quoted = format!("[[policy.rules]]\nname = \"a\"\naction = \"fail\"\nwhen = '''\n{text}'''\n");
    let condition = Policy::from_file("condition", &quoted).ok();
    let mut waivers = Waivers::default();
    for read in [
        Waivers::from_toml("own", text, false),
        Waivers::trivyignore("trivy", text),
        Waivers::trivyignore_yaml("trivy", text),
        Waivers::grype_yaml("grype", text),
        Waivers::osv_scanner_toml("osv", text),
    ] {
        match read {
            Ok(read) => waivers.extend(read),
            Err(error) => assert!(error.line > 0 && error.column > 0),
        }
    }
    let Some(now) = "2026-03-01T00:00:00Z".parse().ok() else { return };
    let mut inventory = Inventory::default();
    inventory.packages.push(Package::new(PackageKind::Deb, "openssl", "3.0.1", "dpkg"));
    let context = Context { now, inventory: Some(&inventory) };
    for policy in policy.iter().chain(&condition) {
        let _ = judge(policy, &waivers, vec![finding()], &[], &[], &context);
    }
});

fn finding() -> Finding {
    Finding {
        aliases: vec!["GHSA-1".to_owned()],
        fix: FixState::Fixed("3.0.2".to_owned()),
        severity: SeverityChoice { severity: Severity::High, source: SeveritySource::Nobody },
        published: "2026-02-01T00:00:00Z".to_owned(),
        risk: 500,
        ..Finding::new("CVE-2026-1", vec![0])
    }
}
