//! Oracle Linux: its errata as OVAL definitions.
//!
//! Oracle builds some packages more than once: user-space live patches with `ksplice` in the release
//! (`2:2.34-60.0.3.ksplice1.el9`), and builds certified by FIPS 140 with `_fips` (`10:3.6.16-8.el8_9.1_fips`), which are
//! numbered higher than the ordinary build with the same fix, partly by their epoch. An erratum of such a build says
//! nothing of an ordinary one. They are kept, each as an entry of its own: *the mark in the release of the fixed version
//! tells*, and a note says it to people. A matcher must compare a package with those entries alone whose fixed
//! version bears the mark of the package's own version, or, for a package without a mark, with those that bear none.
//!
//! The data name what was fixed; a flaw that Oracle has not fixed, or has not judged, does not appear.
//!
//! Source: <https://linux.oracle.com/security/oval/>; OVAL Language 5.11.

use plimsoll_model::{Advisory, Ecosystem, Namespace, Reference};

use crate::criteria::{Leaf, Statement, UNKNOWN, Versions};
use crate::definitions::{Publisher, Unnamed, is_oval_of};
use crate::erratum::{self, Fixes, Key, evr_of, is_cve, is_id, is_word};
use crate::error::InvalidRecord;
use crate::oval::{Definition, Fact, Operation, Quality};
use crate::rating;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};

/// Oracle's errata.
pub(crate) struct Oracle;

static ABOUT: About = About {
    name: "oracle",
    title: "Oracle Linux errata",
    home: "https://linux.oracle.com/security/",
    licence: "not stated",
    base: "https://linux.oracle.com/security/oval/",
    brings: "Fixed versions and severities of Oracle Linux, its modules, and its builds for ksplice and FIPS, which are in \
             no other source; nothing of flaws without a fix.",
    ecosystems: &[Ecosystem::OracleLinux],
    by_default: true,
    max_file_bytes: 2 << 30,
};

const PUBLISHER: Publisher = Publisher {
    class: "patch",
    others: "definitions that are no patches",
    name,
    leaf,
    affected: |statements| fixes(statements).into_affected(),
    advisory,
};

/// All errata there are.
const ALL: &str = "com.oracle.elsa-all.xml.bz2";

/// The package by whose version a release of Oracle Linux is told.
const RELEASE_PACKAGES: &[&str] = &["oraclelinux-release", "enterprise-release"];

impl Source for Oracle {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::OracleLinux)) {
            return Vec::new();
        }
        let (path, scope) = (ALL.to_owned(), Ecosystem::OracleLinux.name().to_owned());
        vec![Feed { source: ABOUT.name, path, scope, kind: FeedKind::File }]
    }

    fn claims(&self, _path: &str, head: &[u8]) -> bool {
        is_oval_of(head, "com.oracle.elsa:")
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        PUBLISHER.read(file, file.scope, sink)
    }
}

fn name(definition: &Definition) -> Result<String, Unnamed> {
    let id = id_of(definition);
    if is_id(&id) {
        return Ok(id);
    }
    let place = if id.is_empty() { definition.id.clone() } else { id };
    Err(Unnamed { place, why: "expected an `ELSA-…`, found none" })
}

/// `ELSA-2024-1234`, from the links or else from the title.
fn id_of(definition: &Definition) -> String {
    let own = definition.references.iter().find(|link| link.source.eq_ignore_ascii_case("elsa"));
    if let Some(link) = own {
        return link.id.clone();
    }
    let first = definition.title.split([':', ' ']).next().unwrap_or_default();
    if first.starts_with("ELSA-") { first.to_owned() } else { String::new() }
}

fn advisory(definition: &Definition, id: &str, _scope: &str) -> Advisory {
    let mut ratings = Vec::new();
    if let Some(scale) = rating::scale(&definition.severity) {
        rating::add(&mut ratings, ABOUT.name, scale);
    }
    let page = definition.references.iter().find(|link| link.id == id && link.url.starts_with("https://"));
    Advisory {
        id: id.to_owned(),
        summary: erratum::summary(&definition.title, id),
        details: definition.description.clone(),
        references: page
            .map(|link| Reference { kind: "ADVISORY".to_owned(), url: link.url.clone() })
            .into_iter()
            .collect(),
        upstream: cves(definition),
        ratings,
        ..Advisory::default()
    }
}

