//! `updateinfo.xml`, in which the repositories of RPM distributions tell their errata.
//!
//! Source: the format has no specification; it is what `createrepo_c` writes and `libdnf` reads: `updates`, in it for
//! each erratum an `update` with `id`, `title`, `severity`, `issued`, `updated`, `references` and a `pkglist` of
//! collections of packages.

use plimsoll_model::{Advisory, Namespace, RatingScale, Reference};

use crate::erratum::{self, Fixes, Key, evr, is_cve, is_id, is_word, moment};
use crate::error::InvalidRecord;
use crate::rating;
use crate::seam::Sink;
use crate::skip::Skip;
use crate::xml::{Element, Xml};

/// Links of one update.
const MAX_REFERENCES: usize = 20_000;

/// Packages of one update; an office suite has some 1,000.
const MAX_PACKAGES: usize = 100_000;

/// One erratum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Update {
    /// `ALAS2-2024-2345`, `RLSA-2024:1234`.
    pub(crate) id: String,
    /// `security`, `bugfix`, `enhancement`, `newpackage`.
    pub(crate) kind: String,
    /// One line for people.
    pub(crate) title: String,
    /// The publisher's word.
    pub(crate) severity: String,
    /// When it was first published, as written.
    pub(crate) issued: String,
    /// When it was last changed, as written.
    pub(crate) updated: String,
    /// What it is about.
    pub(crate) description: String,
    /// Links.
    pub(crate) references: Vec<Link>,
    /// Short name of the first collection of packages, which may tell the repository.
    pub(crate) collection: String,
    /// Builds that hold the fix.
    pub(crate) packages: Vec<Package>,
    /// What of it cannot be read, if anything: it is not to be used then.
    pub(crate) trouble: Option<String>,
}

/// A link of an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// `CVE-2024-3094`, or a number of a bug.
    pub(crate) id: String,
    /// `cve`, `bugzilla`, `self`.
    pub(crate) kind: String,
    /// The address.
    pub(crate) url: String,
}

/// A build of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its epoch; empty for 0.
    pub(crate) epoch: String,
    /// Its version.
    pub(crate) version: String,
    /// Its release.
    pub(crate) release: String,
    /// `x86_64`, `noarch`, `src`.
    pub(crate) architecture: String,
    /// The stream it is of, `nodejs:18`; empty outside of modules.
    pub(crate) module: String,
}

/// What a distribution's updates are to be understood by.
pub(crate) trait Publisher {
    /// The name under which it gives severities.
    fn name(&self) -> &'static str;

    /// Why an update is left out as a whole, in the plural; `None` for one that is read.
    fn left_out(&self, _update: &Update) -> Option<&'static str> {
        None
    }

    /// The release that a build is for; `None` where it cannot be told.
    fn namespace(&self, package: &Package) -> Option<Namespace>;

    /// The ID of the advisory that an update becomes.
    fn id(&self, update: &Update) -> String {
        update.id.clone()
    }

    /// The address of an update for people, where the publisher has one.
    fn page(&self, update: &Update) -> Option<String>;

    /// A remark on all packages of an update.
    fn note(&self, _update: &Update) -> String {
        String::new()
    }

    /// From which version on an update speaks of a package, whose fixed version is `fixed`.
    fn introduced(&self, _update: &Update, _package: &Package, _fixed: &str) -> String {
        "0".to_owned()
    }
}

/// Reads a file of that publisher. `path` is for messages.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_as(
    publisher: &dyn Publisher,
    path: &str,
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<(), InvalidRecord> {
    read(bytes, &mut |update| hand_on(publisher, path, update, sink))
}

/// What a file of this format begins with: the IDs tell whose it is.
pub(crate) fn claims(path: &str, head: &[u8], ids: &[&str]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if !name.contains("updateinfo") {
        return false;
    }
    let head = String::from_utf8_lossy(head);
    head.contains("<updates") && ids.iter().any(|id| head.contains(&format!("<id>{id}")))
}

fn hand_on(vendor: &dyn Publisher, path: &str, update: Update, sink: &mut Sink<'_>) {
    if !is_id(&update.id) {
        sink.fail(path.to_owned(), "expected an `id` of 1 to 256 bytes without blanks".to_owned());
        return;
    }
    if let Some(trouble) = &update.trouble {
        sink.fail(format!("{path}: {}", update.id), format!("expected an update, found {trouble}"));
        return;
    }
    let id = vendor.id(&update);
    let published = moment(&update.issued);
    let modified = match moment(&update.updated) {
        updated if updated.is_empty() => published.clone(),
        updated => updated,
    };
    let mut cves: Vec<String> =
        update.references.iter().map(|link| link.id.clone()).filter(|id| is_cve(id)).collect();
    cves.sort_unstable();
    cves.dedup();
    let no_security = || (update.kind != "security" && cves.is_empty()).then_some(NO_SECURITY);
    if let Some(what) = vendor.left_out(&update).or_else(no_security) {
        sink.skip(Skip::Other(what.to_owned()));
        sink.empty(id, modified);
        return;
    }
    let affected = fixes(vendor, &update, sink).into_affected();
    if affected.is_empty() {
        sink.empty(id, modified);
        return;
    }
    let mut ratings = Vec::new();
    let title_word = || rating::title_word(vendor.name(), &update.title).map(RatingScale::Word);
    if let Some(scale) = rating::scale(&update.severity).or_else(title_word) {
        rating::add(&mut ratings, vendor.name(), scale);
    }
    let page = vendor.page(&update);
    sink.advisory(Advisory {
        summary: erratum::summary(&update.title, &update.id),
        references: page.map(|url| Reference { kind: "ADVISORY".to_owned(), url }).into_iter().collect(),
        details: update.description,
        published,
        modified,
        upstream: cves,
        ratings,
        affected,
        id,
        ..Advisory::default()
    });
}

