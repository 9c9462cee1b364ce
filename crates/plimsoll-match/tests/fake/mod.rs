//! A database and an inventory as short text, and matches as short text, so that a case fits in a few lines.
//!
//! ```text
//! DSA-1 | upstream CVE-2023-1 CVE-2023-2 | in Debian:11: openssl <1.1.1n-0+deb11u4 word=debian=low
//! GHSA-1 | alias CVE-2023-1 | title Bad | cvss ghsa CVSS:3.1/… | in PyPI: urllib3 >=1.0,<1.26.5 =0.9
//! score CVE-2023-1 nvd CVSS:3.1/…
//! DEBIAN-CVE-2023-1 | source debian-tracker | upstream CVE-2023-1 | in Debian:11: openssl * is=wont-fix note=Minor_issue
//! kev CVE-2023-1 2023-02-01
//! epss CVE-2023-1 97565
//! covers npm
//! ```
//!
//! Of an entry: `is=` `wont-fix`, `deferred`, `investigated`, `end-of-life`, `not-affected`; `note=` with `_` for blanks;
//! `module=nodejs:18`.
//! Ranges: `<X` from the beginning to X, `<=X`, `>=A,<B`, `>=A` without end, `*` everything, `=X` from a list.
//! Packages: `deb libssl1.1 1.1.1n-0+deb11u3 source=openssl` with `source=NAME@VERSION`, `module=`, `owner=KIND`,
//! `arch=` and `path=`; a version `-` is none.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_match::{Asking, Matches, Options, Ranges, Statements, evaluate, places};
use plimsoll_model::{
    Advisory, AdvisoryLookup, Affected, AffectedEvent, AffectedRange, AffectedStatus, Candidate, Epss,
    EventKind, Finding, FixState, Inventory, KevEntry, Known, LookupError, Namespace, OsRelease, Owner,
    Package, PackageKind, Rating, RatingScale, SeveritySource, SourcePackage, Texts,
};

/// An advisory database in memory.
#[derive(Default)]
pub(crate) struct Fake {
    advisories: Vec<Advisory>,
    scores: BTreeMap<String, Vec<Rating>>,
    kev: BTreeMap<String, KevEntry>,
    epss: BTreeMap<String, Epss>,
    covers: Vec<Namespace>,
}

impl AdvisoryLookup for Fake {
    fn covers(&self, namespace: &Namespace) -> bool {
        self.covers.contains(namespace)
    }

    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError> {
        let mut found = Vec::new();
        for (number, advisory) in (0..).zip(&self.advisories) {
            for affected in &advisory.affected {
                if affected.namespace == *namespace && affected.name == name {
                    found.push(Candidate { advisory: number, affected: affected.clone() });
                }
            }
        }
        Ok(found)
    }

