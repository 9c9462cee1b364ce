//! `plimsoll registry audit`: what is in production and did not pass through the pipeline.
//!
//! Every image that a tag of production leads to is asked for: a signed attestation beside it, there or in staging, or a
//! verdict in a store. Without one it *bypassed the pipeline*. An image of the same layers as one that passed is told as
//! such: it was packed or labelled anew, and nothing else came in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::anyhow;
use plimsoll_model::{DiffId, Digest};
use plimsoll_oci::{Kind, Listing, Options, Reference, RegistryListing, Repository};
use plimsoll_report::printable;
use serde_json::{Value, json};

use crate::args::{RegistryArgs, TextOrJson, switch};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::passed::{PassArgs, PassRecord, PassRules, Standing};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::reach_registry;
use crate::verify::standing_document;

/// Reasons of one row that are shown to people; the others are counted. As JSON all are written.
const MAX_SHOWN_REASONS: usize = 4;
/// Tags of one row that are shown to people.
const MAX_SHOWN_TAGS: usize = 5;

/// What stands below the help.
pub(super) const EXAMPLES: &str = "\
Each place is a registry, or a part of one: `registry.example/prod` is the
repository `prod` and all below it. Exit status 0: everything passed; 1: an image
bypassed the pipeline, or failed in it; 3: something could not be read.

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
    #[command(flatten)]
    pass: PassArgs,
    /// Count an image of the same layers as one that passed as one that bypassed the pipeline.
    #[arg(long, env = "PLIMSOLL_AUDIT_EXACT", value_parser = switch())]
    exact: bool,
    /// Images that are asked for at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How the result is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    registry: RegistryArgs,
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

/// A registry, or a part of it.
struct Place<'a> {
    listing: &'a dyn Listing,
    registry: String,
    /// The repository below which it lies; empty for all of it.
    path: String,
    options: &'a Options,
}

/// An image that tags of a place lead to.
#[derive(Clone, Debug)]
struct Tagged {
    repository: String,
    digest: Digest,
    tags: Vec<String>,
}

