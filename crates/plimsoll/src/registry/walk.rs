//! What of a registry is meant: repositories, their tags, and what these lead to.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::anyhow;
use plimsoll_model::Digest;
use plimsoll_oci::{
    Error, Kind, ListedTag, Listing, ListingError, Options, Reference, RegistryListing, Repository, Survey,
};
use plimsoll_store::matches;

use super::args::Selection;
use super::order::natural;
use crate::exit::{Exit, Failure};
use crate::parallel;
use crate::progress::Bars;
use crate::target::oci_failure;

/// Hex digits of the digest in a tag that stands for one.
const TAG_DIGITS: usize = 64;

/// A digest in one repository, with the tags that lead to it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Without the registry.
    pub(crate) repository: String,
    /// In the order of people, at least one.
    pub(crate) tags: Vec<String>,
    /// What it is.
    pub(crate) survey: Survey,
    /// When it was pushed, RFC 3339, where the registry says so.
    pub(crate) pushed: Option<String>,
}

impl Found {
    /// When it was built: the newest of its images.
    pub(crate) fn created(&self) -> Option<&str> {
        self.survey.members.iter().filter_map(|member| member.created.as_deref()).max()
    }

    /// By what the newest is told.
    fn age(&self) -> (Option<&str>, Option<&str>) {
        (self.pushed.as_deref(), self.created())
    }
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unread {
    /// A repository, or `repository:tag`.
    pub(crate) what: String,
    /// Why.
    pub(crate) reason: String,
}

/// What was not looked at because it was not meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Tags that hold signatures, attestations and the like of an image.
    pub(crate) statements: usize,
    /// Tags that `--include` and `--exclude` leave out.
    pub(crate) unselected: usize,
    /// Images that `--newest` leaves out.
    pub(crate) older: usize,
    /// Tags that hold something else than an image.
    pub(crate) artifacts: usize,
    /// Images of other platforms than the one that was asked for.
    pub(crate) other_platforms: usize,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    /// Registry, as references have it.
    pub(crate) registry: String,
    /// By repository, then by the first tag.
    pub(crate) found: Vec<Found>,
    /// What could not be looked at, sorted.
    pub(crate) unread: Vec<Unread>,
    pub(crate) left_out: LeftOut,
    /// Repositories that were looked at.
    pub(crate) repositories: usize,
}

/// A registry, and what of it is meant.
struct Place {
    registry: String,
    /// Repositories begin with it.
    folder: Option<String>,
}

