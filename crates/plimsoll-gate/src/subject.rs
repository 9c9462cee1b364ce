//! What a rule is asked about: a finding, at one place of its package, with what the scan knows besides.

use jiff::{Timestamp, tz::TimeZone};
use plimsoll_model::{
    Finding, FixState, Inventory, Newness, Package, RatingScale, Severity, SeveritySource, Undetermined,
};

use crate::policy::{Datum, Field};

/// What the gate is told besides findings.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The instant of the decision. Ages, windows and expiries are counted from it.
    pub now: Timestamp,
    /// The inventory that the findings' packages are in; where there is none, what is asked of packages is unknown.
    pub inventory: Option<&'a Inventory>,
}

/// What is judged.
#[derive(Clone, Copy)]
pub(crate) enum Flaw<'a> {
    Found(&'a Finding),
    Unclear(&'a Undetermined),
}

/// A flaw at one place.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) flaw: Flaw<'a>,
    /// Which of the finding's packages.
    pub(crate) place: usize,
    pub(crate) context: Context<'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn package(&self) -> Option<&'a Package> {
        let index = match self.flaw {
            Flaw::Found(finding) => finding.packages.get(self.place).copied(),
            Flaw::Unclear(unclear) => Some(unclear.package),
        };
        self.context.inventory?.packages.get(index?)
    }

    /// The value of a field; `None` where nobody has said it.
    pub(crate) fn datum(&self, field: Field) -> Option<Datum> {
        let package = self.package();
        match field {
            Field::Undetermined => Some(Datum::Truth(matches!(self.flaw, Flaw::Unclear(_)))),
            Field::Today => Some(Datum::Text(day_of(self.context.now))),
            Field::Package => package.map(|package| Datum::Text(package.name.clone())),
            Field::Version => package
                .filter(|package| !package.version.is_empty())
                .map(|package| Datum::Text(package.version.clone())),
            Field::Kind => package.map(|package| Datum::Text(package.kind.purl_type().to_owned())),
            Field::OsPackage => package.map(|package| Datum::Truth(package.kind.is_os())),
            Field::OsOwned => package.map(|package| Datum::Truth(is_owned(package))),
            Field::Application => package.map(|package| Datum::Truth(!is_owned(package))),
            Field::Path => package
                .filter(|package| !package.path.is_empty())
                .map(|package| Datum::Text(package.path.clone())),
            Field::Layer => {
                let layer =
                    package.and_then(|package| package.introduced_in.as_ref().or(package.layer.as_ref()));
                layer
                    .and_then(|layer| u32::try_from(layer.index).ok())
                    .map(|index| Datum::Number(index.into()))
            }
            Field::Licence => package
                .filter(|package| !package.licenses.is_empty())
                .map(|package| Datum::Texts(package.licenses.clone())),
            Field::Ecosystem => self.ecosystem().map(Datum::Text),
            Field::Direct => package.and_then(|package| package.direct).map(Datum::Truth),
            Field::Inherited => self.context.inventory?.is_inherited(package?).map(Datum::Truth),
            Field::New => self.newness().map(|new| Datum::Truth(new != Newness::Known)),
            Field::NewBecause => self
                .newness()
                .filter(|&new| new != Newness::Known)
                .map(|new| Datum::Text(new.as_str().to_owned())),
            Field::FixAgeDays => self.fixed_since().map(|since| age(since, self.context.now)),
            of_flaw => match self.flaw {
                Flaw::Found(finding) => of_finding(finding, of_flaw, self.context.now),
                Flaw::Unclear(unclear) => match of_flaw {
                    Field::Id => Some(Datum::Text(unclear.id.clone())),
                    Field::Aliases | Field::Cwes => Some(Datum::Texts(Vec::new())),
                    Field::Severity => Some(Datum::Level(Severity::Unknown)),
                    Field::Malicious => Some(Datum::Truth(is_malicious(unclear))),
                    _ => None,
                },
            },
        }
    }

    fn ecosystem(&self) -> Option<String> {
        let Flaw::Found(finding) = self.flaw else { return None };
        let namespace = finding.evidence.first()?.namespace.as_str();
        Some(namespace.split(':').next().unwrap_or(namespace).to_owned()).filter(|name| !name.is_empty())
    }

    fn newness(&self) -> Option<Newness> {
        let Flaw::Found(finding) = self.flaw else { return None };
        finding.new
    }

    fn fixed_since(&self) -> Option<Timestamp> {
        let Flaw::Found(finding) = self.flaw else { return None };
        instant(&finding.fixed_since)
    }

    /// From when a window counts: the later of the advisory and the fix, since nobody can act before both are there.
    pub(crate) fn window_start(&self) -> Option<Timestamp> {
        let Flaw::Found(finding) = self.flaw else { return None };
        match (instant(&finding.published), self.fixed_since()) {
            (Some(published), Some(fixed)) => Some(published.max(fixed)),
            (one, other) => one.or(other),
        }
    }
}