/// What tags of a place lead to.
#[derive(Default)]
struct Contents {
    images: Vec<Tagged>,
    unreadable: Vec<Row>,
    repositories: usize,
    /// Tags of what is no image: signatures, charts.
    artifacts: usize,
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
    let production = Listed::open(&arguments.production, &options)?;
    let staging = arguments.staging.as_deref().map(|text| Listed::open(text, &options)).transpose()?;
    let jobs = usize::from(arguments.jobs);
    bars.say(format!("listing {}", arguments.production));
    let production = production.place(&options);
    let contents = production.contents(jobs)?;
    let staging = staging.as_ref().map(|listed| listed.place(&options));
    let staged = match &staging {
        Some(place) => {
            bars.say(format!("listing {}", place.registry));
            Some((place, place.contents(jobs)?))
        }
        None => None,
    };
    bars.say(format!("asking for {} images", contents.images.len()));
    let audit = Audit { rules: &rules, production: &production, staged: staged.as_ref() };
    let mut rows = audit.rows(&contents, jobs);
    rows.extend(contents.unreadable.iter().cloned());
    rows.extend(staged.iter().flat_map(|(_, contents)| contents.unreadable.iter().cloned()));
    rows.sort_by(|a, b| (a.status, &a.repository, &a.tags).cmp(&(b.status, &b.repository, &b.tags)));
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let text = match arguments.format {
        TextOrJson::Text => table(&rows, &contents),
        TextOrJson::Json => {
            let mut text = serde_json::to_string_pretty(&document(&rows, &contents)).unwrap_or_default();
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

/// A place and its lists.
struct Listed {
    listing: Box<dyn Listing>,
    registry: String,
    path: String,
}

impl Listed {
    fn open(text: &str, options: &Options) -> Result<Self, Failure> {
        let text = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
        let (registry, path) = text.split_once('/').unwrap_or((text, ""));
        if !path.is_empty() {
            Reference::of_repository(registry, path)
                .map_err(|error| crate::target::oci_failure(error, Exit::Usage))?;
        }
        let listing = RegistryListing::new(registry, options)
            .map_err(|error| crate::target::oci_failure(error, Exit::Usage))?;
        let registry = listing.registry().to_owned();
        // What lies there without a tag did not pass through the pipeline by that.
        let of_ecr = crate::aws::ecr_listing(&registry, &options.http.ca_certificates, true);
        let listing = of_ecr.unwrap_or_else(|| Box::new(listing));
        Ok(Self { listing, registry, path: path.to_owned() })
    }

    fn place<'a>(&'a self, options: &'a Options) -> Place<'a> {
        let (registry, path) = (self.registry.clone(), self.path.clone());
        Place { listing: self.listing.as_ref(), registry, path, options }
    }
}

impl Place<'_> {
    fn repository(&self, name: &str) -> Result<Repository, plimsoll_oci::Error> {
        Ok(Repository::open(&Reference::of_repository(&self.registry, name)?, self.options))
    }

    /// All images that tags lead to.
    fn contents(&self, jobs: usize) -> Result<Contents, Failure> {
        let names = self.listing.repositories().map_err(|error| {
            let what = format!("cannot list the repositories of `{}`", self.registry);
            Failure::new(Exit::CouldNotScan, anyhow!(error).context(what))
        })?;
        let below = |name: &String| {
            let rest = name.strip_prefix(self.path.as_str());
            self.path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let names: Vec<String> = names.into_iter().filter(below).collect();
        if names.is_empty() && !self.path.is_empty() {
            let what = format!(
                "cannot find `{}` in `{}`: expected a repository, found none",
                self.path, self.registry
            );
            return Err(Failure::new(Exit::CouldNotScan, anyhow!(what)));
        }
        let read = at_once(jobs, &names, |name| self.of_repository(name));
        let mut contents = Contents { repositories: names.len(), ..Contents::default() };
        for of_one in read {
            contents.images.extend(of_one.images);
            contents.unreadable.extend(of_one.unreadable);
            contents.artifacts += of_one.artifacts;
        }
        Ok(contents)
    }

    fn of_repository(&self, name: &str) -> Contents {
        let mut contents = Contents::default();
        let row = |tags: Vec<String>, why: String| Row {
            status: Status::Unreadable,
            repository: format!("{}/{name}", self.registry),
            digest: None,
            tags,
            reasons: vec![why],
            standing: None,
            twin: None,
        };
        let repository = match self.repository(name) {
            Ok(repository) => repository,
            Err(error) => {
                contents.unreadable.push(row(Vec::new(), error.to_string()));
                return contents;
            }
        };
        let tags = match self.listing.tags(name) {
            Ok(tags) => tags,
            Err(error) => {
                contents.unreadable.push(row(Vec::new(), format!("its tags: {error}")));
                return contents;
            }
        };
        let mut found: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for tag in tags {
            match repository.survey(&tag.name) {
                Ok(survey) if matches!(survey.kind, Kind::Artifact(_)) => contents.artifacts += 1,
                Ok(survey) => found.entry(survey.digest).or_default().push(tag.name),
                Err(error) => contents.unreadable.push(row(vec![tag.name], error.to_string())),
            }
        }
        contents.images = found
            .into_iter()
            .map(|(digest, tags)| Tagged { repository: name.to_owned(), digest, tags })
            .collect();
        contents
    }

    fn name(&self, image: &Tagged) -> String {
        format!("{}/{}@{}", self.registry, image.repository, image.digest)
    }

    fn content(&self, image: &Tagged) -> Result<Content, plimsoll_oci::Error> {
        let repository = self.repository(&image.repository)?;
        let (_, images) = repository.images(image.digest.as_str())?;
        let mut all =
            images.iter().map(|image| repository.diff_ids(image)).collect::<Result<Vec<Vec<DiffId>>, _>>()?;
        all.sort();
        Ok(Content(all))
    }
}

struct Audit<'a> {
    rules: &'a PassRules,
    production: &'a Place<'a>,
    staged: Option<&'a (&'a Place<'a>, Contents)>,
}

impl Audit<'_> {
    fn rows(&self, contents: &Contents, jobs: usize) -> Vec<Row> {
        let mut rows = at_once(jobs, &contents.images, |image| self.row(image));
        let unknown: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].status == Status::Bypassed).collect();
        if unknown.is_empty() {
            return rows;
        }
        // Who has the layers of one that was judged: of staging, and of production itself.
        let mut judged: Vec<(&Place<'_>, &Tagged, Option<Standing>)> = rows
            .iter()
            .zip(&contents.images)
            .filter(|(row, _)| matches!(row.status, Status::Passed | Status::Failed))
            .map(|(row, image)| (self.production, image, row.standing.clone()))
            .collect();
        if let Some((place, staged)) = self.staged {
            judged.extend(staged.images.iter().map(|image| (*place, image, None)));
        }
        let known: Vec<Option<Content>> =
            at_once(jobs, &judged, |(place, image, _)| place.content(image).ok());
        let mut by_content: BTreeMap<&Content, Vec<usize>> = BTreeMap::new();
        for (at, content) in known.iter().enumerate() {
            // An image without layers is like every other one.
            if let Some(content) =
                content.as_ref().filter(|content| content.0.iter().any(|ids| !ids.is_empty()))
            {
                by_content.entry(content).or_default().push(at);
            }
        }
        let images: Vec<&Tagged> = unknown.iter().map(|&at| &contents.images[at]).collect();
        let twins = at_once(jobs, &images, |image| {
            let Ok(content) = self.production.content(image) else { return None };
            self.twin(by_content.get(&content)?, &judged, &image.digest)
        });
        for (at, twin) in unknown.into_iter().zip(twins) {
            let Some((name, standing)) = twin else { continue };
            let row = &mut rows[at];
            match &standing {
                Standing::Passed(record) => {
                    row.status = Status::SameContent;
                    row.reasons =
                        vec![format!("the layers of {name}"), format!("which passed: {}", words(record))];
                }
                Standing::Failed(record) => {
                    row.status = Status::Failed;
                    row.reasons = vec![
                        format!("the layers of {name}"),
                        format!("which did not pass: {}", words(record)),
                    ];
                }
                Standing::Unknown { .. } => {
                    row.reasons.push(format!("the layers of {name}, which nobody let pass either"));
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
        judged: &[(&Place<'_>, &Tagged, Option<Standing>)],
        own: &Digest,
    ) -> Option<(String, Standing)> {
        let mut best: Option<(String, Standing)> = None;
        for &at in candidates {
            let (place, image, standing) = &judged[at];
            let standing = match standing {
                Some(standing) => standing.clone(),
                // What staging says of the digest itself was asked before.
                None if image.digest == *own => continue,
                None => self.standing(place, &image.repository, &image.digest).ok()?,
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

    fn row(&self, image: &Tagged) -> Row {
        let mut row = Row {
            status: Status::Unreadable,
            repository: format!("{}/{}", self.production.registry, image.repository),
            digest: Some(image.digest.clone()),
            tags: image.tags.clone(),
            reasons: Vec::new(),
            standing: None,
            twin: None,
        };
        let mut standings = vec![self.standing(self.production, &image.repository, &image.digest)];
        // The same digest in staging: what was said of it there may not have come along.
        if let Some((place, staged)) = self.staged {
            let there: BTreeSet<&str> = staged
                .images
                .iter()
                .filter(|staged| staged.digest == image.digest)
                .map(|staged| staged.repository.as_str())
                .collect();
            standings.extend(there.into_iter().map(|name| self.standing(place, name, &image.digest)));
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
        match newest {
            Some((record, standing)) => {
                row.status = if record.is_pass() { Status::Passed } else { Status::Failed };
                row.reasons = vec![words(&record)];
                row.standing = Some(standing);
            }
            None => {
                row.status = Status::Bypassed;
                row.standing = Some(Standing::Unknown { looked_at: row.reasons.clone() });
            }
        }
        row.reasons.dedup();
        row
    }
}

/// Does something to each, so many at once, and keeps their order.
fn at_once<T: Sync, R: Send>(jobs: usize, items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = act(item);
                    done.lock().expect("no holder of this lock panics").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no holder of this lock panics");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// `failed on 2026-11-22T16:44:04Z, says key sha256:4f1a…`.
fn words(record: &PassRecord) -> String {
    format!("{} on {}, says {}", record.verdict, record.when, record.from)
}

fn table(rows: &[Row], contents: &Contents) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.status != Status::Passed) {
        let _ = writeln!(text, "{:<12}  {}", row.status.word(), printable(&name(row)));
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
    let artifacts = match contents.artifacts {
        0 => String::new(),
        count => format!("; {count} tag{} of what is no image", plural(count)),
    };
    let (images, repositories) = (contents.images.len(), contents.repositories);
    let ending = if repositories == 1 { "y" } else { "ies" };
    let _ = writeln!(text, "{images} image{} in {repositories} repositor{ending}{artifacts}", plural(images));
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

fn document(rows: &[Row], contents: &Contents) -> Value {
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
        "repositories": contents.repositories,
        "artifacts": contents.artifacts,
        "counts": counts,
        "images": images,
    })
}
