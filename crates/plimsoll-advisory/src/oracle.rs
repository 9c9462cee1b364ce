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

use crate::criteria::{Criteria, Leaf, Statement, Versions};
use crate::erratum::{self, Fixes, Key, evr_of, is_cve, is_id, is_word, moment};
use crate::error::InvalidRecord;
use crate::oval::{Definition, Fact, Operation, Oval, Quality};
use crate::rating;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;

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
        let head = String::from_utf8_lossy(head);
        head.contains("oval_definitions") && head.contains("com.oracle.elsa:")
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let oval = Oval::read(file.bytes)?;
        let mut criteria = Criteria::new(&oval, &leaf);
        for definition in &oval.definitions {
            read_definition(file.path, &mut criteria, definition, sink);
        }
        Ok(())
    }
}

fn read_definition(path: &str, criteria: &mut Criteria<'_>, definition: &Definition, sink: &mut Sink<'_>) {
    if definition.class != "patch" {
        sink.skip(Skip::Other("definitions that are no patches".to_owned()));
        return;
    }
    let id = id_of(definition);
    let place = format!("{path}: {}", if id.is_empty() { &definition.id } else { &id });
    if !is_id(&id) {
        sink.fail(place, "expected an `ELSA-…`, found none".to_owned());
        return;
    }
    if let Some(trouble) = &definition.trouble {
        sink.fail(place, format!("expected a definition, found {trouble}"));
        return;
    }
    let (statements, unknown) = match criteria.of(definition) {
        Ok(statements) => statements,
        Err(found) => {
            sink.fail(place, format!("expected criteria of packages, found {found}"));
            return;
        }
    };
    for (why, count) in unknown {
        (0..count).for_each(|_| sink.skip(Skip::Other(why.to_owned())));
    }
    let published = moment(&definition.issued);
    let modified = match moment(&definition.updated) {
        updated if updated.is_empty() => published.clone(),
        updated => updated,
    };
    let affected = fixes(statements).into_affected();
    if affected.is_empty() {
        sink.empty(id, modified);
        return;
    }
    let mut ratings = Vec::new();
    if let Some(scale) = rating::scale(&definition.severity) {
        rating::add(&mut ratings, ABOUT.name, scale);
    }
    let page = definition.references.iter().find(|link| link.id == id && link.url.starts_with("https://"));
    sink.advisory(Advisory {
        summary: erratum::summary(&definition.title, &id),
        details: definition.description.clone(),
        published,
        modified,
        references: page
            .map(|link| Reference { kind: "ADVISORY".to_owned(), url: link.url.clone() })
            .into_iter()
            .collect(),
        upstream: cves(definition),
        ratings,
        affected,
        id,
        ..Advisory::default()
    });
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
        _ if fact.none => Leaf::Unknown("criteria that packages must not be there"),
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

const UNKNOWN: Leaf = Leaf::Unknown("criteria that are not understood");

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
    match evr_of(fixed).filter(|_| is_word(name)) {
        Some(fixed) => Leaf::Package { name: name.to_owned(), versions: Versions::Before(fixed) },
        None => Leaf::Unknown("packages without a range or version that can be compared"),
    }
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