impl Place {
    fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim_end_matches('/');
        let (registry, folder) = match text.split_once('/') {
            Some((registry, folder)) if !text.contains("://") => (registry, Some(folder.to_owned())),
            _ => (text, None),
        };
        if text.contains("://") {
            let what = format!(
                "cannot read registry `{text}`: expected its name alone, found an address with a scheme"
            );
            return Err(Failure::new(Exit::Usage, anyhow!(what))
                .hint("name it as in `registry.example:5000`; without TLS with `--insecure-http`"));
        }
        Ok(Self { registry: registry.to_owned(), folder })
    }

    fn has(&self, repository: &str) -> bool {
        self.folder.as_deref().is_none_or(|folder| {
            repository.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// Looks at all that is meant.
///
/// # Errors
/// Where the registry does not list its repositories. What fails of a single one is told.
pub(crate) fn walk(selection: &Selection, options: &Options, bars: &Bars) -> Result<Walk, Failure> {
    let place = Place::parse(&selection.registry)?;
    let listing =
        RegistryListing::new(&place.registry, options).map_err(|error| oci_failure(error, Exit::Usage))?;
    let registry = listing.registry().to_owned();
    // A registry of ECR has no list of repositories; its own service has, and knows when images were pushed.
    let of_ecr = crate::aws::ecr_listing(&registry, &options.http.ca_certificates, selection.everything);
    let listing = of_ecr.unwrap_or_else(|| Box::new(listing));
    walk_with(selection, &place, &registry, listing.as_ref(), options, bars)
}

fn walk_with(
    selection: &Selection,
    place: &Place,
    registry: &str,
    listing: &dyn Listing,
    options: &Options,
    bars: &Bars,
) -> Result<Walk, Failure> {
    let jobs = usize::from(selection.jobs);
    let mut walk = Walk { registry: registry.to_owned(), ..Walk::default() };
    bars.say(format!("asking {registry} for its repositories"));
    let is_named = !selection.repository.is_empty();
    let mut names = if is_named {
        selection.repository.clone()
    } else {
        let mut names = listing.repositories().map_err(|error| listing_failure(error, registry))?;
        names.retain(|name| place.has(name));
        names
    };
    names.sort();
    names.dedup();
    walk.repositories = names.len();
    let done = AtomicUsize::new(0);
    let listed = parallel::map(jobs, &names, |name| {
        bars.say(format!(
            "tags: {} of {} repositories",
            done.fetch_add(1, Ordering::Relaxed) + 1,
            names.len()
        ));
        listing.tags(name)
    });
    let mut wanted: Vec<(Reference, ListedTag)> = Vec::new();
    for (name, tags) in names.iter().zip(listed) {
        let tags = match tags {
            Ok(tags) => tags,
            // The list of a registry may be older than what it lists; a repository without tags has no images.
            Err(error) if !is_named && is_not_found(&error) => continue,
            Err(error) => {
                walk.unread.push(Unread { what: name.clone(), reason: error.to_string() });
                continue;
            }
        };
        for tag in tags {
            if !is_selected(selection, name, &tag.name) {
                walk.left_out.unselected += 1;
                continue;
            }
            let parsed = Reference::of_repository(registry, name).and_then(|reference| match &tag.digest {
                // What has no tag is listed under its digest.
                Some(digest) if digest.as_str() == tag.name => Ok(reference),
                _ => reference.with_tag(&tag.name),
            });
            match parsed {
                Ok(reference) => wanted.push((reference, tag)),
                Err(error) => {
                    let what = format!("{name}:{}", tag.name);
                    walk.unread.push(Unread { what, reason: error.to_string() });
                }
            }
        }
    }
    if (is_named || !selection.include.is_empty() || place.folder.is_some())
        && wanted.is_empty()
        && walk.unread.is_empty()
    {
        let what = format!(
            "cannot find images in `{}`: expected some that fit what was asked for, found none in {} repositories",
            selection.registry,
            names.len()
        );
        return Err(Failure::new(Exit::Usage, anyhow!(what)));
    }
    survey(&mut walk, wanted, options, jobs, bars);
    if !selection.everything {
        leave_statements(&mut walk);
    }
    if let Some(most) = selection.newest {
        keep_newest(&mut walk, usize::try_from(most).unwrap_or(usize::MAX));
    }
    walk.unread.sort();
    Ok(walk)
}

/// Of a digest in a repository: its tags, and when it was pushed.
type Tagged = ((String, Digest), (Vec<String>, Option<String>));

/// Looks at each digest once in each repository.
fn survey(walk: &mut Walk, wanted: Vec<(Reference, ListedTag)>, options: &Options, jobs: usize, bars: &Bars) {
    let mut repositories: HashMap<String, Repository> = HashMap::new();
    for (reference, _) in &wanted {
        let name = reference.repository().to_owned();
        repositories.entry(name).or_insert_with(|| Repository::open(reference, options));
    }
    let done = AtomicUsize::new(0);
    let digests = parallel::map(jobs, &wanted, |(reference, tag)| {
        bars.say(format!("manifests: {} of {} tags", done.fetch_add(1, Ordering::Relaxed) + 1, wanted.len()));
        match &tag.digest {
            Some(digest) => Ok(digest.clone()),
            None => repositories[reference.repository()].fetch_manifest(&tag.name).map(|found| found.digest),
        }
    });
    // Tags of one digest, in each repository.
    let mut rows: BTreeMap<(String, Digest), (Vec<String>, Option<String>)> = BTreeMap::new();
    for ((reference, tag), digest) in wanted.into_iter().zip(digests) {
        match digest {
            Ok(digest) => {
                let row = rows.entry((reference.repository().to_owned(), digest)).or_default();
                row.0.push(tag.name);
                row.1 = row.1.take().max(tag.pushed);
            }
            Err(error) => walk.unread.push(Unread {
                what: format!("{}:{}", reference.repository(), tag.name),
                reason: error.to_string(),
            }),
        }
    }
    let rows: Vec<Tagged> = rows.into_iter().collect();
    let done = AtomicUsize::new(0);
    let surveys = parallel::map(jobs, &rows, |((repository, digest), _)| {
        bars.say(format!("images: {} of {}", done.fetch_add(1, Ordering::Relaxed) + 1, rows.len()));
        repositories[repository].survey(digest.as_str())
    });
    for (((repository, _), (mut tags, pushed)), survey) in rows.into_iter().zip(surveys) {
        tags.sort_by(|a, b| natural(a, b));
        match survey {
            Ok(survey) => walk.found.push(Found { repository, tags, survey, pushed }),
            Err(error) => walk.unread.push(Unread {
                what: format!("{repository}:{}", tags.join(", ")),
                reason: error.to_string(),
            }),
        }
    }
    walk.found.sort_by(|a, b| a.repository.cmp(&b.repository).then_with(|| natural(&a.tags[0], &b.tags[0])));
}

/// Leaves out what lies under tags that stand for digests, unless it is an image: nobody shall hide one there.
fn leave_statements(walk: &mut Walk) {
    let left_out = &mut walk.left_out;
    walk.found.retain(|found| {
        let is_statement = matches!(found.survey.kind, Kind::Artifact(_))
            && found.tags.iter().all(|tag| stands_for_digest(tag));
        left_out.statements += if is_statement { found.tags.len() } else { 0 };
        !is_statement
    });
}

/// Leaves the newest images of each repository. What is no image is not counted.
fn keep_newest(walk: &mut Walk, most: usize) {
    let mut by_repository: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for found in walk.found.iter().filter(|found| !matches!(found.survey.kind, Kind::Artifact(_))) {
        by_repository.entry(&found.repository).or_default().push(found);
    }
    let mut older: Vec<(String, Digest)> = Vec::new();
    for (repository, mut images) in by_repository {
        images.sort_by(|a, b| {
            let by_tag = || natural(b.tags.last().map_or("", |tag| tag), a.tags.last().map_or("", |tag| tag));
            b.age().cmp(&a.age()).then_with(by_tag)
        });
        let left = images.iter().skip(most);
        older.extend(left.map(|found| (repository.to_owned(), found.survey.digest.clone())));
    }
    walk.left_out.older = older.len();
    walk.found.retain(|found| {
        !older
            .iter()
            .any(|(repository, digest)| *repository == found.repository && *digest == found.survey.digest)
    });
}

/// Whether a tag stands for a digest: lists of referrers, and what cosign keeps beside an image.
fn stands_for_digest(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|rest| {
        let (hex, more) = rest.split_at_checked(TAG_DIGITS).unwrap_or((rest, "-"));
        hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && (more.is_empty() || more.starts_with('.'))
    })
}

fn is_selected(selection: &Selection, repository: &str, tag: &str) -> bool {
    let name = format!("{repository}:{tag}");
    let fits = |pattern: &String| matches(pattern, if pattern.contains(':') { &name } else { repository });
    (selection.include.is_empty() || selection.include.iter().any(fits))
        && !selection.exclude.iter().any(fits)
}

fn is_not_found(error: &ListingError) -> bool {
    matches!(error.downcast_ref(), Some(Error::NotFound { .. }))
}

/// A list that could not be had, with its hint.
fn listing_failure(error: ListingError, registry: &str) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) => oci_failure(*error, Exit::CouldNotScan),
        Err(error) => crate::aws::listing_failure(error).unwrap_or_else(|error| {
            let what = format!("cannot list the repositories of `{registry}`");
            Failure::new(Exit::CouldNotScan, anyhow!(error).context(what))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_stand_for_digests_are_no_images() {
        let hex = "0123456789abcdef".repeat(4);
        for (tag, expected) in [
            (format!("sha256-{hex}"), true),
            (format!("sha256-{hex}.sig"), true),
            (format!("sha256-{hex}-debug"), false),
            (format!("sha256-{}", &hex[1..]), false),
            (format!("sha256-{}", hex.replace('0', "x")), false),
            ("latest".to_owned(), false),
        ] {
            assert_eq!(stands_for_digest(&tag), expected, "{tag}");
        }
    }

    #[test]
    fn patterns_choose() {
        let selection = |include: &[&str], exclude: &[&str]| Selection {
            registry: String::new(),
            repository: Vec::new(),
            include: include.iter().map(|&text| text.to_owned()).collect(),
            exclude: exclude.iter().map(|&text| text.to_owned()).collect(),
            newest: None,
            jobs: 1,
            everything: false,
        };
        for (include, exclude, expected) in [
            (&[][..], &[][..], true),
            (&["team/*"], &[], true),
            (&["team/app"], &[], true),
            (&["app"], &[], false),
            (&["*:1.?"], &[], true),
            (&["*:1.?"], &["team/app"], false),
            (&[], &["*:latest"], true),
            (&["other/*", "*:1*"], &["*:*rc*"], true),
        ] {
            assert_eq!(
                is_selected(&selection(include, exclude), "team/app", "1.2"),
                expected,
                "{include:?} {exclude:?}"
            );
        }
    }

    #[test]
    fn a_registry_may_have_a_folder_behind_it() {
        let place = Place::parse("r.example:5000/team/").unwrap();
        assert_eq!((place.registry.as_str(), place.folder.as_deref()), ("r.example:5000", Some("team")));
        assert!(place.has("team/app") && place.has("team") && !place.has("teams/app"));
        assert!(Place::parse("r.example").unwrap().has("any"));
        assert!(Place::parse("https://r.example").is_err());
    }
}
