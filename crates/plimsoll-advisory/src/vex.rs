//! From the statements of a VEX document to an advisory: what the sources of this format have in common.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use plimsoll_model::{Advisory, Affected, AffectedRange, AffectedStatus, Namespace, Rating, Reference};

use crate::csaf::{self, Component, Csaf, Note, Product, Products, Vulnerability};
use crate::error::InvalidRecord;
use crate::rpm_fixes;
use crate::seam::{FeedFile, Sink};
use crate::skip::Skip;
use crate::text::instant;
use crate::vex_facts::Facts;

/// Longest name of a package or module, in bytes; a longer one is none.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// What a product ID is listed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// It holds the fix.
    Fixed,
    /// It is affected.
    Affected,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It is not affected.
    NotAffected,
}

/// All product IDs of a flaw, in the order of the lists.
fn listed<'v>(vulnerability: &'v Vulnerability<'_>) -> impl Iterator<Item = (Listed, &'v str)> {
    let status = &vulnerability.product_status;
    [
        (Listed::Fixed, &status.fixed),
        (Listed::Fixed, &status.first_fixed),
        (Listed::Fixed, &status.recommended),
        (Listed::Affected, &status.known_affected),
        (Listed::Affected, &status.first_affected),
        (Listed::Affected, &status.last_affected),
        (Listed::UnderInvestigation, &status.under_investigation),
        (Listed::NotAffected, &status.known_not_affected),
    ]
    .into_iter()
    .flat_map(|(listed, ids)| ids.iter().map(move |id| (listed, &**id)))
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// The product's namespace.
    pub(crate) namespace: Namespace,
    /// The package.
    pub(crate) name: String,
    /// The module stream, `nodejs:18`; empty for none.
    pub(crate) module: String,
}

/// What a document says of one subject, put together from the statements on its architectures and repositories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Builds that hold the fix.
    pub(crate) fixes: BTreeSet<String>,
    /// What is said of it as a whole.
    pub(crate) unfixed: Option<(AffectedStatus, String)>,
    /// Severities that are not the document's own.
    pub(crate) ratings: Vec<Rating>,
}

impl Said {
    /// Takes a statement on all versions. Of several the one that asks for more counts, so that "not affected" holds
    /// only where nothing else is said.
    pub(crate) fn unfixed(&mut self, status: AffectedStatus, note: &str) {
        let weight = |status: &AffectedStatus| match status {
            AffectedStatus::Affected => 0,
            AffectedStatus::FixDeferred => 1,
            AffectedStatus::UnderInvestigation => 2,
            AffectedStatus::WillNotFix => 3,
            AffectedStatus::EndOfLife => 4,
            AffectedStatus::NotAffected => 5,
        };
        if self.unfixed.as_ref().is_none_or(|(said, _)| weight(&status) < weight(said)) {
            self.unfixed = Some((status, note.to_owned()));
        }
    }
}

/// All that a document says, by subject.
pub(crate) type Statements = BTreeMap<Subject, Said>;

/// Source packages of which a fixed binary package was met.
pub(crate) type FixedSources = BTreeSet<(Namespace, String)>;

/// A package that a statement names.
pub(crate) struct Package<'t> {
    /// Its name.
    pub(crate) name: Cow<'t, str>,
    /// Its module stream; empty for none.
    pub(crate) module: Cow<'t, str>,
    /// Empty where the statement is on no version.
    pub(crate) version: String,
    /// Its source package; empty where that is not told.
    pub(crate) source: String,
}

impl<'t> Package<'t> {
    /// One of no module, version or source package that is known.
    pub(crate) fn of(name: &'t str) -> Self {
        Self { name: name.into(), module: "".into(), version: String::new(), source: String::new() }
    }
}

