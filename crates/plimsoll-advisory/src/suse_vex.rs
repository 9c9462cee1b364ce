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

use std::collections::{BTreeSet, HashMap};

use plimsoll_model::{AffectedStatus, Ecosystem, Namespace};

use crate::csaf::{self, Component, Products};
use crate::error::InvalidRecord;
use crate::purl_text::PurlText;
use crate::rpm_fixes;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;
use crate::text::instant;
use crate::vex::{self, Facts, Listed, Publisher, Skips, Statements, Subject};

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
};

/// The archive of all documents.
const ARCHIVE: &str = "csaf-vex.tar.bz2";
/// Under which name what is left out is counted.
const OTHER_PRODUCTS: &str = "SUSE's other products";
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
        let mut storage = String::new();
        let csaf = csaf::parse(file.bytes, &mut storage)?;
        if csaf.vulnerabilities.is_empty() {
            sink.fail(file.path.to_owned(), "expected a flaw in `vulnerabilities`, found none".to_owned());
        }
        let products = Products::of(&csaf.product_tree);
        for vulnerability in csaf.vulnerabilities.iter() {
            let Some(cve) = vex::cve(&csaf, vulnerability) else {
                sink.fail(file.path.to_owned(), "expected a flaw with a CVE, found one without".to_owned());
                continue;
            };
            if csaf::is_rejected(vex::description(&csaf, vulnerability)) {
                let modified = instant(&csaf.document.tracking.current_release_date);
                sink.withdrawn(format!("{}{cve}", PUBLISHER.prefix), modified);
                continue;
            }
            let facts = Facts::of(&csaf, vulnerability, PUBLISHER.name);
            let mut reader = Reader {
                products: &products,
                namespaces: HashMap::new(),
                sources: BTreeSet::new(),
                skips: Skips::new(),
            };
            let mut statements = Statements::new();
            for (listed, id) in vex::listed(vulnerability) {
                reader.statement(listed, id, &facts, &mut statements);
            }
            let stale = reader.stale(&statements);
            statements.retain(|subject, _| !stale.contains(subject));
            PUBLISHER.hand_over((&csaf, vulnerability), facts, statements, &reader.skips, sink);
        }
        Ok(())
    }
}

/// Reads the statements of one flaw.
struct Reader<'t> {
    products: &'t Products<'t>,
    /// Namespaces of the platforms that were met, by product ID.
    namespaces: HashMap<&'t str, Option<Namespace>>,
    /// The source packages of which a fixed binary package was met.
    sources: BTreeSet<(Namespace, String)>,
    skips: Skips,
}

impl Reader<'_> {
    fn statement(&mut self, listed: Listed, id: &str, facts: &Facts<'_>, statements: &mut Statements) {
        let Some(component) = self.products.component(id) else {
            let is_product = self.products.product(id).is_some();
            self.skip(if is_product { Skip::Other(OTHER_PRODUCTS.to_owned()) } else { Skip::NoPackage });
            return;
        };
        let platform = component.platform;
        let named = if platform.name.is_empty() { &platform.id } else { &platform.name };
        let namespace = self.namespaces.entry(&platform.id).or_insert_with(|| namespace(named));
        let Some(namespace) = namespace.clone() else {
            self.skip(Skip::Other(OTHER_PRODUCTS.to_owned()));
            return;
        };
        let package = if listed == Listed::Fixed {
            fixed(&component)
        } else {
            let name = component.reference.to_owned();
            Some(Package { name, version: String::new(), source: String::new() })
        };
        let Some(package) = package.filter(|package| vex::is_name(&package.name)) else {
            self.skip(if listed == Listed::Fixed { Skip::NoVersions } else { Skip::NoPackage });
            return;
        };
        if !package.source.is_empty() {
            self.sources.insert((namespace.clone(), package.source));
        }
        let said =
            statements.entry(Subject { namespace, name: package.name, module: String::new() }).or_default();
        match listed {
            Listed::Fixed => {
                said.fixes.insert(package.version);
            }
            Listed::Affected => match facts.remediation(id).0 {
                AffectedStatus::WillNotFix => said.unfixed(AffectedStatus::WillNotFix, "no fix planned"),
                status => said.unfixed(status, ""),
            },
            Listed::UnderInvestigation => said.unfixed(AffectedStatus::UnderInvestigation, ""),
            Listed::NotAffected => said.unfixed(AffectedStatus::NotAffected, &facts.justification(id)),
        }
        facts.add_ratings(id, &mut said.ratings);
    }

    /// The subjects whose statement is overtaken by a fix under another name.
    fn stale(&self, statements: &Statements) -> BTreeSet<Subject> {
        let mut stale = BTreeSet::new();
        for (subject, said) in statements {
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
                .any(|namespace| self.sources.contains(&(namespace, subject.name.clone())));
            if is_fixed_by_ltss || (is_source_of_fixed && *status != AffectedStatus::WillNotFix) {
                stale.insert(subject.clone());
            }
        }
        stale
    }

    fn skip(&mut self, skip: Skip) {
        *self.skips.entry(skip).or_default() += 1;
    }
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

/// A binary package that a statement names.
struct Package {
    name: String,
    /// Empty where the statement is on no version.
    version: String,
    /// The source package; empty where it is not told.
    source: String,
}

/// The fixed build, by its package URL, or else by its ID: `libpcre1-8.39-8.3.1`. `None` for one without a version
/// that can be ordered.
fn fixed(component: &Component<'_>) -> Option<Package> {
    let purl = component.product.and_then(|product| PurlText::split(product.purl()));
    let purl = purl.filter(|purl| purl.kind == "rpm");
    let source = purl.and_then(|purl| purl.qualifier("upstream")).and_then(|file| {
        split_build(file.trim_end_matches(".rpm").trim_end_matches(".src")).map(|(name, _)| name)
    });
    let by_purl = purl.and_then(|purl| {
        let version = purl.version();
        let epoch = purl.qualifier("epoch").filter(|epoch| &**epoch != "0");
        let version = epoch.map_or_else(|| version.to_string(), |epoch| format!("{epoch}:{version}"));
        version.contains('-').then(|| (purl.name().into_owned(), version))
    });
    let (name, version) = by_purl.or_else(|| split_build(component.reference))?;
    rpm_fixes::is_version(&version).then(|| Package { name, version, source: source.unwrap_or_default() })
}

/// Name and version of `name-version-release`, an architecture behind it or not.
fn split_build(build: &str) -> Option<(String, String)> {
    const ARCHITECTURES: &[&str] =
        &[".aarch64", ".i586", ".i686", ".noarch", ".ppc64le", ".s390x", ".src", ".x86_64"];
    let build = ARCHITECTURES.iter().find_map(|end| build.strip_suffix(end)).unwrap_or(build);
    let (rest, release) = build.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let is_build =
        !name.is_empty() && !release.is_empty() && version.starts_with(|c: char| c.is_ascii_digit());
    is_build.then(|| (name.to_owned(), format!("{version}-{release}")))
}

#[cfg(test)]
#[path = "suse_vex_tests.rs"]
mod tests;
