//! `plimsoll registry audit`: what is in production and did not pass through the pipeline.
//!
//! Every image that a tag of production leads to is asked for: a signed attestation beside it, there or in staging, or a
//! verdict in a store. Without one it *bypassed the pipeline*. An image of the same layers as one that passed is told as
//! such: it was packed or labelled anew, and nothing else came in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_model::{DiffId, Digest};
use plimsoll_oci::{Kind, Options, Reference, Repository};
use plimsoll_report::printable;
use serde_json::{Value, json};

use super::args::Selection;
use super::walk::{Found, walk};
use crate::args::{RegistryArgs, TextOrJson, switch};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::parallel;
use crate::passed::{PassArgs, PassRecord, PassRules, Standing};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::reach_registry;
use crate::verify::standing_document;

/// Reasons of one row that are shown to people; the others are counted. As JSON all are written.
const MAX_SHOWN_REASONS: usize = 6;
/// Tags of one row that are shown to people.
const MAX_SHOWN_TAGS: usize = 5;

/// What stands below the help.
pub(super) const EXAMPLES: &str = "\
Each place is a registry, or a part of one: `registry.example/prod` is the
repository `prod` and all below it. Exit status 0: everything passed; 1: an
image bypassed the pipeline, or failed in it; 3: something could not be read.
See `docs/attestation.md`.

  plimsoll registry audit --staging staging.example --production prod.example \\
      --key pipeline.pub";

#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// Where images are before they are promoted: what was said of them there counts as well.
    #[arg(long, value_name = "REGISTRY[/PATH]", env = "PLIMSOLL_STAGING")]
    staging: Option<String>,
    /// Where only images may be that passed.
    #[arg(long, value_name = "REGISTRY[/PATH]", env = "PLIMSOLL_PRODUCTION")]
    production: String,
    /// Ask for the images of production alone whose `repository:tag` fits: `team/*`, `*:v?.*`.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    include: Vec<String>,
    /// Without the images of production whose `repository:tag` fits.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Count an image of the same layers as one that passed as one that bypassed the pipeline.
    #[arg(long, env = "PLIMSOLL_AUDIT_EXACT", value_parser = switch())]
    exact: bool,
    /// Images that are asked for at once.
    #[arg(long, value_name = "N", env = "PLIMSOLL_JOBS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How the result is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    pass: PassArgs,
}

/// What became of an image, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    /// The gate failed it, and it is in production all the same.
    Failed,
    /// Nobody whose word counts has let it pass.
    Bypassed,
    /// It is not known what it is.
    Unreadable,
    /// An image of the same layers passed.
    SameContent,
    Passed,
}

impl Status {
    const ALL: [Self; 5] = [Self::Failed, Self::Bypassed, Self::Unreadable, Self::SameContent, Self::Passed];

    fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Bypassed => "bypassed",
            Self::Unreadable => "unreadable",
            Self::SameContent => "same-content",
            Self::Passed => "passed",
        }
    }
}

/// One image of production, or what could not be read of it.
#[derive(Clone, Debug)]
struct Row {
    status: Status,
    repository: String,
    digest: Option<Digest>,
    tags: Vec<String>,
    /// Why, for people.
    reasons: Vec<String>,
    standing: Option<Standing>,
    /// The image of the same layers: its name, and what is known of it.
    twin: Option<(String, Standing)>,
}

/// What was found in a registry, or in a part of it.
struct Place<'a> {
    registry: String,
    options: &'a Options,
    images: Vec<Found>,
    unreadable: Vec<Row>,
    repositories: usize,
    /// Rows of what is no image: signatures, charts.
    artifacts: usize,
    /// Tags that patterns leave out.
    unselected: usize,
}

/// How an image is recognised that was packed or labelled anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Content(Vec<Vec<DiffId>>);