/// What tells one publisher from another when an advisory is made.
pub(crate) struct Publisher {
    /// Put before the CVE: `REDHAT-`.
    pub(crate) prefix: &'static str,
    /// Who gave the severities: `redhat`.
    pub(crate) name: &'static str,
    /// Whether it gives its documents titles that tell of the flaw.
    pub(crate) has_titles: bool,
    /// The range of a package from its fixed builds.
    pub(crate) range: fn(&BTreeSet<String>) -> Option<AffectedRange>,
    /// Whether it keeps documents of CVEs that were rejected.
    pub(crate) keeps_rejected: bool,
    /// Under which name products are counted that are not read.
    pub(crate) other_products: &'static str,
    /// The namespace of a product; `None` for one that is not read.
    pub(crate) namespace: fn(&Product<'_>) -> Option<Namespace>,
    /// Whether a product that is listed by itself, without a package, is one of the others.
    pub(crate) is_other: fn(&Product<'_>) -> bool,
    /// The package of a component; `Ok(None)` for a part that another statement speaks for.
    pub(crate) package:
        for<'t> fn(&Component<'t>, Listed, &Products<'t>) -> Result<Option<Package<'t>>, Skip>,
    /// The remark on an affected package, from what is to be expected and the publisher's words for it.
    pub(crate) remark: fn(AffectedStatus, &str) -> String,
    /// Removes the statements of a flaw that another statement has overtaken.
    pub(crate) settle: fn(&mut Statements, &FixedSources),
}

impl Publisher {
    /// Hands all flaws of a document to the sink.
    ///
    /// # Errors
    /// [`InvalidRecord`] for what [`csaf::parse`] refuses.
    pub(crate) fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let mut storage = String::new();
        let csaf = csaf::parse(file.bytes, &mut storage)?;
        if csaf.vulnerabilities.is_empty() {
            sink.fail(file.path.to_owned(), "expected a flaw in `vulnerabilities`, found none".to_owned());
        }
        let products = Products::of(&csaf.product_tree);
        for vulnerability in csaf.vulnerabilities.iter() {
            let Some(cve) = cve(&csaf, vulnerability) else {
                sink.fail(file.path.to_owned(), "expected a flaw with a CVE, found one without".to_owned());
                continue;
            };
            if self.keeps_rejected && csaf::is_rejected(description(&csaf, vulnerability)) {
                let modified = instant(&csaf.document.tracking.current_release_date);
                sink.withdrawn(format!("{}{cve}", self.prefix), modified);
                continue;
            }
            let facts = Facts::of(&csaf, vulnerability, self.name);
            let mut reader = Reader {
                publisher: self,
                products: &products,
                facts: &facts,
                namespaces: HashMap::new(),
                sources: FixedSources::new(),
                statements: Statements::new(),
            };
            for (listed, id) in listed(vulnerability) {
                if let Err(skip) = reader.statement(listed, id) {
                    sink.skip(skip);
                }
            }
            let Reader { mut statements, sources, .. } = reader;
            (self.settle)(&mut statements, &sources);
            self.hand_over((&csaf, vulnerability), facts, statements, sink);
        }
        Ok(())
    }

    /// Hands a flaw and all that is said of it to the sink.
    fn hand_over(
        &self,
        (csaf, vulnerability): (&Csaf<'_>, &Vulnerability<'_>),
        facts: Facts<'_>,
        statements: Statements,
        sink: &mut Sink<'_>,
    ) {
        let id = format!("{}{}", self.prefix, cve(csaf, vulnerability).unwrap_or_default());
        let modified = instant(&csaf.document.tracking.current_release_date);
        let title =
            [&*vulnerability.title, &*csaf.document.title].into_iter().find(|title| !title.is_empty());
        let affected: Vec<Affected> =
            statements.into_iter().filter_map(|(subject, said)| self.affected(subject, said)).collect();
        if affected.is_empty() {
            sink.empty(id, modified);
            return;
        }
        sink.advisory(Advisory {
            upstream: cve(csaf, vulnerability).map(str::to_owned).into_iter().collect(),
            summary: title.filter(|_| self.has_titles).unwrap_or_default().to_owned(),
            details: description(csaf, vulnerability).to_owned(),
            published: instant(&csaf.document.tracking.initial_release_date),
            references: references(csaf, vulnerability),
            ratings: facts.of_flaw,
            cwes: vulnerability
                .cwe
                .iter()
                .filter(|cwe| cwe.id.starts_with("CWE-"))
                .map(|cwe| cwe.id.to_string())
                .collect(),
            affected,
            modified,
            id,
            ..Advisory::default()
        });
    }

    /// A fix counts more than what is said of the package as a whole: such a statement stays behind in a document
    /// after the fix has come.
    fn affected(&self, subject: Subject, said: Said) -> Option<Affected> {
        let mut affected = Affected::new(subject.namespace, subject.name);
        affected.module = subject.module;
        affected.ratings = said.ratings;
        if let Some(range) = (self.range)(&said.fixes) {
            affected.ranges.push(range);
            return Some(affected);
        }
        (affected.status, affected.note) = said.unfixed?;
        affected.ranges.push(rpm_fixes::unfixed());
        Some(affected)
    }
}

/// Reads the statements of one flaw.
struct Reader<'r, 't> {
    publisher: &'r Publisher,
    products: &'r Products<'t>,
    facts: &'r Facts<'r>,
    /// Namespaces of the platforms that were met, by product ID.
    namespaces: HashMap<&'t str, Option<Namespace>>,
    sources: FixedSources,
    statements: Statements,
}

impl Reader<'_, '_> {
    /// Takes that a product ID is listed so, or says why it is left out.
    fn statement(&mut self, listed: Listed, id: &str) -> Result<(), Skip> {
        let Self { publisher, products, facts, .. } = *self;
        let other = || Skip::Other(publisher.other_products.to_owned());
        let Some(component) = products.component(id) else {
            let is_other = products.product(id).is_some_and(publisher.is_other);
            return Err(if is_other { other() } else { Skip::NoPackage });
        };
        let platform = component.platform;
        let namespace =
            self.namespaces.entry(&platform.id).or_insert_with(|| (publisher.namespace)(platform));
        let namespace = namespace.clone().ok_or_else(other)?;
        let Some(package) = (publisher.package)(&component, listed, products)? else { return Ok(()) };
        if !package.source.is_empty() {
            self.sources.insert((namespace.clone(), package.source));
        }
        let subject =
            Subject { namespace, name: package.name.into_owned(), module: package.module.into_owned() };
        let said = self.statements.entry(subject).or_default();
        match listed {
            Listed::Fixed => {
                said.fixes.insert(package.version);
            }
            Listed::Affected => {
                let (status, words) = facts.remediation(id);
                said.unfixed(status, &(publisher.remark)(status, words));
            }
            Listed::UnderInvestigation => said.unfixed(AffectedStatus::UnderInvestigation, ""),
            Listed::NotAffected => said.unfixed(AffectedStatus::NotAffected, &facts.justification(id)),
        }
        facts.add_ratings(id, &mut said.ratings);
        Ok(())
    }
}

/// The CVE that a flaw is; the document's own name where the flaw bears none. `None` for what is no CVE.
fn cve<'c>(csaf: &'c Csaf<'_>, vulnerability: &'c Vulnerability<'_>) -> Option<&'c str> {
    const MAX_CVE_BYTES: usize = 32;
    let names = [&*vulnerability.cve, &*csaf.document.tracking.id];
    names.into_iter().find(|name| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = name.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
        name.len() <= MAX_CVE_BYTES && number.is_some_and(|(year, number)| digits(year) && digits(number))
    })
}