    /// Leaves out what may be left out.
    fn candidates_for(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<Vec<Candidate>, LookupError> {
        let mut candidates = self.candidates(namespace, name)?;
        for candidate in &mut candidates {
            candidate.affected.versions.retain(|listed| !plimsoll_version::surely_differ(listed, version));
        }
        Ok(candidates)
    }

    fn advisory(&self, number: u32) -> Result<Advisory, LookupError> {
        let advisory = usize::try_from(number).ok().and_then(|number| self.advisories.get(number));
        let advisory = advisory.ok_or_else(|| LookupError { reason: format!("no advisory {number}") })?;
        Ok(Advisory {
            affected: Vec::new(),
            summary: String::new(),
            details: String::new(),
            references: Vec::new(),
            ..advisory.clone()
        })
    }

    fn texts(&self, number: u32) -> Result<Texts, LookupError> {
        let Advisory { summary, details, references, .. } = self.advisories[number as usize].clone();
        Ok(Texts { summary, details, references })
    }

    fn known(&self, id: &str) -> Result<Known, LookupError> {
        let named = |one: &Advisory| one.id == id || one.aliases.iter().any(|alias| alias == id);
        let named = (0..).zip(&self.advisories).filter(|(_, one)| named(one));
        Ok(Known {
            advisories: named.map(|(number, _)| number).collect(),
            scores: self.scores.get(id).cloned().unwrap_or_default(),
            kev: self.kev.get(id).cloned(),
            epss: self.epss.get(id).copied(),
        })
    }
}

/// Reads a database; see the module.
pub(crate) fn database(text: &str) -> Fake {
    let mut fake = Fake::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("covers", namespace) => fake.covers.push(Namespace::parse(namespace).expect(namespace)),
            ("score", rest) => {
                let (cve, rest) = rest.split_once(' ').expect(line);
                fake.scores.entry(cve.to_owned()).or_default().push(rating(rest));
            }
            ("kev", rest) => {
                let (cve, day) = rest.split_once(' ').expect(line);
                let entry = KevEntry {
                    id: cve.to_owned(),
                    date_added: day.to_owned(),
                    due_date: String::new(),
                    ransomware: false,
                    name: String::new(),
                };
                fake.kev.insert(cve.to_owned(), entry);
            }
            ("epss", rest) => {
                let (cve, probability) = rest.split_once(' ').expect(line);
                let epss = Epss { probability: probability.parse().expect(line), percentile: 50_000 };
                fake.epss.insert(cve.to_owned(), epss);
            }
            _ => fake.advisories.push(advisory(line)),
        }
    }
    for affected in fake.advisories.iter().flat_map(|advisory| &advisory.affected) {
        fake.covers.push(affected.namespace.clone());
    }
    fake
}

fn advisory(line: &str) -> Advisory {
    let mut parts = line.split(" | ");
    let mut advisory = Advisory { id: parts.next().expect(line).trim().to_owned(), ..Advisory::default() };
    for part in parts.map(str::trim) {
        let (key, rest) = part.split_once(' ').expect(part);
        let words = || rest.split(' ').map(str::to_owned).collect();
        match key {
            "source" => rest.clone_into(&mut advisory.source),
            "alias" => advisory.aliases = words(),
            "upstream" => advisory.upstream = words(),
            "related" => advisory.related = words(),
            "cwe" => advisory.cwes = words(),
            "title" => rest.clone_into(&mut advisory.summary),
            "details" => rest.clone_into(&mut advisory.details),
            "published" => rest.clone_into(&mut advisory.published),
            "notice" => advisory.informational = Some(rest.to_owned()),
            "word" | "cvss" => advisory.ratings.push(rating(rest)),
            "in" => advisory.affected.push(affected(rest)),
            _ => panic!("no such part: {part}"),
        }
    }
    advisory
}

fn affected(text: &str) -> Affected {
    let (namespace, rest) = text.split_once(": ").expect(text);
    let namespace = Namespace::parse(namespace).expect(namespace);
    let mut words = rest.split(' ');
    let name = namespace.ecosystem.normalize_name(words.next().expect(text)).into_owned();
    let mut affected = Affected::new(namespace, name);
    for word in words {
        if let Some(version) = word.strip_prefix('=') {
            affected.versions.push(version.to_owned());
        } else if let Some(said) = word.strip_prefix("word=").or_else(|| word.strip_prefix("cvss=")) {
            affected.ratings.push(rating(&said.replacen('=', " ", 1)));
        } else if let Some(said) = word.strip_prefix("is=") {
            affected.status = status(said);
        } else if let Some(note) = word.strip_prefix("note=") {
            affected.note = note.replace('_', " ");
        } else if let Some(module) = word.strip_prefix("module=") {
            module.clone_into(&mut affected.module);
        } else {
            affected.ranges.push(range(word));
        }
    }
    affected
}

fn status(text: &str) -> AffectedStatus {
    match text {
        "wont-fix" => AffectedStatus::WillNotFix,
        "deferred" => AffectedStatus::FixDeferred,
        "investigated" => AffectedStatus::UnderInvestigation,
        "end-of-life" => AffectedStatus::EndOfLife,
        "not-affected" => AffectedStatus::NotAffected,
        _ => panic!("no such status: {text}"),
    }
}