pub(super) fn run(
    arguments: &AuditArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let rules = PassRules::read(&arguments.pass, settings, environment)?;
    let options = reach_registry(&arguments.registry, settings)?;
    let selection = |registry: &str, include: &[String], exclude: &[String]| Selection {
        registry: registry.to_owned(),
        repository: Vec::new(),
        include: include.to_vec(),
        exclude: exclude.to_vec(),
        newest: None,
        jobs: arguments.jobs,
        // A tag that looks like that of a signature hides nothing, nor does it that there is no tag.
        everything: true,
    };
    let production = selection(&arguments.production, &arguments.include, &arguments.exclude);
    let production = Place::read(&production, &options, bars)?;
    let staging = match &arguments.staging {
        Some(staging) => Some(Place::read(&selection(staging, &[], &[]), &options, bars)?),
        None => None,
    };
    let audit = Audit {
        rules: &rules,
        production: &production,
        staging: staging.as_ref(),
        jobs: usize::from(arguments.jobs),
    };
    let mut rows = audit.rows(bars);
    rows.extend(production.unreadable.iter().cloned());
    rows.extend(staging.iter().flat_map(|place| place.unreadable.iter().cloned()));
    rows.sort_by(|a, b| (a.status, &a.repository, &a.tags).cmp(&(b.status, &b.repository, &b.tags)));
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let text = match arguments.format {
        TextOrJson::Text => table(&rows, &production),
        TextOrJson::Json => {
            let mut text = serde_json::to_string_pretty(&document(&rows, &production)).unwrap_or_default();
            text.push('\n');
            text
        }
    };
    output::write(None, text.as_bytes())?;
    let has = |status: Status| rows.iter().any(|row| row.status == status);
    Ok(if has(Status::Failed) || has(Status::Bypassed) || arguments.exact && has(Status::SameContent) {
        Exit::GateFailed
    } else if has(Status::Unreadable) {
        Exit::CouldNotScan
    } else {
        Exit::Passed
    })
}

impl<'a> Place<'a> {
    /// All that tags lead to.
    fn read(selection: &Selection, options: &'a Options, bars: &Bars) -> Result<Self, Failure> {
        let walk = walk(selection, options, bars)?;
        let unreadable = walk.unread.into_iter().map(|unread| {
            let (repository, tags) = match unread.what.split_once(':') {
                Some((repository, tags)) => (repository, tags.split(", ").map(str::to_owned).collect()),
                None => (unread.what.as_str(), Vec::new()),
            };
            Row {
                status: Status::Unreadable,
                repository: format!("{}/{repository}", walk.registry),
                digest: None,
                tags,
                reasons: vec![unread.reason],
                standing: None,
                twin: None,
            }
        });
        let unreadable = unreadable.collect();
        let (images, artifacts): (Vec<Found>, Vec<Found>) =
            walk.found.into_iter().partition(|found| !matches!(found.survey.kind, Kind::Artifact(_)));
        Ok(Self {
            registry: walk.registry,
            options,
            images,
            unreadable,
            repositories: walk.repositories,
            artifacts: artifacts.len(),
            unselected: walk.left_out.unselected,
        })
    }

    fn repository(&self, name: &str) -> Result<Repository, plimsoll_oci::Error> {
        Ok(Repository::open(&Reference::of_repository(&self.registry, name)?, self.options))
    }

    fn name(&self, image: &Found) -> String {
        format!("{}/{}@{}", self.registry, image.repository, image.survey.digest)
    }

    fn content(&self, image: &Found) -> Result<Content, plimsoll_oci::Error> {
        let repository = self.repository(&image.repository)?;
        let (_, images) = repository.images(image.survey.digest.as_str())?;
        let mut all =
            images.iter().map(|image| repository.diff_ids(image)).collect::<Result<Vec<Vec<DiffId>>, _>>()?;
        all.sort();
        Ok(Content(all))
    }
}

struct Audit<'a> {
    rules: &'a PassRules,
    production: &'a Place<'a>,
    staging: Option<&'a Place<'a>>,
    jobs: usize,
}

