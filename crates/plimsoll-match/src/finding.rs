//! One finding, made of all that was said of one flaw.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use plimsoll_model::{
    Advisory, Epss, Evidence, Finding, Gap, KevEntry, LookupError, Rating, RatingScale, Severity,
    SeverityChoice, SeveritySource, Texts,
};

use crate::Options;
use crate::fix::{best_fix, fixed_since, holds};
use crate::flaw::{best_name, is_collected, is_cve};
use crate::hit::Hit;
use crate::records::{Identity, Record, Records, identity};
use crate::risk::risk;
use crate::severity::{self, By, Said, Scores};
use crate::text::{Written, text};

/// CVEs of one flaw that are looked up in the tables; a record rarely takes more than one for one flaw.
const MAX_SCORED_CVES: usize = 16;

/// A finding, and what its severity was chosen from.
pub(crate) struct Made {
    pub(crate) finding: Finding,
    pub(crate) said: Vec<Said>,
    /// The step of the order of trust that decided; `None` where none did.
    pub(crate) step: Option<&'static str>,
}

/// Makes the finding of the flaw with these names, in these packages, from the records that hold: at least one,
/// sorted by advisory.
pub(crate) fn finding(
    names: &BTreeSet<String>,
    hits: &[&Hit],
    packages: Vec<usize>,
    options: &Options,
    records: &mut Records<'_>,
    scores: &mut Scores,
    gaps: &mut BTreeSet<Gap>,
) -> Result<Made, LookupError> {
    let id = best_name(names).expect("a flaw has a name: its record's ID where no other is given").clone();
    // By name: one document may have several numbers.
    let matched: HashSet<Identity> = hits.iter().map(|hit| identity(&hit.record)).collect();
    let mut others: Vec<Rc<Record>> = records.of_flaw(names)?;
    others.retain(|record| !matched.contains(&identity(record)));

    let mut aliases = names.clone();
    for other in others.iter().filter(|other| other.flaws.single) {
        aliases.extend(other.flaws.names.iter().flatten().cloned());
    }
    aliases.remove(&id);

    let own = hits.iter().map(|hit| &hit.record.advisory);
    let malicious = own.clone().any(Advisory::is_malicious);
    let said = said(names, hits, &others, records, scores)?;
    tell_unreadable(&said, gaps);
    let (severity, step) = if malicious {
        (SeverityChoice { severity: Severity::Critical, source: SeveritySource::Malicious }, None)
    } else {
        severity::choose(&said, &options.severity_order)
    };
    let mut ratings: Vec<Rating> = Vec::new();
    for rating in said.iter().map(|said| &said.rating) {
        if !ratings.contains(rating) {
            ratings.push(rating.clone());
        }
    }
    let (kev, epss) = exploitation(names, records)?;

    let collects = |advisory: &Advisory| is_collected(&advisory.id);
    let (collected, of_flaw): (Vec<&Record>, Vec<&Record>) =
        hits.iter().map(|hit| &*hit.record).partition(|record| collects(&record.advisory));
    let of_flaw = of_flaw.into_iter().chain(others.iter().map(|record| &**record));
    let texts = (!options.without_texts).then_some(&*records);
    let of_flaw = written(of_flaw, texts)?;
    let collected = written(collected.into_iter(), texts)?;
    let mut text = text(&of_flaw, &collected);
    if malicious && text.title.is_empty() {
        text.title = format!("malicious code in `{}`", hits[0].name);
    }

    // A notice stays one only while nobody has made a flaw of it.
    let all_notices =
        own.clone().all(|advisory| advisory.informational.is_some()) && !is_cve(&id) && !malicious;
    let advisories: BTreeSet<&String> = own.clone().map(|advisory| &advisory.id).collect();
    let fix = best_fix(hits);
    let mut finding = Finding {
        id,
        aliases: aliases.into_iter().collect(),
        advisories: advisories.into_iter().cloned().collect(),
        packages,
        fixed_since: fixed_since(&fix, hits),
        fix,
        severity,
        ratings,
        title: text.title,
        description: text.description,
        published: text.published,
        modified: text.modified,
        cwes: text.cwes,
        references: text.references,
        kev,
        epss,
        risk: 0,
        malicious,
        informational: if all_notices { own.clone().find_map(|a| a.informational.clone()) } else { None },
        new: None,
        evidence: hits.iter().map(|hit| evidence(hit)).collect(),
    };
    finding.risk = risk(&finding);
    Ok(Made { finding, said, step })
}

