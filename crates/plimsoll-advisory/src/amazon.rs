//! Amazon Linux 2 and 2023: `updateinfo.xml` of their repositories.
//!
//! The way to a file: a list of mirrors names the repository of the day, its `repomd.xml` names the file. The repositories
//! for `x86_64` tell the builds of all architectures.
//!
//! *Extras* of Amazon Linux 2 are topics (`docker`, `kernel-5.10`, `php8.0`), each a repository of its own that the
//! catalogue of extras names. They bear the names of core's packages in other versions, and nothing in an RPM database
//! tells which repository a package came from. So an advisory of a topic that is named after a stream speaks only of that
//! stream's versions: `ALASPHP8.0-…` fixes `php-cli` in `[8.0, 8.0.30-1.amzn2)`, and core's `php-cli` 5.4 is below. A
//! package of such a topic whose version is not that of the stream is judged from its own first number on:
//! `rubygems` 3.0.3 of `ruby2.6` in `[3, 3.0.3-…)`. A topic without a number (`docker`, `firefox`) goes through all
//! streams of its packages, which core has not, with few exceptions (`emacs`), and is judged from 0. The topic stands in
//! the note.
//!
//! Live patches of the kernel (`ALAS2LIVEPATCH-…`) are left out and counted: a container runs no kernel. Amazon Linux 1
//! is not read.
//!
//! Source: Amazon Linux Security Center, "FAQs", for the IDs; `amazon-linux-extras(1)` for the topics.

use plimsoll_model::{Ecosystem, Namespace};
use serde::Deserialize;

use crate::error::InvalidRecord;
use crate::repository;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::updateinfo::{self, Package, Publisher, Update};

/// The repositories of Amazon Linux 2 and 2023.
pub(crate) struct Amazon;

static ABOUT: About = About {
    name: "amazon",
    title: "Amazon Linux repositories",
    home: "https://alas.aws.amazon.com/",
    licence: "not stated",
    base: "https://cdn.amazonlinux.com/",
    brings: "Fixed versions and severities of Amazon Linux 2, its extras, and 2023, which are in no other source; nothing of \
             flaws without a fix.",
    ecosystems: &[Ecosystem::AmazonLinux],
    by_default: true,
    max_file_bytes: 1 << 30,
};

/// Lists of mirrors of the core repositories, and what they hold.
const CORE: &[(&str, &str)] = &[
    ("2/core/latest/x86_64/mirror.list", "Amazon Linux:2"),
    ("al2023/core/mirrors/latest/x86_64/mirror.list", "Amazon Linux:2023"),
];

/// The catalogue of extras of Amazon Linux 2.
const CATALOGUE: &str = "2/extras-catalog.json";

/// Scope of the catalogue; a topic's repository has `Amazon Linux:2/docker`.
const EXTRAS: &str = "Amazon Linux:2/";

/// Topics of the catalogue that are followed; there are some 70.
const MAX_TOPICS: usize = 500;

/// Longest name of a topic, in bytes.
const MAX_TOPIC_BYTES: usize = 100;

impl Source for Amazon {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::AmazonLinux)) {
            return Vec::new();
        }
        let core = CORE.iter().copied();
        core.chain([(CATALOGUE, EXTRAS)])
            .map(|(path, scope)| Feed {
                source: ABOUT.name,
                path: path.to_owned(),
                scope: scope.to_owned(),
                kind: FeedKind::Index,
            })
            .collect()
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        updateinfo::claims(path, head, &["ALAS"])
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let (release, topic) = file.scope.split_once('/').unwrap_or((file.scope, ""));
        let namespace = Namespace::parse(release).filter(|namespace| !namespace.release.is_empty());
        updateinfo::read_as(&Repository { namespace, topic }, file.path, file.bytes, sink)
    }

    fn follow(&self, index: &Feed, bytes: &[u8]) -> Result<Vec<Feed>, InvalidRecord> {
        if index.path.ends_with("extras-catalog.json") {
            return topics(index, bytes);
        }
        if index.path.ends_with("mirror.list") {
            return repository::of_mirror_list(ABOUT.base, index, bytes).map(|feed| vec![feed]);
        }
        match repository::updateinfo(index, bytes)? {
            Some(feed) => Ok(vec![feed]),
            // Many a topic never had an erratum.
            None if index.scope.contains('/') => Ok(Vec::new()),
            None => Err(InvalidRecord {
                expected: "a `repomd.xml` that names an `updateinfo`",
                found: "none".to_owned(),
            }),
        }
    }
}