fn cves(definition: &Definition) -> Vec<String> {
    let links = definition.references.iter().map(|link| link.id.as_str());
    let named = definition.cves.iter().map(|cve| cve.text.as_str());
    let mut cves: Vec<String> = links.chain(named).filter(|id| is_cve(id)).map(str::to_owned).collect();
    cves.sort_unstable();
    cves.dedup();
    cves
}

fn fixes(statements: Vec<Statement>) -> Fixes {
    let mut fixes = Fixes::default();
    for statement in statements {
        let Versions::Before(end) = statement.versions else { continue };
        let Statement { namespace, name, module, .. } = statement;
        let note = note(&end).to_owned();
        fixes.add(Key { namespace, name, module, note }, "0", end);
    }
    fixes
}

/// A remark on entries of builds that are set apart by a mark in their release: `.ksplice1.`, `_fips`; empty for those of
/// ordinary builds.
fn note(fixed: &str) -> &'static str {
    let release = fixed.split_once('-').map_or("", |(_, release)| release);
    match (release.contains(".ksplice"), release.contains("_fips")) {
        (true, true) => "of builds for ksplice and FIPS 140 alone",
        (true, false) => "of builds for ksplice alone",
        (false, true) => "of builds for FIPS 140 alone",
        (false, false) => "",
    }
}

/// What a test of Oracle's means.
fn leaf(fact: &Fact<'_>) -> Leaf {
    let is_release = RELEASE_PACKAGES.contains(&fact.object);
    match fact.state {
        Some((Quality::Version, _, version)) if is_release => release(version.trim_start_matches('^')),
        Some((Quality::Signature | Quality::Architecture | Quality::Release, ..)) => Leaf::Given,
        Some((Quality::Evr, Operation::LessThan, fixed)) => package(fact.object, fixed),
        Some((Quality::Text, Operation::PatternMatch, text)) => match module(fact.pattern, text) {
            Some(module) => Leaf::Module(module),
            None => by_comment(fact.comment),
        },
        _ => by_comment(fact.comment),
    }
}

/// What a test means by its comment, where the document lacks what it refers to.
fn by_comment(comment: &str) -> Leaf {
    let comment = comment.trim();
    let between = |start: &str, end: &str| comment.strip_prefix(start)?.strip_suffix(end);
    if let Some(version) = between("Oracle Linux ", " is installed") {
        return release(version);
    }
    if let Some(module) = between("Module ", " is enabled") {
        return if is_word(module) { Leaf::Module(module.to_owned()) } else { UNKNOWN };
    }
    if let Some((name, fixed)) = comment.split_once(" is earlier than ") {
        return package(name, fixed);
    }
    let given = [" is signed with ", "Oracle Linux arch is ", " is ksplice-based", " is fips patched"];
    if given.iter().any(|given| comment.contains(given)) { Leaf::Given } else { UNKNOWN }
}

/// The release whose version begins so: `9`, `8.4`.
fn release(version: &str) -> Leaf {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    match &version[..end] {
        major if (1..=2).contains(&major.len()) => {
            Leaf::Product(Namespace::release(Ecosystem::OracleLinux, major))
        }
        _ => Leaf::OtherProduct,
    }
}

fn package(name: &str, fixed: &str) -> Leaf {
    // That a package is earlier than nothing says that an erratum did not build it.
    if matches!(fixed, "0" | "0:0" | "0:0-0") {
        return Leaf::Unknown("packages that an erratum names without a build");
    }
    Leaf::package(name, evr_of(fixed).map(Versions::Before))
}

/// A module's stream, from the expressions that find it in the module's file: `\[nodejs\][\w\W]*` and
/// `\nstream\s*=\s*18\b[\w\W]*\nstate\s*=\s*(enabled|1|true)|…` are `nodejs:18`.
fn module(pattern: &str, text: &str) -> Option<String> {
    let name = pattern.strip_prefix(r"\[")?.split_once(r"\]")?.0;
    let stream = text.split_once(r"stream\s*=\s*")?.1;
    let end = stream.find([']', '[', '|', '(', '*']).unwrap_or(stream.len());
    let stream = stream[..end].trim_end_matches(r"\b");
    let module = format!("{}:{}", name.replace('\\', ""), stream.replace('\\', ""));
    is_word(&module).then_some(module)
}

#[cfg(test)]
#[path = "oracle_tests.rs"]
mod tests;
