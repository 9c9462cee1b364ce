//! Trivy's reports to scans.
//!
//! Trivy lists a flaw once for each file; here it is one finding with all its places. What Trivy does not say stays empty:
//! exploitation, evidence, aliases. `FixedVersion` may name several versions, one for each branch; it is kept as it stands.
//!
//! Source: Trivy 0.6x, the Go types `Report`, `Result`, `Package`, `DetectedVulnerability`, `ModifiedFinding`.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{
    Artifact, ArtifactKind, Finding, FixState, Gap, Inventory, Layer, LayerInfo, OsRelease, Package,
    PackageKind, Purl, Rating, RatingScale, Reference, Scan, Severity, SeverityChoice, SeveritySource,
    SourcePackage, Suppressed, SuppressionKind,
};

use super::document::{
    Cvss, Document, JsonLayer, JsonPackage, Metadata, ModifiedFinding, TargetResult, Vulnerability,
};
use super::fault::Fault;
use super::finding::{UNKNOWN_REFERENCE, fix, tenths};
use super::ours::{direct, layer_info};
use super::{StoredScan, Writer, config};
use crate::read::purl::go_version;
use crate::read::source::differing;
use crate::targets::{kind_of_report_type, lock_cataloger, os_id};
use crate::version_parts::join;

/// The cataloger of what a report lists.
const CATALOGER: &str = "trivy-report";

/// The scan that the report speaks of.
pub(super) fn scan(document: Document) -> Result<StoredScan, Fault> {
    let Document { artifact_name, artifact_type, metadata, results, trivy, .. } = document;
    let os = metadata.os.as_ref().map(|os| OsRelease {
        id: os_id(&os.family).to_owned(),
        version_id: os.name.clone(),
        ..OsRelease::default()
    });
    let mut reading = Reading { layers: diff_ids(&metadata), ..Reading::default() };
    let listed = results.iter().any(|result| !result.packages.is_empty());
    for (at, result) in results.into_iter().enumerate() {
        reading.result(result).map_err(|fault| fault.inside(format_args!("Results[{at}]")))?;
    }
    if !listed && !reading.packages.is_empty() {
        let expected = "expected a list of all packages, as Trivy writes with `--list-all-pkgs`, \
                        found those alone that have findings";
        reading.gap(expected.to_owned());
    }
    if reading.others > 0 {
        let number = reading.others;
        reading.gap(format!(
            "expected vulnerabilities, found {number} results of other kinds (secrets, settings, licences), \
             which are left out"
        ));
    }
    let gaps = std::mem::take(&mut reading.gaps).into_iter().collect();
    let (packages, findings, suppressed) = reading.finish();
    let kind = match artifact_type.as_str() {
        "container_image" => ArtifactKind::ContainerImage,
        "cyclonedx" | "spdx" => ArtifactKind::Sbom,
        _ => ArtifactKind::Filesystem,
    };
    let artifact = Artifact { name: artifact_name, kind, ..artifact(metadata)? };
    let mut scan = Scan {
        inventory: Inventory { artifact, os, packages, ..Inventory::default() },
        findings,
        suppressed,
        match_gaps: gaps,
        ..Scan::default()
    };
    for finding in &scan.findings {
        scan.decision.counts.add(finding.severity.severity);
    }
    let version = trivy.map(|trivy| trivy.version).unwrap_or_default();
    Ok(StoredScan { scan, writer: Writer::Trivy, version })
}

fn diff_ids(metadata: &Metadata) -> Vec<String> {
    if metadata.diff_ids.is_empty() {
        metadata.layers.iter().map(|layer| layer.diff_id.clone()).collect()
    } else {
        metadata.diff_ids.clone()
    }
}

fn artifact(metadata: Metadata) -> Result<Artifact, Fault> {
    let config = metadata.image_config.as_deref();
    let (created, platform) = config::created_and_platform(config)?;
    let layers = if metadata.layers.is_empty() {
        let bare =
            |diff_id| LayerInfo { diff_id, digest: String::new(), size_bytes: 0, created_by: String::new() };
        metadata.diff_ids.into_iter().map(bare).collect()
    } else {
        metadata.layers.into_iter().map(layer_info).collect()
    };
    Ok(Artifact {
        config: config::text(config)?,
        config_digest: metadata.image_id,
        repo_tags: metadata.repo_tags,
        repo_digests: metadata.repo_digests,
        platform,
        created,
        layers,
        ..Artifact::default()
    })
}

