//! SUSE Linux Enterprise and openSUSE: what SUSE says of each CVE, as OVAL definitions.
//!
//! OSV publishes SUSE's advisories, by which packages are judged; this adds what those cannot tell: flaws without a fix,
//! and packages that SUSE found *not* affected. Definitions are one for each CVE and file, and the same CVE stands in the
//! files of several products; so that none takes another's place, the file's name stands behind the ID:
//! `SUSE-CVE-2024-6387/suse.linux.enterprise.server.15`.
//!
//! Left out and counted: what is said of a kernel with and without its live patches.
//!
//! Source: SUSE, "OVAL Descriptions for SUSE Linux Enterprise Products"; OVAL Language 5.11.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use plimsoll_model::{Advisory, Affected, AffectedStatus, Ecosystem, Namespace, Rating, Reference};
use plimsoll_version::{Scheme, compare};

use crate::criteria::{Leaf, Statement, UNKNOWN, Versions};
use crate::definitions::{Publisher, Unnamed, is_oval_of};
use crate::erratum::{evr_of, is_cve, is_word, range};
use crate::error::InvalidRecord;
use crate::oval::{Definition, Fact, Operation, Quality};
use crate::rating;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};

/// SUSE's judgements.
pub(crate) struct SuseOval;

static ABOUT: About = About {
    name: "suse-oval",
    title: "SUSE OVAL",
    home: "https://www.suse.com/support/security/oval/",
    licence: "CC-BY-4.0",
    base: "https://ftp.suse.com/pub/projects/security/oval/",
    brings: "Flaws of SUSE Linux Enterprise Server, Micro and openSUSE that have no fix yet, and packages that SUSE found \
             not affected; large.",
    ecosystems: &[Ecosystem::OpenSuse, Ecosystem::Suse],
    by_default: false,
    max_file_bytes: 3 << 30,
};

const PUBLISHER: Publisher = Publisher {
    class: "vulnerability",
    others: "definitions that are not of one CVE",
    name: cve,
    leaf,
    affected,
    advisory,
};

/// Files with fixed, unfixed and unaffected packages, without their common end.
const FILES: &[(Ecosystem, &str)] = &[
    (Ecosystem::OpenSuse, "opensuse.leap.15.3"),
    (Ecosystem::OpenSuse, "opensuse.leap.15.4"),
    (Ecosystem::OpenSuse, "opensuse.leap.15.5"),
    (Ecosystem::OpenSuse, "opensuse.leap.15.6"),
    (Ecosystem::OpenSuse, "opensuse.tumbleweed"),
    (Ecosystem::Suse, "suse.linux.enterprise.micro.5.5"),
    (Ecosystem::Suse, "suse.linux.enterprise.server.12"),
    (Ecosystem::Suse, "suse.linux.enterprise.server.15"),
];

/// End of the names of those files.
const AFFECTED: &str = "-affected.xml.gz";

impl Source for SuseOval {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        let is_wanted = |ecosystem| ecosystems.is_none_or(|wanted| wanted.contains(ecosystem));
        FILES
            .iter()
            .filter(|(ecosystem, _)| is_wanted(ecosystem))
            .map(|(_, name)| Feed {
                source: ABOUT.name,
                path: format!("{name}{AFFECTED}"),
                scope: (*name).to_owned(),
                kind: FeedKind::File,
            })
            .collect()
    }

    fn claims(&self, _path: &str, head: &[u8]) -> bool {
        is_oval_of(head, "org.opensuse.security:")
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let scope = if file.scope.is_empty() { stem(file.path) } else { file.scope };
        PUBLISHER.read(file, scope, sink)
    }
}

/// A file's name without what all of them have: `opensuse.leap.15.5` of `a/opensuse.leap.15.5-affected.xml.gz`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = [".gz", ".bz2", ".xml", "-affected"]
        .iter()
        .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
    if is_word(name) { name } else { "file" }
}

/// The CVE, by which a definition is titled.
fn cve(definition: &Definition) -> Result<String, Unnamed> {
    match definition.title.split_whitespace().next() {
        Some(cve) if is_cve(cve) => Ok(cve.to_owned()),
        _ => Err(Unnamed { place: definition.id.clone(), why: "expected a CVE as title, found none" }),
    }
}

fn advisory(definition: &Definition, cve: &str, scope: &str) -> Advisory {
    Advisory {
        id: format!("SUSE-{cve}/{scope}"),
        details: definition.description.clone(),
        references: references(definition),
        upstream: vec![cve.to_owned()],
        ratings: ratings(definition),
        ..Advisory::default()
    }
}

/// SUSE's own page of the CVE.
fn references(definition: &Definition) -> Vec<Reference> {
    let own = definition
        .references
        .iter()
        .find(|link| link.source == "SUSE CVE" && link.url.starts_with("https://"));
    own.map(|link| Reference { kind: "ADVISORY".to_owned(), url: link.url.clone() }).into_iter().collect()
}