/// Records with their texts; with empty ones where there is nobody who reads them.
fn written<'r>(
    of: impl Iterator<Item = &'r Record>,
    records: Option<&Records<'_>>,
) -> Result<Vec<Written<'r>>, LookupError> {
    const NONE: &Texts = &Texts { summary: String::new(), details: String::new(), references: Vec::new() };
    of.map(|record| {
        let texts = records.map_or(Ok(NONE), |records| records.texts(record))?;
        Ok(Written { advisory: &record.advisory, texts })
    })
    .collect()
}

/// What is known of the exploitation of a flaw's CVEs: the first catalogue entry, the highest probability.
fn exploitation(
    names: &BTreeSet<String>,
    records: &mut Records<'_>,
) -> Result<(Option<KevEntry>, Option<Epss>), LookupError> {
    let mut kev = None;
    let mut epss: Option<Epss> = None;
    for cve in names.iter().filter(|name| is_cve(name)).take(MAX_SCORED_CVES) {
        let known = records.known(cve)?;
        if kev.is_none() {
            kev.clone_from(&known.kev);
        }
        epss = epss.into_iter().chain(known.epss).max_by_key(|epss| (epss.probability, epss.percentile));
    }
    Ok((kev, epss))
}

/// All severities that were said of the flaw, with the name of the document or table, in the order they were met.
fn said(
    names: &BTreeSet<String>,
    hits: &[&Hit],
    others: &[Rc<Record>],
    records: &mut Records<'_>,
    vectors: &mut Scores,
) -> Result<Vec<Said>, LookupError> {
    let mut said = Vec::new();
    let mut say = |origin: &str, rating: &Rating, by: By, of_distribution: bool| {
        let scored = match &rating.scale {
            RatingScale::Cvss(vector) => Some(vectors.score(vector)),
            _ => None,
        };
        said.push(Said { rating: rating.clone(), by, of_distribution, origin: origin.to_owned(), scored });
    };
    for hit in hits {
        let advisory = &hit.record.advisory;
        let distribution = crate::is_distribution(hit.namespace.ecosystem);
        let of_this_flaw =
            |rating: &&Rating| hit.record.flaws.single || matches!(rating.scale, RatingScale::Word(_));
        let of_package = hit.entries.iter().flat_map(|entry| &entry.ratings);
        of_package
            .filter(of_this_flaw)
            .for_each(|rating| say(&advisory.id, rating, By::Package, distribution));
        let by = if is_collected(&advisory.id) { By::Collected } else { By::Record };
        let of_record = advisory.ratings.iter().filter(of_this_flaw);
        of_record.for_each(|rating| say(&advisory.id, rating, by, distribution));
    }
    for other in others {
        let advisory = &other.advisory;
        advisory.ratings.iter().for_each(|rating| say(&advisory.id, rating, By::Alias, false));
    }
    for cve in names.iter().filter(|name| is_cve(name)).take(MAX_SCORED_CVES) {
        records.known(cve)?.scores.iter().for_each(|rating| say(cve, rating, By::Table, false));
    }
    Ok(said)
}

/// Vectors that cannot be read are gaps.
fn tell_unreadable(said: &[Said], gaps: &mut BTreeSet<Gap>) {
    for said in said {
        if let Some(Err(why)) = &said.scored {
            gaps.insert(crate::gap(format!("{why} (given by `{}`)", said.origin)));
        }
    }
}

fn evidence(hit: &Hit) -> Evidence {
    Evidence {
        advisory: hit.record.advisory.id.clone(),
        source: hit.record.advisory.source.clone(),
        namespace: hit.namespace.to_string(),
        name: hit.name.clone(),
        version: hit.version.clone(),
        range: hit.range.clone().unwrap_or_default(),
        fixed: hit.fixed.clone(),
        note: hit
            .entries
            .iter()
            .find(|entry| !entry.note.is_empty() && holds(hit, entry))
            .map(|entry| entry.note.clone())
            .unwrap_or_default(),
    }
}