/// What makes two entries one finding: the flaw, and the package in its version.
type Key = (String, PackageKind, String, String);

/// What was read so far.
#[derive(Default)]
struct Reading {
    /// Diff IDs of the image's layers, from the base up.
    layers: Vec<String>,
    packages: Vec<Package>,
    findings: BTreeMap<Key, Finding>,
    suppressed: BTreeMap<Key, Suppressed>,
    gaps: BTreeSet<Gap>,
    /// Entries that are no vulnerabilities.
    others: usize,
}

/// Where the packages of one result are found.
#[derive(Default)]
struct Known {
    by_uid: BTreeMap<String, usize>,
    by_place: BTreeMap<(String, String, String), usize>,
}

impl Known {
    fn index(&self, uid: &str, package: &Package) -> Option<usize> {
        let by_place = || self.by_place.get(&place(package));
        self.by_uid.get(uid).or_else(by_place).copied()
    }
}

/// What tells a package from all others of its result.
fn place(package: &Package) -> (String, String, String) {
    (package.name.clone(), package.version.clone(), package.path.clone())
}

impl Reading {
    fn result(&mut self, result: TargetResult) -> Result<(), Fault> {
        self.others += result.misconfigurations.len() + result.secrets.len() + result.licenses.len();
        let home = Home::of(&result);
        let mut known = Known::default();
        for json in result.packages {
            let uid = json.identifier.uid.clone();
            match self.package(json, &home) {
                Some(package) => self.add(package, uid, &mut known),
                None => self.unknown_type(&home),
            }
        }
        for (at, vulnerability) in result.vulnerabilities.into_iter().enumerate() {
            let found = self.vulnerability(vulnerability, &home, &mut known);
            let found = found.map_err(|fault| fault.inside(format_args!("Vulnerabilities[{at}]")))?;
            if let Some((key, finding)) = found {
                let packages = finding.packages.clone();
                self.findings.entry(key).or_insert(finding).packages.extend(packages);
            }
        }
        for (at, modified) in result.experimental_modified_findings.into_iter().enumerate() {
            if modified.kind != "vulnerability" {
                self.others += 1;
                continue;
            }
            let place = format_args!("ExperimentalModifiedFindings[{at}].Finding");
            let ModifiedFinding { status, statement, source, finding, .. } = modified;
            let found =
                self.vulnerability(finding, &home, &mut known).map_err(|fault| fault.inside(place))?;
            if let Some((key, finding)) = found {
                let packages = finding.packages.clone();
                let item = suppressed(finding, &status, statement, source);
                self.suppressed.entry(key).or_insert(item).finding.packages.extend(packages);
            }
        }
        Ok(())
    }

    fn add(&mut self, package: Package, uid: String, known: &mut Known) {
        let index = self.packages.len();
        if !uid.is_empty() {
            known.by_uid.entry(uid).or_insert(index);
        }
        known.by_place.entry(place(&package)).or_insert(index);
        self.packages.push(package);
    }

    /// `None` for a type that no cataloger of ours has.
    fn package(&self, json: JsonPackage, home: &Home) -> Option<Package> {
        let purl: Option<Purl> = json.identifier.purl.parse().ok();
        let kind = home.kind(purl.as_ref())?;
        let version = join(json.epoch, &json.version, &json.release);
        let mut package = Package {
            architecture: json.arch.filter(|_| kind.is_os()),
            licenses: json.licenses,
            module: json.module.filter(|module| !module.is_empty()),
            vendor: json.maintainer.filter(|vendor| !vendor.is_empty()),
            direct: direct(json.relationship.as_deref()),
            ..home.package(kind, json.name, version, &json.file_path)
        };
        if kind.is_os() && !json.src_name.is_empty() {
            let version = join(json.src_epoch, &json.src_version, &json.src_release);
            package.source = differing(&package, SourcePackage { name: json.src_name, version });
        }
        self.set_layer(&mut package, &json.layer);
        Some(package)
    }

    fn set_layer(&self, package: &mut Package, layer: &JsonLayer) {
        let index = self.layers.iter().position(|diff_id| *diff_id == layer.diff_id);
        package.layer = index.map(|index| Layer { diff_id: layer.diff_id.clone(), index });
        package.introduced_in.clone_from(&package.layer);
    }

