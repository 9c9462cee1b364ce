//! Our own reports to scans: undoes what `json` writes.

use plimsoll_model::{
    Advice, Artifact, ArtifactKind, BaseImage, Baseline, DatabaseInfo, Decision, Finding, FixAction, Gap,
    Inventory, Layer, LayerInfo, NotAffected, Notice, OsRelease, Owner, Package, PackageKind, Platform,
    Ruling, Scan, SourcePackage, Suppressed, Undetermined, Upgrade,
};

use super::document::{
    Document, JsonAction, JsonAdvice, JsonGap, JsonNotice, JsonOwner, JsonPackage, JsonUpgrade, Metadata,
    MetadataLayer, ModifiedFinding, NamedFinding, OwnLayer, OwnReport, TargetResult,
};
use super::fault::Fault;
use super::finding::finding;
use super::{StoredScan, Writer, config};

/// The numbers that the report gives its packages, or its findings, sorted: each one's place in the list.
pub(super) struct Numbered(Vec<u64>);

impl Numbered {
    /// Puts a list in the order of its numbers.
    fn sort<T>(mut items: Vec<(u64, T)>, what: &'static str) -> Result<(Self, Vec<T>), Fault> {
        items.sort_by_key(|(number, _)| *number);
        let (numbers, items): (Vec<u64>, Vec<T>) = items.into_iter().unzip();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(Fault::at("Results", what, format_args!("{} twice", twice[0]))),
            None => Ok((Self(numbers), items)),
        }
    }

    /// The place of the one that is named.
    pub(super) fn named(&self, number: Option<u64>) -> Result<usize, Fault> {
        let number = number.ok_or_else(|| Fault::missing("", "a number of the report"))?;
        self.find(number).ok_or_else(|| Fault::at("", "a number of the report", number))
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.0.binary_search(&number).ok()
    }
}

/// The scan that the report was written from.
pub(super) fn scan(document: Document) -> Result<StoredScan, Fault> {
    let Document { artifact_name, artifact_type, metadata, mut results, plimsoll, .. } = document;
    let mut own = plimsoll.unwrap_or_default();
    let (packages, listed) = Numbered::sort(self::packages(&mut results)?, "a number for each package")?;
    let mut findings = Vec::new();
    let mut suppressed = Vec::new();
    for (at, result) in results.into_iter().enumerate() {
        for (place, vulnerability) in result.vulnerabilities.into_iter().enumerate() {
            let (number, finding, ruling) = finding(vulnerability, &packages)
                .map_err(|fault| fault.inside(format_args!("Results[{at}].Vulnerabilities[{place}]")))?;
            findings.push((number, (finding, ruling)));
        }
        for (place, modified) in result.experimental_modified_findings.into_iter().enumerate() {
            let item = self::suppressed(modified, &packages).map_err(|fault| {
                fault.inside(format_args!("Results[{at}].ExperimentalModifiedFindings[{place}]"))
            })?;
            suppressed.extend(item);
        }
    }
    let (numbers, findings) = Numbered::sort(findings, "a number for each finding")?;
    let (_, suppressed) = Numbered::sort(suppressed, "a number for each suppressed finding")?;
    let (findings, rulings): (Vec<Finding>, Vec<Option<Ruling>>) = findings.into_iter().unzip();
    let advice =
        own.advice.take().map(|advice| self::advice(advice, &packages, &numbers)).unwrap_or_default();
    let undetermined = undetermined(&mut own, &packages)?;
    let not_affected = not_affected(&mut own, &packages)?;
    let (gaps, match_gaps) = gaps(std::mem::take(&mut own.gaps));
    let os = own.os.take().map(|os| OsRelease {
        id: os.id,
        version_id: os.version_id,
        id_like: os.id_like,
        pretty_name: os.pretty_name,
        codename: os.codename,
        path: os.path,
    });
    let base = own.base_image.take().map(|base| BaseImage {
        name: base.name,
        digest: base.digest,
        layers: base.layers,
    });
    let baseline = own.baseline.take().map(|baseline| Baseline {
        name: baseline.name,
        manifest_digest: baseline.manifest_digest,
        database_digest: baseline.database_digest,
        gone: baseline.gone.into(),
    });
    let notices = notices(std::mem::take(&mut own.notices))?;
    let kind = match artifact_type.as_str() {
        "container_image" => ArtifactKind::ContainerImage,
        "filesystem" => ArtifactKind::Filesystem,
        "cyclonedx" | "spdx" => ArtifactKind::Sbom,
        other => {
            let expected = "`container_image`, `filesystem`, `cyclonedx` or `spdx`";
            return Err(Fault::at("ArtifactType", expected, other));
        }
    };
    let artifact = Artifact { name: artifact_name, kind, ..artifact(metadata, &mut own)? };
    let scan = Scan {
        inventory: Inventory { artifact, os, packages: listed, gaps, base },
        findings,
        suppressed,
        undetermined,
        not_affected,
        match_gaps,
        database: DatabaseInfo {
            digest: own.database.digest,
            updated: own.database.updated_at,
            newest_advisory: own.database.newest_advisory,
            advisories: own.database.advisories,
        },
        decision: Decision {
            verdict: own.verdict,
            rules: own.rules,
            rulings: self::rulings(rulings),
            counts: own.counts.into(),
            ignored_unfixed: own.ignored_unfixed.into(),
        },
        baseline,
        notices,
        advice,
    };
    Ok(StoredScan { scan, writer: Writer::Plimsoll, version: own.version })
}