#[derive(Deserialize)]
struct Catalogue {
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
struct Topic {
    #[serde(rename = "n", default)]
    name: String,
}

/// The lists of mirrors of the topics.
fn topics(index: &Feed, bytes: &[u8]) -> Result<Vec<Feed>, InvalidRecord> {
    let expected = "the catalogue of extras";
    let catalogue: Catalogue =
        serde_json::from_slice(bytes).map_err(|error| InvalidRecord::json(expected, &error))?;
    if catalogue.topics.len() > MAX_TOPICS {
        let found = format!("{} topics, at most {MAX_TOPICS} are followed", catalogue.topics.len());
        return Err(InvalidRecord { expected, found });
    }
    let mut names: Vec<String> = catalogue.topics.into_iter().map(|topic| topic.name).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names
        .into_iter()
        .filter(|name| is_topic(name) && !name.contains("livepatch"))
        .map(|name| Feed {
            path: format!("2/extras/{name}/latest/x86_64/mirror.list"),
            scope: format!("{EXTRAS}{name}"),
            ..index.clone()
        })
        .collect())
}

fn is_topic(name: &str) -> bool {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte));
    is_plain && !name.starts_with('.') && (1..=MAX_TOPIC_BYTES).contains(&name.len())
}

/// How the updates of one file are understood.
struct Repository<'a> {
    /// Its release; `None` where only the builds tell.
    namespace: Option<Namespace>,
    /// The topic of extras whose repository it is; empty for core, or where only the IDs tell.
    topic: &'a str,
}

impl Repository<'_> {
    fn topic(&self, update: &Update) -> String {
        if self.topic.is_empty() { topic_of(&update.id) } else { self.topic.to_owned() }
    }
}

impl Publisher for Repository<'_> {
    fn name(&self) -> &'static str {
        ABOUT.name
    }

    fn left_out(&self, update: &Update) -> Option<&'static str> {
        self.topic(update).contains("livepatch").then_some("live patches of the kernel")
    }

    fn namespace(&self, package: &Package) -> Option<Namespace> {
        self.namespace.clone().or_else(|| release_of(&package.release))
    }

    fn page(&self, update: &Update) -> Option<String> {
        let own = update.references.iter().find(|link| link.kind == "self");
        own.map(|link| link.url.clone()).filter(|url| url.starts_with("https://"))
    }

    fn note(&self, update: &Update) -> String {
        let topic = self.topic(update);
        if topic.is_empty() { topic } else { format!("of the extra `{topic}`") }
    }

    fn introduced(&self, update: &Update, package: &Package, fixed: &str) -> String {
        introduced(&self.topic(update), &package.version, fixed)
    }
}

/// The release that a build is for: `9.amzn2.0.1` is Amazon Linux 2.
fn release_of(release: &str) -> Option<Namespace> {
    let mark = release.split(['.', '_']).rev().find_map(|part| part.strip_prefix("amzn"))?;
    matches!(mark, "2" | "2023").then(|| Namespace::release(Ecosystem::AmazonLinux, mark))
}

/// The topic that an ID names, in lower case: `ALASKERNEL-5.10-2022-004` and `ALAS2KERNEL-5.10-2022-004` give
/// `kernel-5.10`, `ALAS2-2018-951` nothing.
fn topic_of(id: &str) -> String {
    let rest = id.strip_prefix("ALAS").unwrap_or_default();
    let name = rest.rsplitn(3, '-').nth(2).unwrap_or_default();
    name.trim_start_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase()
}

/// From which version on a topic's advisory speaks of a package; see the head of this file.
fn introduced(topic: &str, version: &str, fixed: &str) -> String {
    let streams = topic
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|stream| stream.trim_matches('.'))
        .filter(|stream| !stream.is_empty());
    let mut streams = streams.peekable();
    if streams.peek().is_none() {
        return "0".to_owned();
    }
    let is_stream = |stream: &&str| {
        version.strip_prefix(*stream).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let first = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let from = streams.find(is_stream).unwrap_or(first);
    match fixed.split_once(':') {
        _ if from.is_empty() => "0".to_owned(),
        Some((epoch, _)) => format!("{epoch}:{from}"),
        None => from.to_owned(),
    }
}

#[cfg(test)]
#[path = "amazon_tests.rs"]
mod tests;