    /// A finding with the package that it is in; `None` for a type that no cataloger of ours has.
    fn vulnerability(
        &mut self,
        json: Vulnerability,
        home: &Home,
        known: &mut Known,
    ) -> Result<Option<(Key, Finding)>, Fault> {
        let purl: Option<Purl> = json.pkg_identifier.purl.parse().ok();
        let Some(kind) = home.kind(purl.as_ref()) else {
            self.unknown_type(home);
            return Ok(None);
        };
        let (name, version) = (json.pkg_name.clone(), json.installed_version.clone());
        let mut package = home.package(kind, name, version, &json.pkg_path);
        let index = if let Some(index) = known.index(&json.pkg_identifier.uid, &package) {
            index
        } else {
            let architecture = purl.and_then(|mut purl| purl.qualifiers.remove("arch"));
            package.architecture = architecture.filter(|_| kind.is_os());
            self.set_layer(&mut package, &json.layer);
            self.add(package, json.pkg_identifier.uid.clone(), known);
            self.packages.len() - 1
        };
        let package = &self.packages[index];
        let key = (json.id.clone(), package.kind, package.name.clone(), package.version.clone());
        let finding = finding(json, index)?;
        Ok(Some((key, finding)))
    }

    fn unknown_type(&mut self, home: &Home) {
        let name = super::super::shortened(&home.report_type);
        self.gap(format!("expected packages of a type that is known, found `{name}`: they are left out"));
    }

    fn gap(&mut self, reason: String) {
        let gap = Gap {
            path: String::new(),
            place: String::new(),
            diff_id: None,
            reporter: CATALOGER.to_owned(),
            reason,
        };
        self.gaps.insert(gap);
    }

    /// Everything in the order that scans have.
    fn finish(self) -> (Vec<Package>, Vec<Finding>, Vec<Suppressed>) {
        let mut order: Vec<usize> = (0..self.packages.len()).collect();
        let rank = |index: &usize| {
            let package = &self.packages[*index];
            let Package { kind, name, version, path, inner_path, .. } = package;
            (*kind, name, version, path, inner_path)
        };
        order.sort_by(|a, b| rank(a).cmp(&rank(b)));
        let mut place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        let settle = |finding: &mut Finding| {
            for index in &mut finding.packages {
                *index = place[*index];
            }
            finding.packages.sort_unstable();
            finding.packages.dedup();
        };
        let mut findings: Vec<(Key, Finding)> = self.findings.into_iter().collect();
        for (_, finding) in &mut findings {
            settle(finding);
        }
        findings.sort_by(|a, b| rank_of_finding(&a.0, &a.1).cmp(&rank_of_finding(&b.0, &b.1)));
        let mut suppressed: Vec<(Key, Suppressed)> = self.suppressed.into_iter().collect();
        for (_, item) in &mut suppressed {
            settle(&mut item.finding);
        }
        suppressed
            .sort_by(|a, b| rank_of_finding(&a.0, &a.1.finding).cmp(&rank_of_finding(&b.0, &b.1.finding)));
        let mut packages: Vec<Option<Package>> = self.packages.into_iter().map(Some).collect();
        let sorted = order.iter().filter_map(|&old| packages[old].take()).collect();
        (
            sorted,
            findings.into_iter().map(|(_, finding)| finding).collect(),
            suppressed.into_iter().map(|(_, item)| item).collect(),
        )
    }
}

/// Packages first, then the worst severity, then the flaw.
fn rank_of_finding<'a>(
    (id, kind, name, version): &'a Key,
    finding: &Finding,
) -> (PackageKind, &'a str, &'a str, std::cmp::Reverse<Severity>, &'a str) {
    (*kind, name, version, std::cmp::Reverse(finding.severity.severity), id)
}

/// What a result says of all its packages.
struct Home {
    /// The file that lists them, or that they are linked into; empty where each has its own.
    file: String,
    report_type: String,
    is_os: bool,
}

impl Home {
    fn of(result: &TargetResult) -> Self {
        let is_os = result.class == "os-pkgs";
        // Targets for what has a file of its own are named for people.
        let named = is_os || ["Java", "Node.js", "Python", "Ruby", "Conda"].contains(&result.target.as_str());
        Self {
            file: if named { String::new() } else { result.target.clone() },
            report_type: result.kind.clone(),
            is_os,
        }
    }