fn range(text: &str) -> AffectedRange {
    let event = |kind, version: &str| AffectedEvent { kind, version: version.to_owned() };
    let mut events = Vec::new();
    if text == "*" || text.starts_with('<') {
        events.push(event(EventKind::Introduced, "0"));
    }
    for bound in text.split(',').filter(|bound| *bound != "*") {
        events.push(if let Some(version) = bound.strip_prefix(">=") {
            event(EventKind::Introduced, version)
        } else if let Some(version) = bound.strip_prefix("<=") {
            event(EventKind::LastAffected, version)
        } else {
            event(EventKind::Fixed, bound.strip_prefix('<').expect(text))
        });
    }
    AffectedRange { events }
}

/// `ubuntu high`, `nvd CVSS:3.1/…` or `nvd 98`.
fn rating(text: &str) -> Rating {
    let (source, said) = text.split_once(' ').expect(text);
    let scale = match (said.parse(), said.parse()) {
        (Ok(tenths), _) => RatingScale::Score(tenths),
        (_, Ok(word)) => RatingScale::Word(word),
        _ => RatingScale::Cvss(said.to_owned()),
    };
    Rating { source: source.to_owned(), scale }
}

/// Reads an inventory: `os` as `debian 11`, or empty for none; a package a line.
pub(crate) fn inventory(os: &str, packages: &str) -> Inventory {
    let os = os.split_once(' ').map(|(id, version)| OsRelease {
        id: id.to_owned(),
        version_id: version.to_owned(),
        ..OsRelease::default()
    });
    let mut packages: Vec<Package> =
        packages.lines().map(str::trim).filter(|line| !line.is_empty()).map(package).collect();
    packages
        .sort_by(|a, b| (a.kind, &a.name, &a.version, &a.path).cmp(&(b.kind, &b.name, &b.version, &b.path)));
    Inventory { os, packages, ..Inventory::default() }
}

fn package(line: &str) -> Package {
    let mut words = line.split(' ');
    let mut next = || words.next().expect(line);
    let kind = PackageKind::from_purl_type(next()).expect(line);
    let (name, version) = (next(), next());
    let mut package = Package::new(kind, name, if version == "-" { "" } else { version }, "test");
    for word in words {
        let (key, value) = word.split_once('=').expect(line);
        match key {
            "source" => {
                let (name, version) = value.split_once('@').unwrap_or((value, version));
                package.source = Some(SourcePackage { name: name.to_owned(), version: version.to_owned() });
            }
            "module" => package.module = Some(value.to_owned()),
            "arch" => package.architecture = Some(value.to_owned()),
            "path" => value.clone_into(&mut package.path),
            "owner" => {
                package.owner = Some(Owner {
                    kind: PackageKind::from_purl_type(value).expect(value),
                    name: "owner".to_owned(),
                    version: String::new(),
                });
            }
            _ => panic!("no such field: {word}"),
        }
    }
    package
}

/// What matching finds, a line each: findings, then what is undetermined, then gaps.
pub(crate) fn matched(os: &str, packages: &str, advisories: &str) -> String {
    let inventory = inventory(os, packages);
    let database = database(advisories);
    let matches = evaluate(&inventory, &database, &Options::default()).expect("the fake database is whole");
    assert_joined(&inventory, &database, &matches);
    printed(&inventory, &matches)
}