fn packages(results: &mut [TargetResult]) -> Result<Vec<(u64, Package)>, Fault> {
    let mut packages = Vec::new();
    for (at, result) in results.iter_mut().enumerate() {
        for (place, package) in std::mem::take(&mut result.packages).into_iter().enumerate() {
            packages.push(
                self::package(package)
                    .map_err(|fault| fault.inside(format_args!("Results[{at}].Packages[{place}]")))?,
            );
        }
    }
    Ok(packages)
}

fn package(json: JsonPackage) -> Result<(u64, Package), Fault> {
    let own = json
        .plimsoll
        .ok_or_else(|| Fault::missing("Plimsoll", "the object `Plimsoll`, as all of the report have it"))?;
    let index = own.index.ok_or_else(|| Fault::missing("Plimsoll.Index", "the package's number"))?;
    let purl = json.identifier.purl;
    let kind = purl
        .strip_prefix("pkg:")
        .and_then(|rest| PackageKind::from_purl_type(rest.split('/').next()?))
        .ok_or_else(|| Fault::at("Identifier.PURL", "a package URL of a type that is known", purl))?;
    // The ID has the version whole, which its parts do not have for every kind.
    let version = json.id.strip_prefix(json.name.as_str()).and_then(|rest| rest.strip_prefix('@'));
    let Some(version) = version.map(str::to_owned) else {
        return Err(Fault::at("ID", "the package's name, `@` and its version", json.id));
    };
    let package = Package {
        kind,
        name: json.name,
        version,
        architecture: json.arch,
        source: own.source.map(|source| SourcePackage { name: source.name, version: source.version }),
        licenses: json.licenses,
        module: json.module,
        vendor: json.maintainer,
        direct: direct(json.relationship.as_deref()),
        cataloger: own.cataloger,
        path: own.path,
        inner_path: own.inner_path,
        layer: own.layer.map(layer),
        introduced_in: own.introduced_in.map(layer),
        owner: own.owner.map(owner).transpose()?,
    };
    Ok((index, package))
}

/// Whether the application names a package itself, in Trivy's words.
pub(super) fn direct(relationship: Option<&str>) -> Option<bool> {
    match relationship {
        Some("direct") => Some(true),
        Some("indirect") => Some(false),
        _ => None,
    }
}

fn layer(layer: OwnLayer) -> Layer {
    Layer { diff_id: layer.diff_id, index: layer.index }
}

fn owner(owner: JsonOwner) -> Result<Owner, Fault> {
    let JsonOwner { kind, name, version } = owner;
    match PackageKind::from_purl_type(&kind) {
        Some(kind) => Ok(Owner { kind, name, version }),
        None => Err(Fault::at("Plimsoll.Owner.Type", "the type of a package URL", kind)),
    }
}

/// A finding that does not count, with its number; `None` for what a distribution clears, which stands in
/// `Plimsoll.NotAffected` as well.
fn suppressed(modified: ModifiedFinding, packages: &Numbered) -> Result<Option<(u64, Suppressed)>, Fault> {
    let Some(own) = modified.plimsoll else { return Ok(None) };
    let kind = own.kind.ok_or_else(|| Fault::missing("Plimsoll.Kind", "`rule`, `waiver` or `vex`"))?;
    let (number, finding, _) =
        finding(modified.finding, packages).map_err(|fault| fault.inside("Finding"))?;
    let suppressed = Suppressed {
        finding,
        kind,
        by: own.by,
        reason: own.reason,
        remark: own.remark,
        until: own.until,
        origin: own.origin,
    };
    Ok(Some((number, suppressed)))
}

