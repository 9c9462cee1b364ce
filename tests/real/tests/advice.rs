//! Fix advice for the image: what it names, and that what it names clears the gate.

use std::fs;

use plimsoll_real::{Plimsoll, Scratch, database, image};
use serde_json::Value;

/// A gate that the image fails for what has a fix.
const GATE: &[&str] = &["--fail-on", "high", "--ignore-unfixed", "--offline"];

/// A line that the advice has: tool, and what stands in one of its lines.
const LINES: &[(&str, &str)] = &[
    ("apt-get", "gzip"),
    ("npm", "minimist@1.2.6"),
    ("pip", "'urllib3>="),
    ("maven", "<artifactId>commons-text</artifactId>"),
];

/// The advice for a target that fails the gate.
fn advice(target: &str) -> Value {
    let run = Plimsoll::scan(target, &database().path).arguments(GATE).run();
    assert_eq!(run.status, Some(1), "`{}`:\n{}", run.call, run.stderr);
    let report: Value = serde_json::from_slice(&run.stdout).expect("a report is JSON whatever the gate says");
    report["Plimsoll"]["Advice"].clone()
}

fn list<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    value[key].as_array().into_iter().flatten().collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

#[test]
fn each_ecosystem_has_its_line() {
    let advice = advice(&format!("oci-dir:{}", image().oci_dir().display()));
    assert_eq!(advice["ForGate"], true);
    for (tool, part) in LINES {
        let mut lines = list(&advice, "Actions").into_iter().filter(|action| text(action, "Tool") == *tool);
        let found = lines.any(|action| {
            list(action, "Lines").iter().any(|line| line.as_str().is_some_and(|line| line.contains(part)))
        });
        assert!(found, "`{tool}` has no line with `{part}`: {advice:#}");
    }
}

#[test]
fn what_the_advice_names_clears_the_gate() {
    let folder = Scratch::new();
    let bill = folder.path("image.cdx.json");
    let mut components: Value =
        Plimsoll::sbom(&format!("oci-dir:{}", image().oci_dir().display())).without_cache().json();
    fs::write(&bill, components.to_string()).unwrap();
    let target = format!("sbom:{}", bill.display());
    let advice = advice(&target);
    let mut upgraded = 0;
    for upgrade in list(&advice, "Actions").into_iter().flat_map(|action| list(action, "Upgrades")) {
        for component in components["components"].as_array_mut().unwrap() {
            if name(component) == text(upgrade, "Name") && text(component, "version") == text(upgrade, "From")
            {
                *component = at_version(component, text(upgrade, "From"), text(upgrade, "To"));
                upgraded += 1;
            }
        }
    }
    assert!(upgraded > 5, "{upgraded} packages");
    fs::write(&bill, components.to_string()).unwrap();
    let run = Plimsoll::scan(&target, &database().path).arguments(GATE).run();
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(run.status, Some(0), "{}\n{:#}", run.stderr, report["Plimsoll"]["Advice"]);
}

/// The name that Plimsoll has for a component.
fn name(component: &Value) -> String {
    let (group, name) = (text(component, "group"), text(component, "name"));
    match (group, text(component, "purl").starts_with("pkg:maven/")) {
        ("", _) => name.to_owned(),
        (group, true) => format!("{group}:{name}"),
        (group, false) => format!("{group}/{name}"),
    }
}

/// The component in another version, wherever it names the one that it has.
fn at_version(component: &Value, from: &str, to: &str) -> Value {
    let encoded = |text: &str| text.replace('+', "%2B").replace(':', "%3A");
    let mut component = component.clone();
    component["version"] = to.into();
    let purl = text(&component, "purl").replacen(&format!("@{from}"), &format!("@{to}"), 1).replacen(
        &format!("@{}", encoded(from)),
        &format!("@{}", encoded(to)),
        1,
    );
    component["purl"] = purl.into();
    // The source package's version stands there in parts; without them it is the package's own.
    if let Some(properties) = component["properties"].as_array_mut() {
        properties.retain(|property| !text(property, "name").starts_with("aquasecurity:trivy:Src"));
    }
    component
}
