//! SUSE's VEX documents: one for each CVE, on SUSE Linux Enterprise and openSUSE.
//!
//! Products are told by their names, which are those that OSV has too: `SUSE Linux Enterprise Server 15 SP5` is
//! `SUSE:Linux Enterprise Server 15 SP5`, `openSUSE Leap 15.5` is `openSUSE:Leap 15.5`. CPEs do not tell them apart:
//! variants for one vendor or board bear that of the server. Kept are the server with and without LTSS, its modules,
//! Micro, and openSUSE; desktops, high availability, SAP, cloud images and containers are left out and counted.
//!
//! What is peculiar to these documents:
//!
//! - Fixed packages stand under `recommended` and `first_fixed`, `fixed` is hardly used. A version is said of several
//!   builds; the lowest of each upstream version counts, see [`crate::rpm_fixes::by_upstream_version`].
//! - A package without a version is named by its ID. The package URL beside it takes a number at the end of a name for
//!   a version, as in `libjavascriptcoregtk-4_0-18`.
//! - When a service pack leaves general support, its server stays listed as affected though LTSS, which goes on with
//!   the same packages, has the fix. There LTSS speaks, whose namespace a scan asks after the server's.
//! - Beside binary packages their source package is listed as affected, and stays so when all binaries are fixed. It
//!   is passed over where a fix of one of its binaries is named, unless it is said that it will not be fixed.
//! - `no_fix_planned` names more packages than are affected, and counts for those alone that are.
//! - A CVE that was rejected keeps its document; it is withdrawn.
//!
//! Source: SUSE, "CSAF" (security data of suse.com), "SUSE Security Data considerations"; the documents themselves.

use std::collections::BTreeSet;

use plimsoll_model::{AffectedStatus, Ecosystem, Namespace};

use crate::csaf::{self, Component, Product, Products};
use crate::error::InvalidRecord;
use crate::purl_text::PurlText;
use crate::rpm_fixes;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;
use crate::vex::{self, FixedSources, Listed, Package, Publisher, Statements, Subject};

/// One document a CVE, one archive of all of them.
pub(crate) struct SuseVex;

static ABOUT: About = About {
    name: "suse-vex",
    title: "SUSE VEX documents",
    home: "https://www.suse.com/support/security/csaf/",
    licence: "CC-BY-4.0",
    base: "https://ftp.suse.com/pub/projects/security/",
    brings: "flaws of SUSE Linux Enterprise and openSUSE before there is a fix, those that will not be fixed, and what \
             is not affected; some hundred megabytes; says the same of all binary packages of a source package",
    ecosystems: &[Ecosystem::OpenSuse, Ecosystem::Suse],
    by_default: false,
    max_file_bytes: 256 * 1024 * 1024,
};

const PUBLISHER: Publisher = Publisher {
    prefix: "SUSE-",
    name: "suse",
    has_titles: false,
    range: |fixes| rpm_fixes::by_upstream_version(fixes),
    keeps_rejected: true,
    other_products: "SUSE's other products",
    namespace: namespace_of,
    is_other: |_| true,
    package,
    remark: |status, _| {
        let words = if status == AffectedStatus::WillNotFix { "no fix planned" } else { "" };
        words.to_owned()
    },
    settle,
};

/// The archive of all documents.
const ARCHIVE: &str = "csaf-vex.tar.bz2";
/// Behind the release of a server whose support was prolonged.
const LTSS: &str = "-LTSS";

impl Source for SuseVex {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        let is_wanted = |ecosystem| ecosystems.is_none_or(|wanted| wanted.contains(ecosystem));
        if !ABOUT.ecosystems.iter().any(is_wanted) {
            return Vec::new();
        }
        vec![Feed {
            source: ABOUT.name,
            path: ARCHIVE.to_owned(),
            scope: String::new(),
            kind: FeedKind::File,
        }]
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        // A long description may stand before the publisher's address, and the notice of copyright before that.
        csaf::is_vex_of(path, head, &["\"https://www.suse.com/", " SUSE LLC."])
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        PUBLISHER.read(file, sink)
    }
}

/// Removes the statements that are overtaken by a fix under another name.
fn settle(statements: &mut Statements, sources: &FixedSources) {
    let mut stale = BTreeSet::new();
    for (subject, said) in &*statements {
        let Some((status, _)) = said.unfixed.as_ref().filter(|_| said.fixes.is_empty()) else { continue };
        if *status == AffectedStatus::NotAffected {
            continue;
        }
        let prolonged = Namespace {
            ecosystem: subject.namespace.ecosystem,
            release: format!("{}{LTSS}", subject.namespace.release),
        };
        let as_prolonged = Subject { namespace: prolonged.clone(), ..subject.clone() };
        let is_fixed_by_ltss = statements.get(&as_prolonged).is_some_and(|said| !said.fixes.is_empty());
        let is_source_of_fixed = [subject.namespace.clone(), prolonged]
            .into_iter()
            .any(|namespace| sources.contains(&(namespace, subject.name.clone())));
        if is_fixed_by_ltss || (is_source_of_fixed && *status != AffectedStatus::WillNotFix) {
            stale.insert(subject.clone());
        }
    }
    statements.retain(|subject, _| !stale.contains(subject));
}