/// One ruling for each finding, up to the last of which the gate said anything.
fn rulings(mut rulings: Vec<Option<Ruling>>) -> Vec<Ruling> {
    let said = rulings.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    rulings.truncate(said);
    rulings.into_iter().map(Option::unwrap_or_default).collect()
}

fn undetermined(own: &mut OwnReport, packages: &Numbered) -> Result<Vec<Undetermined>, Fault> {
    let items = std::mem::take(&mut own.undetermined).into_iter().enumerate();
    items
        .map(|(at, item)| {
            let package = packages
                .named(item.pkg_index)
                .map_err(|fault| fault.inside(format_args!("Plimsoll.Undetermined[{at}].PkgIndex")))?;
            let (id, advisory, reason) = (item.vulnerability_id, item.advisory, item.reason);
            Ok(Undetermined { id, advisory, package, reason })
        })
        .collect()
}

fn not_affected(own: &mut OwnReport, packages: &Numbered) -> Result<Vec<NotAffected>, Fault> {
    let items = std::mem::take(&mut own.not_affected).into_iter().enumerate();
    items
        .map(|(at, item)| {
            let package = packages
                .named(item.pkg_index)
                .map_err(|fault| fault.inside(format_args!("Plimsoll.NotAffected[{at}].PkgIndex")))?;
            let (id, advisory, reason) = (item.vulnerability_id, item.advisory, item.reason);
            Ok(NotAffected { id, advisory, package, reason, overruled: item.overruled })
        })
        .collect()
}

/// Gaps of reading, and of matching. The report's own are made anew whenever one is written.
fn gaps(all: Vec<JsonGap>) -> (Vec<Gap>, Vec<Gap>) {
    let (mut reading, mut matching) = (Vec::new(), Vec::new());
    for JsonGap { reporter, reason, stage, path, place, diff_id } in all {
        let gap = Gap { path, place, diff_id, reporter, reason };
        match stage.as_str() {
            "report" => {}
            "matching" => matching.push(gap),
            _ => reading.push(gap),
        }
    }
    (reading, matching)
}

fn notices(notices: Vec<JsonNotice>) -> Result<Vec<Notice>, Fault> {
    let items = notices.into_iter().enumerate();
    items
        .map(|(at, JsonNotice { kind, origin, text })| {
            let place = || format!("Plimsoll.Notices[{at}].Kind");
            let kind = kind.ok_or_else(|| Fault::missing(place(), "what it is about"))?;
            Ok(Notice { kind, origin, text })
        })
        .collect()
}

/// The advice. Findings and packages that are in the report no more are left out of it.
fn advice(advice: JsonAdvice, packages: &Numbered, findings: &Numbered) -> Advice {
    let named = |items: Vec<NamedFinding>| -> Vec<usize> {
        items.iter().filter_map(|item| findings.find(item.index?)).collect()
    };
    let upgrade = |upgrade: JsonUpgrade| {
        let JsonUpgrade { name, from, to, packages: numbers, removes } = upgrade;
        let packages = numbers.into_iter().filter_map(|number| packages.find(number)).collect();
        Upgrade { name, from, to, packages, removes: named(removes) }
    };
    let action = |action: JsonAction| {
        let JsonAction { tool, title, path, lines, upgrades, remark } = action;
        FixAction { tool, title, path, lines, upgrades: upgrades.into_iter().map(upgrade).collect(), remark }
    };
    Advice {
        for_gate: advice.for_gate,
        actions: advice.actions.into_iter().map(action).collect(),
        unfixable: named(advice.unfixable),
    }
}

fn artifact(metadata: Metadata, own: &mut OwnReport) -> Result<Artifact, Fault> {
    let platform = own.platform.take().map(|text| {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        Platform { os: part(), architecture: part(), variant: part() }
    });
    Ok(Artifact {
        name: String::new(),
        kind: ArtifactKind::default(),
        manifest_digest: std::mem::take(&mut own.manifest_digest),
        config: config::text(metadata.image_config.as_deref())?,
        config_digest: metadata.image_id,
        repo_tags: metadata.repo_tags,
        repo_digests: metadata.repo_digests,
        platform,
        created: std::mem::take(&mut own.created),
        layers: metadata.layers.into_iter().map(layer_info).collect(),
    })
}

/// A layer of the image.
pub(super) fn layer_info(layer: MetadataLayer) -> LayerInfo {
    let MetadataLayer { size, digest, diff_id, created_by } = layer;
    LayerInfo { diff_id, digest, size_bytes: size, created_by }
}