/// Bug fixes and new features that name no CVE.
const NO_SECURITY: &str = "updates that are no security updates";

fn fixes(vendor: &dyn Publisher, update: &Update, sink: &mut Sink<'_>) -> Fixes {
    let note = vendor.note(update);
    let mut fixes = Fixes::default();
    // The source package is named beside what was built of it.
    for package in update.packages.iter().filter(|package| package.architecture != "src") {
        if !is_word(&package.name) {
            sink.skip(Skip::NoPackage);
            continue;
        }
        let Some(end) = evr(&package.epoch, &package.version, &package.release) else {
            sink.skip(Skip::NoVersions);
            continue;
        };
        let Some(namespace) = vendor.namespace(package) else {
            sink.skip(Skip::Other("packages of a release that is not known".to_owned()));
            continue;
        };
        let key =
            Key { namespace, name: package.name.clone(), module: package.module.clone(), note: note.clone() };
        fixes.add(key, &vendor.introduced(update, package, &end), end);
    }
    fixes
}

/// Reads a file, one update after the other.
///
/// # Errors
/// [`InvalidRecord`] for what is no such file, is not well-formed, or is cut short. Updates before that place have been
/// handed out.
pub(crate) fn read(bytes: &[u8], each: &mut dyn FnMut(Update)) -> Result<(), InvalidRecord> {
    let mut xml = Xml::open(bytes, "updates", "an `updateinfo.xml`")?;
    while let Some(element) = xml.child()? {
        if element.name() == b"update" {
            each(update(&mut xml, &element)?);
        } else {
            xml.skip()?;
        }
    }
    Ok(())
}

fn update(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Update, InvalidRecord> {
    let mut update = Update { kind: xml.attribute(element, "type"), ..Update::default() };
    while let Some(child) = xml.child()? {
        match child.name() {
            b"id" => update.id = xml.text()?,
            b"title" => update.title = xml.text()?,
            b"severity" => update.severity = xml.text()?,
            b"description" => update.description = xml.text()?,
            b"issued" => {
                update.issued = xml.attribute(&child, "date");
                xml.skip()?;
            }
            b"updated" => {
                update.updated = xml.attribute(&child, "date");
                xml.skip()?;
            }
            b"references" => references(xml, &mut update.references)?,
            b"pkglist" => {
                while let Some(child) = xml.child()? {
                    if child.name() == b"collection" {
                        let short = xml.attribute(&child, "short");
                        if update.collection.is_empty() {
                            update.collection = short;
                        }
                        collection(xml, &mut update.packages)?;
                    } else {
                        xml.skip()?;
                    }
                }
            }
            _ => xml.skip()?,
        }
    }
    update.trouble = xml.take_trouble();
    Ok(update)
}

fn references(xml: &mut Xml<'_>, links: &mut Vec<Link>) -> Result<(), InvalidRecord> {
    while let Some(child) = xml.child()? {
        if child.name() == b"reference" {
            if links.len() == MAX_REFERENCES {
                xml.set_trouble(format!("more than {MAX_REFERENCES} references"));
            } else {
                let [id, kind, url] = xml.attributes(&child, ["id", "type", "href"]);
                links.push(Link { id, kind, url });
            }
        }
        xml.skip()?;
    }
    Ok(())
}

/// A collection is of one module, or of none. The module may stand behind packages, so they learn of it at the end.
fn collection(xml: &mut Xml<'_>, packages: &mut Vec<Package>) -> Result<(), InvalidRecord> {
    let first = packages.len();
    let mut module = String::new();
    while let Some(child) = xml.child()? {
        match child.name() {
            b"package" if packages.len() == MAX_PACKAGES => {
                xml.set_trouble(format!("more than {MAX_PACKAGES} packages"));
            }
            b"package" => {
                let [name, epoch, version, release, architecture] =
                    xml.attributes(&child, ["name", "epoch", "version", "release", "arch"]);
                packages.push(Package { name, epoch, version, release, architecture, module: String::new() });
            }
            b"module" => {
                let [name, stream] = xml.attributes(&child, ["name", "stream"]);
                if !name.is_empty() {
                    module = format!("{name}:{stream}");
                }
            }
            _ => {}
        }
        xml.skip()?;
    }
    if !module.is_empty() {
        for package in &mut packages[first..] {
            package.module.clone_from(&module);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "updateinfo_tests.rs"]
mod tests;