/// Holds that a join of packages and statements finds what matching finds: for each package the flaws, each under one of
/// its names.
#[track_caller]
fn assert_joined(inventory: &Inventory, database: &Fake, matches: &Matches) {
    let asking = Asking::new(inventory);
    let places = places(&database.covers);
    let mut statements = Statements::new(database);
    let group = |package: &Package| {
        let name = match package.kind.ecosystem() {
            Some(ecosystem) => ecosystem.normalize_name(&package.name).into_owned(),
            None => package.name.clone(),
        };
        (package.kind, name, package.version.clone())
    };
    let mut joined = BTreeSet::new();
    for package in &inventory.packages {
        let Some(namespace) = asking.namespace(package) else { continue };
        let Some(place) = places.iter().find(|place| place[0].to_string() == namespace) else { continue };
        let mut spoken = BTreeSet::new();
        let first = asking.name(package).zip(asking.version(package));
        for (name, version) in first.into_iter().chain(asking.second(package)) {
            let statements = statements.of(place, &name).expect("the fake database is whole");
            for statement in
                statements.iter().filter(|one| !spoken.contains(&(one.id.clone(), one.source.clone())))
            {
                let ranges = Ranges::parse(place[0].ecosystem, &statement.ranges).expect(&statement.ranges);
                if ranges.affects(&version) == Some(true) {
                    joined.insert((group(package), statement.vulnerability.clone()));
                }
            }
            // What speaks of the first name does not speak of the second.
            spoken.extend(statements.into_iter().map(|one| (one.id, one.source)));
        }
    }
    let found = |finding: &Finding| -> Vec<_> {
        finding.packages.iter().map(|&index| group(&inventory.packages[index])).collect()
    };
    for finding in &matches.findings {
        for package in found(finding) {
            let joined = joined.contains(&(package.clone(), finding.id.clone()));
            assert!(joined, "{} of {package:?} is found and not joined", finding.id);
        }
    }
    for (package, flaw) in &joined {
        let named = |finding: &Finding| finding.id == *flaw || finding.aliases.contains(flaw);
        let is_found = matches.findings.iter().any(|f| named(f) && found(f).contains(package));
        assert!(is_found, "{flaw} of {package:?} is joined and not found");
    }
}

fn printed(inventory: &Inventory, matches: &Matches) -> String {
    let mut lines = Vec::new();
    let place = |index: usize| {
        let package = &inventory.packages[index];
        format!("{} {}", package.name, package.version)
    };
    for finding in &matches.findings {
        lines.push(format!("{}: {}", place(finding.packages[0]), line(finding)));
    }
    for doubt in &matches.undetermined {
        lines.push(format!("{}: {}? {}: {}", place(doubt.package), doubt.id, doubt.advisory, doubt.reason));
    }
    for not in &matches.not_affected {
        let (overruled, place) = (not.overruled.join(" "), place(not.package));
        lines.push(format!("{place}: not {} by {} over {overruled}: {}", not.id, not.advisory, not.reason));
    }
    lines.extend(matches.gaps.iter().map(|gap| format!("gap: {}", gap.reason)));
    if lines.is_empty() { "nothing\n".to_owned() } else { lines.join("\n") + "\n" }
}

fn line(finding: &Finding) -> String {
    let severity = match &finding.severity.source {
        SeveritySource::Word(source) => format!(" {} ({source})", finding.severity.severity),
        SeveritySource::Cvss { source, score, .. } | SeveritySource::Score { source, score } => {
            format!(" {} ({source} {}.{})", finding.severity.severity, score / 10, score % 10)
        }
        SeveritySource::Malicious => " MALICIOUS".to_owned(),
        SeveritySource::Nobody => String::new(),
    };
    let fix = match &finding.fix {
        FixState::Fixed(version) => format!(" fixed {version}"),
        FixState::NotFixed => " unfixed".to_owned(),
        other => format!(" {other:?}"),
    };
    let by = format!(" by {}", finding.advisories.join(" "));
    let some = |word: &str, list: &[String]| {
        if list.is_empty() { String::new() } else { format!(" {word} {}", list.join(" ")) }
    };
    let kev = if finding.kev.is_some() { " exploited" } else { "" };
    let notice = finding.informational.as_ref().map(|kind| format!(" notice {kind}")).unwrap_or_default();
    let places = if finding.packages.len() > 1 {
        format!(" in {} places", finding.packages.len())
    } else {
        String::new()
    };
    let aka = some("aka", &finding.aliases);
    format!("{}{severity}{fix}{by}{aka}{kev}{notice}{places}", finding.id)
}
