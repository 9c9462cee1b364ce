//! For programs: everything, names and words as in the JSON report.

use std::io::Write;

use plimsoll_diff::{FindingChange, PackageChange, PackageEntry};
use plimsoll_model::{Finding, Newness, Package, Scan, Severity, SeverityCounts};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::DiffReport;
use super::rows::verdict;
use crate::facts;
use crate::format::write_document;
use crate::{Error, VERSION};

/// Raised when a key changes its meaning.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    schema_version: u32,
    version: &'static str,
    a: Value,
    b: Value,
    layers: Value,
    packages: Value,
    findings: Findings<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Findings<'a> {
    counts: Value,
    added: Vec<Entry<'a>>,
    learnt: Vec<Entry<'a>>,
    gone: Vec<Entry<'a>>,
    unchanged: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(rename = "VulnerabilityID")]
    id: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
    #[serde(rename = "Type")]
    kind: &'a str,
    pkg_name: &'a str,
    installed_version: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pkg_path: String,
    #[serde(rename = "PURL", skip_serializing_if = "String::is_empty")]
    purl: String,
    severity: Severity,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_version: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    /// The version it was in, where another has replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<&'a str>,
    /// Why it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// Who says that it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<String>,
}

pub(super) fn write(report: &DiffReport<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let difference = report.difference;
    let (old, new) = (difference.old, difference.new);
    let layers = difference.layers;
    let packages = &difference.packages;
    let listed = |entries: &[PackageEntry]| entries.iter().map(entry).collect::<Vec<_>>();
    let changes = |newness: Newness| {
        difference
            .added
            .iter()
            .filter(|change| change.newness == newness)
            .map(|change| self::change(change, new))
            .collect()
    };
    let gone = difference.gone.iter().map(|gone| Entry {
        why: Some(gone.why.as_str()),
        suppressed: match gone.why {
            plimsoll_diff::Gone::Suppressed(suppressed) => Some(suppressed.words()),
            _ => None,
        },
        ..found(gone.finding, gone.package, old)
    });
    let document = Document {
        schema_version: SCHEMA_VERSION,
        version: VERSION,
        a: side(report.names[0], report.complete[0], old),
        b: side(report.names[1], report.complete[1], new),
        layers: json!({"Shared": layers.shared, "Gone": layers.gone, "Added": layers.added}),
        packages: json!({
            "Added": listed(&packages.added),
            "Gone": listed(&packages.gone),
            "Changed": packages.changed.iter().map(changed).collect::<Vec<_>>(),
            "Unchanged": packages.unchanged,
        }),
        findings: Findings {
            counts: json!({
                "Added": counts(&difference.counts(Newness::Added)),
                "Learnt": counts(&difference.counts(Newness::Learnt)),
                "Gone": counts(&difference.gone_counts()),
                "Unchanged": counts(&difference.counts(Newness::Known)),
            }),
            added: changes(Newness::Added),
            learnt: changes(Newness::Learnt),
            gone: gone.collect(),
            unchanged: difference.unchanged.iter().map(|change| self::change(change, new)).collect(),
        },
    };
    write_document("JSON", &document, out)
}

fn side(name: &str, complete: bool, scan: &Scan) -> Value {
    let artifact = &scan.inventory.artifact;
    let mut side = Map::new();
    let mut text = |key: &str, value: &str| {
        if !value.is_empty() {
            side.insert(key.to_owned(), Value::from(value));
        }
    };
    text("Name", name);
    text("ArtifactName", &artifact.name);
    text("ManifestDigest", &artifact.manifest_digest);
    text("Platform", &artifact.platform.as_ref().map(ToString::to_string).unwrap_or_default());
    if let Some(os) = &scan.inventory.os {
        text("OS", format!("{} {}", os.id, os.version_id).trim_end());
    }
    text("DatabaseDigest", &scan.database.digest);
    text("NewestAdvisory", &scan.database.newest_advisory);
    text("Verdict", verdict(scan).unwrap_or_default());
    let mut all = SeverityCounts::default();
    scan.findings.iter().for_each(|finding| all.add(facts::severity(finding)));
    side.insert("Counts".to_owned(), counts(&all));
    for (key, number) in [
        ("Packages", scan.inventory.packages.len()),
        ("Layers", artifact.layers.len()),
        ("Suppressed", scan.suppressed.len()),
        ("Gaps", scan.inventory.gaps.len() + scan.match_gaps.len()),
        ("Undetermined", scan.undetermined.len()),
    ] {
        side.insert(key.to_owned(), Value::from(number));
    }
    side.insert("ListsAllPackages".to_owned(), Value::from(complete));
    Value::Object(side)
}

/// Every severity, also those without findings.
fn counts(counts: &SeverityCounts) -> Value {
    Severity::WORST_FIRST
        .iter()
        .map(|&severity| (severity.as_str().to_owned(), Value::from(counts.of(severity))))
        .collect::<Map<_, _>>()
        .into()
}

fn entry(entry: &PackageEntry) -> Value {
    json!({"Type": entry.kind.purl_type(), "Name": entry.name, "Versions": entry.versions})
}

fn changed(change: &PackageChange) -> Value {
    json!({
        "Type": change.kind.purl_type(),
        "Name": change.name,
        "From": change.from,
        "To": change.to,
        "Direction": change.direction.as_str(),
    })
}

fn change<'a>(change: &FindingChange<'a>, scan: &'a Scan) -> Entry<'a> {
    Entry { replaces: change.replaced, ..found(change.finding, change.package, scan) }
}

fn found<'a>(finding: &'a Finding, package: Option<&'a Package>, scan: &Scan) -> Entry<'a> {
    Entry {
        id: &finding.id,
        aliases: &finding.aliases,
        kind: package.map_or("", |package| package.kind.purl_type()),
        pkg_name: package.map_or("", |package| &package.name),
        installed_version: package.map_or("", |package| &package.version),
        pkg_path: package.map(facts::place).unwrap_or_default(),
        purl: package.map(|package| package.purl(scan.inventory.os.as_ref()).to_string()).unwrap_or_default(),
        severity: facts::severity(finding),
        status: facts::fix_word(&finding.fix),
        fixed_version: finding.fix.version(),
        title: &finding.title,
        replaces: None,
        why: None,
        suppressed: None,
    }
}