fn of_finding(finding: &Finding, field: Field, now: Timestamp) -> Option<Datum> {
    match field {
        Field::Id => Some(Datum::Text(finding.id.clone())),
        Field::Aliases => Some(Datum::Texts(finding.aliases.clone())),
        Field::Severity => Some(Datum::Level(severity_of(finding))),
        Field::SeveritySource => Some(Datum::Text(match &finding.severity.source {
            _ if finding.malicious => "malicious".to_owned(),
            SeveritySource::Word(source)
            | SeveritySource::Cvss { source, .. }
            | SeveritySource::Score { source, .. } => source.clone(),
            SeveritySource::Malicious => "malicious".to_owned(),
            SeveritySource::Nobody => "nobody".to_owned(),
        })),
        Field::Cvss => cvss(finding).map(|tenths| Datum::Number(f64::from(tenths) / 10.0)),
        Field::Epss => finding.epss.map(|epss| Datum::Number(f64::from(epss.probability) / 100_000.0)),
        Field::Kev => Some(Datum::Truth(finding.kev.is_some())),
        Field::KevDue => finding
            .kev
            .as_ref()
            .filter(|kev| !kev.due_date.is_empty())
            .map(|kev| Datum::Text(kev.due_date.clone())),
        Field::Ransomware => Some(Datum::Truth(finding.kev.as_ref().is_some_and(|kev| kev.ransomware))),
        Field::Risk => Some(Datum::Number(f64::from(finding.risk) / 10.0)),
        Field::Fixable => Some(Datum::Truth(finding.fix.version().is_some())),
        Field::FixState => Some(Datum::Text(fix_state(&finding.fix).to_owned())),
        Field::FixedVersion => finding.fix.version().map(|version| Datum::Text(version.to_owned())),
        Field::AgeDays => instant(&finding.published).map(|published| age(published, now)),
        Field::Cwes => Some(Datum::Texts(finding.cwes.clone())),
        Field::Malicious => Some(Datum::Truth(finding.malicious)),
        Field::Notice => Some(Datum::Truth(!finding.malicious && finding.informational.is_some())),
        Field::EndOfLife => Some(Datum::Truth(finding.fix == FixState::EndOfLife)),
        Field::FixAgeDays
        | Field::Today
        | Field::Undetermined
        | Field::New
        | Field::NewBecause
        | Field::Package
        | Field::Version
        | Field::Ecosystem
        | Field::Kind
        | Field::OsPackage
        | Field::Application
        | Field::OsOwned
        | Field::Path
        | Field::Layer
        | Field::Inherited
        | Field::Direct
        | Field::Licence => None,
    }
}

/// A malicious package is critical whatever its advisory says.
pub(crate) fn severity_of(finding: &Finding) -> Severity {
    if finding.malicious { Severity::Critical } else { finding.severity.severity }
}

/// Whether the advisory that could not be decided says that the package is itself the attack.
///
/// Source: OSV schema 1.7, `id`, prefix `MAL-`.
pub(crate) fn is_malicious(unclear: &Undetermined) -> bool {
    [&unclear.id, &unclear.advisory].iter().any(|id| id.starts_with("MAL-"))
}

/// The word of a fix state, as in the JSON report.
pub(crate) fn fix_state(fix: &FixState) -> &'static str {
    match fix {
        FixState::Fixed(_) => "fixed",
        FixState::NotFixed => "affected",
        FixState::WillNotFix => "will_not_fix",
        FixState::FixDeferred => "fix_deferred",
        FixState::UnderInvestigation => "under_investigation",
        FixState::EndOfLife => "end_of_life",
    }
}

/// The score that counts, in tenths.
fn cvss(finding: &Finding) -> Option<u8> {
    match finding.severity.source {
        SeveritySource::Cvss { score, .. } | SeveritySource::Score { score, .. } => Some(score),
        SeveritySource::Word(_) | SeveritySource::Malicious | SeveritySource::Nobody => finding
            .ratings
            .iter()
            .filter_map(|rating| match rating.scale {
                RatingScale::Score(score) => Some(score),
                RatingScale::Word(_) | RatingScale::Cvss(_) => None,
            })
            .max(),
    }
}

fn is_owned(package: &Package) -> bool {
    package.kind.is_os() || package.owner.is_some()
}

/// Reads an instant of RFC 3339, or a day, which begins at midnight UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if text.len() > 40 {
        return None;
    }
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The day of an instant, UTC: `2026-03-01`.
pub(crate) fn day_of(instant: Timestamp) -> String {
    instant.to_zoned(TimeZone::UTC).date().to_string()
}

/// Seconds of a day.
pub(crate) const DAY_SECONDS: i64 = 86_400;

/// Whole days between two instants; none are negative.
pub(crate) fn days_between(since: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - since.as_second()).max(0) / DAY_SECONDS
}

fn age(since: Timestamp, now: Timestamp) -> Datum {
    // More days than 2^31 are beyond the range of instants.
    Datum::Number(f64::from(i32::try_from(days_between(since, now)).unwrap_or(i32::MAX)))
}