/// SUSE's word, and vectors of SUSE and NVD, written `7.5/CVSS:3.1/AV:N/…`.
fn ratings(definition: &Definition) -> Vec<Rating> {
    let mut ratings = Vec::new();
    if let Some(scale) = rating::scale(&definition.severity) {
        rating::add(&mut ratings, "suse", scale);
    }
    for cve in &definition.cves {
        let source = if cve.text.ends_with(" at NVD") { "nvd" } else { "suse" };
        let vectors =
            cve.cvss.iter().map(|text| text.split_once('/').map_or(text.as_str(), |(_, vector)| vector));
        for scale in vectors.filter_map(rating::scale) {
            rating::add(&mut ratings, source, scale);
        }
    }
    ratings
}

/// One entry for each package of a product. Of several fixed versions the highest counts, since OVAL's lower ones are
/// those of earlier updates, which did not fix all of it.
fn affected(statements: Vec<Statement>) -> Vec<Affected> {
    let mut packages: BTreeMap<(Namespace, String, u8), Versions> = BTreeMap::new();
    for Statement { namespace, name, versions, .. } in statements {
        // Fixed and unfixed are the same entry, of which the unfixed stays.
        let kind = u8::from(versions == Versions::NotAffected);
        packages
            .entry((namespace, name, kind))
            .and_modify(|known| {
                if is_wider(&versions, known) {
                    known.clone_from(&versions);
                }
            })
            .or_insert_with(|| versions.clone());
    }
    packages
        .into_iter()
        .map(|((namespace, name, _), versions)| {
            let fixed = if let Versions::Before(fixed) = &versions { Some(fixed.as_str()) } else { None };
            Affected {
                ranges: vec![range("0", fixed)],
                status: match versions {
                    Versions::NotAffected => AffectedStatus::NotAffected,
                    Versions::Before(_) | Versions::All => AffectedStatus::Affected,
                },
                ..Affected::new(namespace, name)
            }
        })
        .collect()
}

fn is_wider(versions: &Versions, known: &Versions) -> bool {
    match (versions, known) {
        (Versions::Before(fixed), Versions::Before(known)) => {
            compare(Scheme::Rpm, fixed, known).is_ok_and(|order| order == Ordering::Greater)
        }
        (Versions::All, Versions::Before(_)) => true,
        _ => false,
    }
}

/// What a test of SUSE's means. Its comments name products, which its tests tell by one package for many of them.
fn leaf(fact: &Fact<'_>) -> Leaf {
    let (object, comment) = (fact.object, fact.comment.trim());
    match fact.state {
        Some((Quality::Signature | Quality::Architecture, ..)) => Leaf::Given,
        Some((Quality::Evr, Operation::LessThan, fixed)) => {
            Leaf::package(object, evr_of(fixed).map(Versions::Before))
        }
        Some((Quality::Evr, Operation::GreaterThan, "0:0-0")) => Leaf::package(object, Some(Versions::All)),
        Some((Quality::Version, Operation::Equals, "0")) => {
            Leaf::package(object, Some(Versions::NotAffected))
        }
        Some((Quality::Version | Quality::Evr, ..)) if object.ends_with("-release") => product(comment),
        Some((Quality::Evr, Operation::Equals, _)) => Leaf::Unknown("packages of one version alone"),
        None => by_comment(comment),
        Some(_) => UNKNOWN,
    }
}

/// What a test means by its comment, where the document lacks what it refers to: `bash-5.1-1.2 is installed` names the
/// fixed version.
fn by_comment(comment: &str) -> Leaf {
    if let Some(name) = comment.strip_suffix(" is not affected") {
        return Leaf::package(name, Some(Versions::NotAffected));
    }
    if let Some(name) = comment.strip_suffix(" is affected") {
        return Leaf::package(name, Some(Versions::All));
    }
    if comment.contains(" is signed with ") {
        return Leaf::Given;
    }
    let Some(installed) = comment.strip_suffix(" is installed") else { return UNKNOWN };
    if installed.contains(' ') {
        return product(comment);
    }
    let mut parts = installed.rsplitn(3, '-');
    let (Some(release), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return UNKNOWN;
    };
    Leaf::package(name, evr_of(&format!("{version}-{release}")).map(Versions::Before))
}

/// `SUSE Linux Enterprise Server 15 SP5 is installed`, `openSUSE Leap 15.5 is installed`.
fn product(comment: &str) -> Leaf {
    let name = comment.strip_suffix(" is installed").unwrap_or(comment);
    let of = |ecosystem, rest: &str| match rest.trim() {
        "" => Leaf::OtherProduct,
        rest if rest.len() > 200 => Leaf::OtherProduct,
        rest => Leaf::Product(Namespace::release(ecosystem, rest)),
    };
    if let Some(rest) = name.strip_prefix("SUSE ") {
        of(Ecosystem::Suse, rest)
    } else if let Some(rest) = name.strip_prefix("openSUSE ") {
        of(Ecosystem::OpenSuse, rest)
    } else {
        Leaf::OtherProduct
    }
}

#[cfg(test)]
#[path = "suse_oval_tests.rs"]
mod tests;