fn namespace_of(product: &Product<'_>) -> Option<Namespace> {
    namespace(if product.name.is_empty() { &product.id } else { &product.name })
}

/// The namespace of a product by its name. `None` for one that no image is of.
fn namespace(product: &str) -> Option<Namespace> {
    if let Some(release) = product.strip_prefix("openSUSE ") {
        let is_known = release == "Tumbleweed" || release.starts_with("Leap ");
        return is_known.then(|| Namespace::release(Ecosystem::OpenSuse, release));
    }
    let release = product.strip_prefix("SUSE ")?;
    let suse = |release: &str| Some(Namespace::release(Ecosystem::Suse, release));
    if let Some(version) = release.strip_prefix("Linux Enterprise Server ") {
        // `15 SP1-LTSS`, and in older documents `15 SP1 LTSS`.
        let plain = version.strip_suffix(LTSS).or_else(|| version.strip_suffix(" LTSS"));
        let base = plain.unwrap_or(version);
        let ltss = if plain.is_some() { LTSS } else { "" };
        return is_release(base).then(|| suse(&format!("Linux Enterprise Server {base}{ltss}")))?;
    }
    let of_numbered = ["Linux Enterprise Micro ", "Linux Micro "];
    if let Some(version) = of_numbered.iter().find_map(|name| release.strip_prefix(name)) {
        return is_release(version).then(|| suse(release))?;
    }
    release.strip_prefix("Linux Enterprise Module for ").and_then(|_| suse(release))
}

/// `15`, `15 SP5`, `16.0`.
fn is_release(text: &str) -> bool {
    let (version, pack) = text.split_once(" SP").unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    version.split('.').all(is_number) && is_number(pack)
}

/// The package that a component is.
fn package<'t>(
    component: &Component<'t>,
    listed: Listed,
    _: &Products<'t>,
) -> Result<Option<Package<'t>>, Skip> {
    let (package, none) = match listed {
        Listed::Fixed => (fixed(component), Skip::NoVersions),
        _ => (Some(Package::of(component.reference)), Skip::NoPackage),
    };
    package.filter(|package| vex::is_name(&package.name)).map(Some).ok_or(none)
}

/// The fixed build, by its package URL, or else by its ID: `libpcre1-8.39-8.3.1`. `None` for one without a version
/// that can be ordered.
fn fixed<'t>(component: &Component<'t>) -> Option<Package<'t>> {
    let purl = component.product.and_then(|product| PurlText::split(product.purl()));
    let purl = purl.filter(|purl| purl.kind == "rpm");
    let source = purl.and_then(|purl| purl.qualifier("upstream")).and_then(|file| {
        split_build(file.trim_end_matches(".rpm").trim_end_matches(".src")).map(|(name, _)| name.to_owned())
    });
    let by_purl = purl.and_then(|purl| {
        let version = purl.version();
        let epoch = purl.qualifier("epoch").filter(|epoch| &**epoch != "0");
        let version = epoch.map_or_else(|| version.to_string(), |epoch| format!("{epoch}:{version}"));
        version.contains('-').then(|| (purl.name(), version))
    });
    let by_id = || split_build(component.reference).map(|(name, version)| (name.into(), version));
    let (name, version) = by_purl.or_else(by_id)?;
    let source = source.unwrap_or_default();
    rpm_fixes::is_version(&version).then(|| Package { name, module: "".into(), version, source })
}

/// Name and version of `name-version-release`, an architecture behind it or not.
fn split_build(build: &str) -> Option<(&str, String)> {
    const ARCHITECTURES: &[&str] =
        &[".aarch64", ".i586", ".i686", ".noarch", ".ppc64le", ".s390x", ".src", ".x86_64"];
    let build = ARCHITECTURES.iter().find_map(|end| build.strip_suffix(end)).unwrap_or(build);
    let (rest, release) = build.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let is_build =
        !name.is_empty() && !release.is_empty() && version.starts_with(|c: char| c.is_ascii_digit());
    is_build.then(|| (name, format!("{version}-{release}")))
}

#[cfg(test)]
#[path = "suse_vex_tests.rs"]
mod tests;
