//! One finding, made of all that was said of one flaw.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use plimsoll_model::{Advisory, Evidence, Finding, Gap, LookupError, Rating, RatingScale, SeverityChoice};

use crate::fix::best_fix;
use crate::flaw::{best_name, is_collected, is_cve};
use crate::hit::Hit;
use crate::records::{Record, Records};
use crate::severity::{self, By, Said};
use crate::text::text;

/// CVEs of one flaw whose scores are looked up; a record rarely takes more than one for one flaw.
const MAX_SCORED_CVES: usize = 16;

/// Makes the finding of the flaw with these names, in these packages, from the records that hold: at least one,
/// sorted by advisory.
pub(crate) fn finding(
    names: &BTreeSet<String>,
    hits: &[&Hit],
    packages: Vec<usize>,
    records: &mut Records<'_>,
    gaps: &mut BTreeSet<Gap>,
) -> Result<Finding, LookupError> {
    let id = best_name(names).expect("a flaw has a name: its record's ID where no other is given").clone();
    let matched: HashSet<*const Record> = hits.iter().map(|hit| Rc::as_ptr(&hit.record)).collect();
    let others: Vec<Rc<Record>> =
        records.of_flaw(names)?.into_iter().filter(|record| !matched.contains(&Rc::as_ptr(record))).collect();

    let mut aliases = names.clone();
    for other in others.iter().filter(|other| other.flaws.single) {
        aliases.extend(other.flaws.names.iter().flatten().cloned());
    }
    aliases.remove(&id);

    let said = said(names, hits, &others, records)?;
    let severity = choose(&said, hits, gaps);
    let mut ratings: Vec<Rating> = Vec::new();
    for rating in said.into_iter().map(|(_, said)| said.rating) {
        if !ratings.contains(&rating) {
            ratings.push(rating);
        }
    }

    let mut kev = None;
    for cve in names.iter().filter(|name| is_cve(name)).take(MAX_SCORED_CVES) {
        kev = match kev {
            None => records.kev(cve)?,
            found => found,
        };
    }

    let collects = |advisory: &Advisory| is_collected(&advisory.id);
    let own = hits.iter().map(|hit| &hit.record.advisory);
    let of_flaw: Vec<&Advisory> = own
        .clone()
        .filter(|advisory| !collects(advisory))
        .chain(others.iter().map(|record| &record.advisory))
        .collect();
    let collected: Vec<&Advisory> = own.clone().filter(|advisory| collects(advisory)).collect();
    let text = text(&of_flaw, &collected);

    // A notice stays one only while nobody has made a flaw of it.
    let all_notices = own.clone().all(|advisory| advisory.informational.is_some()) && !is_cve(&id);
    let advisories: BTreeSet<&String> = own.clone().map(|advisory| &advisory.id).collect();
    Ok(Finding {
        id,
        aliases: aliases.into_iter().collect(),
        advisories: advisories.into_iter().cloned().collect(),
        packages,
        fix: best_fix(hits),
        severity,
        ratings,
        title: text.title,
        description: text.description,
        published: text.published,
        modified: text.modified,
        cwes: text.cwes,
        references: text.references,
        kev,
        epss: None,
        risk: 0,
        malicious: false,
        informational: if all_notices { own.clone().find_map(|a| a.informational.clone()) } else { None },
        evidence: hits.iter().map(|hit| evidence(hit)).collect(),
    })
}

/// All severities that were said of the flaw, with the name of the document or table, in the order they were met.
fn said(
    names: &BTreeSet<String>,
    hits: &[&Hit],
    others: &[Rc<Record>],
    records: &mut Records<'_>,
) -> Result<Vec<(String, Said)>, LookupError> {
    let mut said = Vec::new();
    let mut say = |origin: &str, rating: &Rating, by: By| {
        said.push((origin.to_owned(), Said { rating: rating.clone(), by }));
    };
    for hit in hits {
        let advisory = &hit.record.advisory;
        let of_this_flaw =
            |rating: &&Rating| hit.record.flaws.single || matches!(rating.scale, RatingScale::Word(_));
        let of_package = hit.entries.iter().flat_map(|entry| &entry.ratings);
        of_package.filter(of_this_flaw).for_each(|rating| say(&advisory.id, rating, By::Package));
        let by = if is_collected(&advisory.id) { By::Collected } else { By::Record };
        advisory.ratings.iter().filter(of_this_flaw).for_each(|rating| say(&advisory.id, rating, by));
    }
    for other in others {
        other.advisory.ratings.iter().for_each(|rating| say(&other.advisory.id, rating, By::Alias));
    }
    for cve in names.iter().filter(|name| is_cve(name)).take(MAX_SCORED_CVES) {
        records.scores(cve)?.iter().for_each(|rating| say(cve, rating, By::Table));
    }
    Ok(said)
}

fn choose(said: &[(String, Said)], hits: &[&Hit], gaps: &mut BTreeSet<Gap>) -> SeverityChoice {
    for (origin, said) in said {
        if let RatingScale::Cvss(vector) = &said.rating.scale
            && let Err(why) = plimsoll_cvss::score(vector)
        {
            gaps.insert(crate::gap(format!("{why} (given by `{origin}`)")));
        }
    }
    let distribution = hits.iter().any(|hit| crate::is_distribution(hit.namespace.ecosystem));
    let said: Vec<Said> = said.iter().map(|(_, said)| said.clone()).collect();
    severity::choose(&said, distribution)
}

fn evidence(hit: &Hit) -> Evidence {
    Evidence {
        advisory: hit.record.advisory.id.clone(),
        namespace: hit.namespace.to_string(),
        name: hit.name.clone(),
        version: hit.version.clone(),
        range: hit.range.clone().unwrap_or_default(),
        fixed: hit.fixed.clone(),
    }
}