/// The flaw's description, wherever the publisher puts it.
fn description<'c>(csaf: &'c Csaf<'_>, vulnerability: &'c Vulnerability<'_>) -> &'c str {
    let notes = vulnerability.notes.iter().chain(csaf.document.notes.iter());
    let is_description = |note: &&Note<'_>| &*note.category == "description" && !note.text.is_empty();
    notes.into_iter().find(is_description).map_or("", |note| note.text.trim())
}

/// The links, each once: the publisher's own page first, then the updates that fix the flaw, then all else.
fn references(csaf: &Csaf<'_>, vulnerability: &Vulnerability<'_>) -> Vec<Reference> {
    let links = vulnerability.references.iter().chain(csaf.document.references.iter());
    let is_own = |category: &str| category == "self";
    // The document's own address is no page for people, and what SUSE's words mean tells nothing of the flaw.
    let links = links.filter(|link| !link.url.ends_with(".json") && !link.url.ends_with("/security/rating/"));
    let own = links.clone().filter(|link| is_own(&link.category)).map(|link| ("ADVISORY", &*link.url));
    let fixes = vulnerability.remediations.iter().filter(|fix| &*fix.category == "vendor_fix");
    let fixes = fixes.map(|fix| ("ADVISORY", &*fix.url));
    let others = links
        .filter(|link| !is_own(&link.category))
        .map(|link| (if link.summary.starts_with("Advisory link") { "ADVISORY" } else { "WEB" }, &*link.url));
    let mut seen = HashSet::new();
    own.chain(fixes)
        .chain(others)
        .filter(|(_, url)| url.contains("://") && seen.insert(*url))
        .map(|(kind, url)| Reference { kind: kind.to_owned(), url: url.to_owned() })
        .collect()
}

/// Whether a name can be one of a package.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}