impl Audit<'_> {
    fn rows(&self, bars: &Bars) -> Vec<Row> {
        let (images, jobs) = (&self.production.images, self.jobs);
        let done = AtomicUsize::new(0);
        let mut rows = parallel::map(jobs, images, |image| {
            let number = done.fetch_add(1, Ordering::Relaxed) + 1;
            bars.say(format!("who let it pass: {number} of {} images", images.len()));
            self.row(image)
        });
        let unknown: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].status == Status::Bypassed).collect();
        if unknown.is_empty() {
            return rows;
        }
        // Who has the layers of one that was judged: of staging, and of production itself.
        let mut judged: Vec<(&Place<'_>, &Found, Option<Standing>)> = rows
            .iter()
            .zip(images)
            .filter(|(row, _)| matches!(row.status, Status::Passed | Status::Failed))
            .map(|(row, image)| (self.production, image, row.standing.clone()))
            .collect();
        if let Some(place) = self.staging {
            judged.extend(place.images.iter().map(|image| (place, image, None)));
        }
        let known: Vec<Option<Content>> =
            parallel::map(jobs, &judged, |(place, image, _)| place.content(image).ok());
        let mut by_content: BTreeMap<&Content, Vec<usize>> = BTreeMap::new();
        for (at, content) in known.iter().enumerate() {
            // An image without layers is like every other one.
            if let Some(content) =
                content.as_ref().filter(|content| content.0.iter().any(|ids| !ids.is_empty()))
            {
                by_content.entry(content).or_default().push(at);
            }
        }
        bars.say("looking for the same layers".to_owned());
        let strange: Vec<&Found> = unknown.iter().map(|&at| &images[at]).collect();
        let twins = parallel::map(jobs, &strange, |image| {
            let Ok(content) = self.production.content(image) else { return None };
            self.twin(by_content.get(&content)?, &judged, &image.survey.digest)
        });
        for (at, twin) in unknown.into_iter().zip(twins) {
            let Some((name, standing)) = twin else { continue };
            let row = &mut rows[at];
            match &standing {
                Standing::Passed(record) => {
                    row.status = Status::SameContent;
                    row.reasons = [layers_of(&name), words("which passed: ", record)].concat();
                }
                Standing::Failed(record) => {
                    row.status = Status::Failed;
                    row.reasons = [layers_of(&name), words("which did not pass: ", record)].concat();
                }
                Standing::Unknown { .. } => {
                    row.reasons.extend(layers_of(&name));
                    row.reasons.push("which nobody let pass either".to_owned());
                }
            }
            row.twin = Some((name, standing));
        }
        rows
    }

    /// The best that is known of those that have the same layers.
    fn twin(
        &self,
        candidates: &[usize],
        judged: &[(&Place<'_>, &Found, Option<Standing>)],
        own: &Digest,
    ) -> Option<(String, Standing)> {
        let mut best: Option<(String, Standing)> = None;
        for &at in candidates {
            let (place, image, standing) = &judged[at];
            let standing = match standing {
                Some(standing) => standing.clone(),
                // What staging says of the digest itself was asked before.
                None if image.survey.digest == *own => continue,
                None => self.standing(place, &image.repository, &image.survey.digest).ok()?,
            };
            let rank = |standing: &Standing| match standing {
                Standing::Passed(_) => 2,
                Standing::Failed(_) => 1,
                Standing::Unknown { .. } => 0,
            };
            if best.as_ref().is_none_or(|(_, known)| rank(known) < rank(&standing)) {
                best = Some((place.name(image), standing));
            }
        }
        best
    }

    fn standing(&self, place: &Place<'_>, repository: &str, digest: &Digest) -> Result<Standing, String> {
        let repository = place.repository(repository).map_err(|error| error.to_string())?;
        self.rules.standing(&repository, digest).map_err(|failure| format!("{:#}", failure.error))
    }

    fn row(&self, image: &Found) -> Row {
        let mut row = Row {
            status: Status::Unreadable,
            repository: format!("{}/{}", self.production.registry, image.repository),
            digest: Some(image.survey.digest.clone()),
            tags: image.tags.clone(),
            reasons: Vec::new(),
            standing: None,
            twin: None,
        };
        let mut standings = vec![self.standing(self.production, &image.repository, &image.survey.digest)];
        // The same digest in staging: what was said of it there may not have come along.
        if let Some(place) = self.staging {
            let there: BTreeSet<&str> = place
                .images
                .iter()
                .filter(|staged| staged.survey.digest == image.survey.digest)
                .map(|staged| staged.repository.as_str())
                .collect();
            standings.extend(there.into_iter().map(|name| self.standing(place, name, &image.survey.digest)));
        }
        let mut newest: Option<(PassRecord, Standing)> = None;
        let mut errors = Vec::new();
        for standing in standings {
            match standing {
                Err(why) => errors.push(why),
                Ok(Standing::Unknown { looked_at }) => row.reasons.extend(looked_at),
                Ok(standing @ (Standing::Passed(_) | Standing::Failed(_))) => {
                    let (Standing::Passed(record) | Standing::Failed(record)) = &standing else { continue };
                    let key = |record: &PassRecord| (record.when, !record.is_pass());
                    if newest.as_ref().is_none_or(|(known, _)| key(known) < key(record)) {
                        newest = Some((record.clone(), standing.clone()));
                    }
                }
            }
        }
        if !errors.is_empty() {
            row.reasons = errors;
            return row;
        }
        if let Some((record, standing)) = newest {
            row.status = if record.is_pass() { Status::Passed } else { Status::Failed };
            row.reasons = words("", &record);
            row.standing = Some(standing);
        } else {
            row.status = Status::Bypassed;
            row.standing = Some(Standing::Unknown { looked_at: row.reasons.clone() });
        }
        row.reasons.dedup();
        row
    }
}

/// `the layers of registry.example/app`, and its digest: lines of their own, since a digest nearly fills one.
fn layers_of(name: &str) -> Vec<String> {
    let (repository, digest) = name.split_once('@').unwrap_or((name, ""));
    vec![format!("the layers of {repository}"), digest.to_owned()]
}

/// `failed on 2026-11-22T16:44:04Z`, and who says so.
fn words(before: &str, record: &PassRecord) -> Vec<String> {
    let mut words = vec![format!("{before}{} on {}", record.verdict, record.when)];
    match &record.attested {
        Some(attested) => {
            words.push(format!("key {}", attested.signed_by));
            words.push(format!("in  {}", attested.place.rsplit('@').next().unwrap_or_default()));
        }
        None => words.push(format!("says {}", record.from)),
    }
    words
}

fn table(rows: &[Row], place: &Place<'_>) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{:<12}  {}", row.status.word(), printable(&name(row)));
        if row.status == Status::Passed {
            continue;
        }
        if let Some(digest) = &row.digest {
            let _ = writeln!(text, "  {digest}");
        }
        for reason in row.reasons.iter().take(MAX_SHOWN_REASONS) {
            let _ = writeln!(text, "  {}", printable(reason));
        }
        if row.reasons.len() > MAX_SHOWN_REASONS {
            let _ = writeln!(text, "  and {} more", row.reasons.len() - MAX_SHOWN_REASONS);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let count = |status: Status| rows.iter().filter(|row| row.status == status).count();
    let counts: Vec<String> = Status::ALL
        .into_iter()
        .map(|status| (count(status), status))
        .filter(|(count, _)| *count > 0)
        .map(|(count, status)| format!("{count} {}", status.word()))
        .collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let artifacts = match place.artifacts {
        0 => String::new(),
        1 => "; 1 other thing, which is no image".to_owned(),
        count => format!("; {count} other things, which are no images"),
    };
    let unselected = match place.unselected {
        0 => String::new(),
        count => format!("; {count} tag{} left out", plural(count)),
    };
    let (images, repositories) = (place.images.len(), place.repositories);
    let ending = if repositories == 1 { "y" } else { "ies" };
    let _ = writeln!(
        text,
        "{images} image{} in {repositories} repositor{ending}{artifacts}{unselected}",
        plural(images)
    );
    let _ = writeln!(text, "{counts}");
    text
}

/// `registry.example/app:1.2, latest`.
fn name(row: &Row) -> String {
    let shown: Vec<&str> = row.tags.iter().take(MAX_SHOWN_TAGS).map(String::as_str).collect();
    let more = match row.tags.len().saturating_sub(MAX_SHOWN_TAGS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let mark = if shown.is_empty() { "" } else { ":" };
    format!("{}{mark}{}{more}", row.repository, shown.join(", "))
}

fn document(rows: &[Row], place: &Place<'_>) -> Value {
    let count = |status: Status| rows.iter().filter(|row| row.status == status).count();
    let counts: serde_json::Map<String, Value> =
        Status::ALL.into_iter().map(|status| (status.word().to_owned(), count(status).into())).collect();
    let images: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut entry = json!({
                "status": row.status.word(),
                "repository": row.repository,
                "digest": row.digest,
                "tags": row.tags,
                "reasons": row.reasons,
            });
            if let Some(standing) = &row.standing {
                entry["standing"] = standing_document(standing);
            }
            if let Some((name, standing)) = &row.twin {
                entry["same_content"] = json!({"image": name, "standing": standing_document(standing)});
            }
            entry
        })
        .collect();
    json!({
        "repositories": place.repositories,
        "artifacts": place.artifacts,
        "left_out": place.unselected,
        "counts": counts,
        "images": images,
    })
}