    fn kind(&self, purl: Option<&Purl>) -> Option<PackageKind> {
        purl.and_then(|purl| PackageKind::from_purl_type(&purl.kind))
            .or_else(|| kind_of_report_type(&self.report_type, self.is_os))
    }

    fn path(&self, path: &str) -> String {
        if self.is_os || !path.is_empty() { path.to_owned() } else { self.file.clone() }
    }

    fn package(&self, kind: PackageKind, name: String, version: String, path: &str) -> Package {
        let version = if kind == PackageKind::Golang { go_version(&version) } else { version };
        let cataloger = lock_cataloger(&self.report_type).unwrap_or(CATALOGER);
        Package { path: self.path(path), ..Package::new(kind, name, version, cataloger) }
    }
}

fn suppressed(finding: Finding, status: &str, statement: String, source: String) -> Suppressed {
    // `ignored` comes of an ignore file or a policy; all others are states of VEX.
    let waived = status == "ignored";
    Suppressed {
        finding,
        kind: if waived { SuppressionKind::Waiver } else { SuppressionKind::Vex },
        by: String::new(),
        reason: if waived { String::new() } else { status.to_owned() },
        remark: statement,
        until: None,
        origin: source,
    }
}

fn finding(json: Vulnerability, package: usize) -> Result<Finding, Fault> {
    let severity: Severity = if json.severity.is_empty() {
        Severity::Unknown
    } else {
        json.severity.parse().map_err(|_| Fault::at("Severity", "a severity", &json.severity))?
    };
    let source = if json.severity_source.is_empty() {
        SeveritySource::Nobody
    } else {
        SeveritySource::Word(json.severity_source)
    };
    let state = match json.status.as_str() {
        // Of older reports, and of flaws that nobody has judged.
        "" | "unknown" if json.fixed_version.as_ref().is_some_and(|fixed| !fixed.is_empty()) => "fixed",
        "" | "unknown" | "not_affected" => "affected",
        other => other,
    };
    let fix = match fix(state, json.fixed_version)? {
        FixState::Fixed(version) if version.is_empty() => FixState::NotFixed,
        fix => fix,
    };
    let mut advisories = json.vendor_ids;
    if advisories.is_empty() {
        advisories.push(json.id.clone());
    }
    advisories.sort();
    advisories.dedup();
    let mut finding = Finding {
        id: json.id,
        aliases: Vec::new(),
        advisories,
        packages: vec![package],
        fix,
        fixed_since: String::new(),
        severity: SeverityChoice { severity, source },
        ratings: ratings(json.vendor_severity, json.cvss),
        title: json.title,
        description: json.description,
        published: json.published_date,
        modified: json.last_modified_date,
        cwes: json.cwe_ids,
        references: json
            .references
            .into_iter()
            .map(|url| Reference { kind: UNKNOWN_REFERENCE.to_owned(), url })
            .collect(),
        kev: None,
        epss: None,
        risk: 0,
        malicious: false,
        informational: None,
        evidence: Vec::new(),
        new: None,
    };
    finding.risk = plimsoll_match::risk(&finding);
    Ok(finding)
}

/// Words first, then vectors and scores.
fn ratings(words: Vec<(String, u8)>, cvss: Vec<(String, Cvss)>) -> Vec<Rating> {
    let word = |number| match number {
        1 => Severity::Low,
        2 => Severity::Medium,
        3 => Severity::High,
        4 => Severity::Critical,
        _ => Severity::Unknown,
    };
    let mut ratings: Vec<Rating> = words
        .into_iter()
        .map(|(source, number)| Rating { source, scale: RatingScale::Word(word(number)) })
        .collect();
    for (source, cvss) in cvss {
        let said = [
            (cvss.v40_vector, cvss.v40_score),
            (cvss.v3_vector, cvss.v3_score),
            (cvss.v2_vector, cvss.v2_score),
        ];
        ratings.extend(said.into_iter().filter_map(|(vector, score)| {
            let scale = match score {
                _ if !vector.is_empty() => RatingScale::Cvss(vector),
                Some(score) => RatingScale::Score(tenths(score)),
                None => return None,
            };
            Some(Rating { source: source.clone(), scale })
        }));
    }
    ratings
}
