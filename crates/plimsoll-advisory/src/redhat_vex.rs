//! Red Hat's VEX documents: one for each CVE that has to do with any of its products.
//!
//! **Which stream a statement speaks of** is told by the CPE of the product, never by the product's ID:
//!
//! | CPE | namespace |
//! | --- | --- |
//! | `cpe:/o:redhat:enterprise_linux:9::baseos`, `cpe:/a:redhat:enterprise_linux:9::appstream` | `Red Hat:9` |
//! | `cpe:/o:redhat:enterprise_linux:10.1` | `Red Hat:10` |
//! | `cpe:/o:redhat:rhel_eus:9.2::baseos`, likewise `rhel_aus`, `rhel_e4s`, `rhel_els`, `rhel_tus` | `Red Hat:rhel_eus:9.2` |
//! | `cpe:/o:redhat:enterprise_linux_eus:10.0` | `Red Hat:rhel_eus:10.0` |
//! | all else | left out, and counted |
//!
//! A stream of extended support is sold by itself. Its fix is not one that mainline gets (there the fix is a build of
//! a later minor release), and mainline's is none that it gets. So the two are never mixed: mainline is judged by
//! `Red Hat:9`, and an extended stream by its own namespace, which holds all its repositories. A fix that was made
//! while a minor release was the current one (product ID `BaseOS-9.2.0.Z.MAIN.EUS`) bears mainline's CPE and counts
//! there; where mainline was fixed in several minor releases, [`crate::rpm_fixes::by_minor_release`] says which build
//! holds which fix.
//!
//! **Packages** are binary and source RPMs, both under their names, each once whatever number of architectures. A
//! name that is a binary's and a source's at once is one entry. Left out are `-debuginfo` and `-debugsource`, which
//! hold no code that runs and whose source package speaks for them; parts that are no RPMs (container images, Flatpaks,
//! jars); and modules as such, since a document lists the packages of a fixed module too.
//!
//! Both layouts are read: the one under `/vex/` (architectures listed one by one, unfixed products by major release
//! alone), and the one under `/vex-feed/`, which names minor releases and source packages.
//!
//! Source: Red Hat Product Security, "CSAF Security Advisories and VEX Security Data", "CSAF-VEX GA Details" and
//! "Purl" of its security data guidelines.

use std::borrow::Cow;

use plimsoll_model::{AffectedStatus, Ecosystem, Namespace};

use crate::csaf::{self, Component, Products};
use crate::entry::note;
use crate::error::InvalidRecord;
use crate::purl_text::PurlText;
use crate::rpm_fixes;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;
use crate::vex::{self, Listed, Package, Publisher};

/// One document a CVE, one archive of all of them.
pub(crate) struct RedHatVex;

static ABOUT: About = About {
    name: "redhat-vex",
    title: "Red Hat VEX documents",
    home: "https://security.access.redhat.com/data/csaf/v2/vex/",
    licence: "CC-BY-4.0",
    base: "https://security.access.redhat.com/data/csaf/v2/vex/",
    brings: "flaws of Red Hat Enterprise Linux before there is a fix, with what is to be expected (will not be fixed, \
             deferred, out of support), what is not affected and why, modules, and streams of extended support kept \
             apart; some hundred megabytes; products other than Enterprise Linux are left out",
    ecosystems: &[Ecosystem::RedHat],
    by_default: false,
    max_file_bytes: 256 * 1024 * 1024,
};

const PUBLISHER: Publisher = Publisher {
    prefix: "REDHAT-",
    name: "redhat",
    has_titles: true,
    range: |fixes| rpm_fixes::by_minor_release(fixes),
    keeps_rejected: false,
    other_products: "Red Hat's products other than Enterprise Linux",
    namespace: |product| namespace(product.cpe()),
    // Middleware stands in the lists by itself, without packages.
    is_other: |product| namespace(product.cpe()).is_none(),
    package,
    remark: |status, words| if status == AffectedStatus::Affected { String::new() } else { note(words) },
    settle: |_, _| {},
};

/// The index that names the archive of the day.
const INDEX: &str = "archive_latest.txt";
/// Longest name of an archive, in bytes.
const MAX_ARCHIVE_NAME_BYTES: usize = 128;
/// Products of CPEs, beside `enterprise_linux` itself, that are streams of Enterprise Linux with updates of their own.
///
/// Source: Red Hat, "CPE" of the security data guidelines; life cycle pages of the add-ons.
const EXTENDED_STREAMS: &[&str] = &[
    "rhel_aus",
    "rhel_e4s",
    "rhel_els",
    "rhel_eus",
    "rhel_eus_long_life",
    "rhel_mission_critical",
    "rhel_tus",
];
/// Under which name parts are counted that are left out.
const NO_RPMS: &str = "parts of Red Hat Enterprise Linux that are no RPMs";

impl Source for RedHatVex {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::RedHat)) {
            return Vec::new();
        }
        vec![Feed { source: ABOUT.name, path: INDEX.to_owned(), scope: String::new(), kind: FeedKind::Index }]
    }

    fn follow(&self, _: &Feed, bytes: &[u8]) -> Result<Vec<Feed>, InvalidRecord> {
        let name = std::str::from_utf8(bytes).unwrap_or_default().trim();
        let is_archive = name.len() <= MAX_ARCHIVE_NAME_BYTES
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !name.starts_with('.')
            && [".tar.zst", ".tar.gz", ".tar.bz2"].iter().any(|end| name.ends_with(end));
        if !is_archive {
            let found: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
            return Err(InvalidRecord {
                expected: "the name of an archive, `csaf_vex_<date>.tar.zst`",
                found: format!("`{}`", found.escape_debug()),
            });
        }
        Ok(vec![Feed {
            source: ABOUT.name,
            path: name.to_owned(),
            scope: String::new(),
            kind: FeedKind::File,
        }])
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        csaf::is_vex_of(path, head, &["\"https://www.redhat.com\""])
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        PUBLISHER.read(file, sink)
    }
}

/// The namespace of a platform by its CPE, in either of CPE's spellings. `None` for what is no stream of Enterprise
/// Linux.
fn namespace(cpe: &str) -> Option<Namespace> {
    let rest = cpe.strip_prefix("cpe:/").or_else(|| cpe.strip_prefix("cpe:2.3:"))?;
    let mut parts = rest.split(':').skip(1);
    let (vendor, product, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if vendor != "redhat" || !version.split('.').all(is_number) {
        return None;
    }
    let major = version.split('.').next().unwrap_or(version);
    let stream = match product.strip_prefix("enterprise_linux") {
        Some("") => return Some(Namespace::release(Ecosystem::RedHat, major)),
        Some(stream) => Cow::Owned(format!("rhel{stream}")),
        None => Cow::Borrowed(product),
    };
    EXTENDED_STREAMS
        .contains(&&*stream)
        .then(|| Namespace::release(Ecosystem::RedHat, &format!("{stream}:{version}")))
}

/// The RPM that a component is; `Ok(None)` for a part that another statement speaks for.
fn package<'t>(
    component: &Component<'t>,
    listed: Listed,
    products: &Products<'t>,
) -> Result<Option<Package<'t>>, Skip> {
    let no_rpm = || Skip::Other(NO_RPMS.to_owned());
    let reference = component.reference;
    let mut module = module_between(component, products);
    let build = Build::split(reference);
    let (name, mut version) = match component.product.and_then(|product| PurlText::split(product.purl())) {
        Some(purl) if purl.kind == "rpm" => {
            if let Some(label) = purl.qualifier("rpmmod").filter(|_| module.is_empty()) {
                module = stream(label);
            }
            (purl.name(), version_of(&purl, build.as_ref()))
        }
        Some(purl) if purl.kind == "rpmmod" => match purl.namespace.split_once('/') {
            // A package of a module: `pkg:rpmmod/redhat/nodejs:18/nodejs`.
            Some((_, label)) => {
                module = stream(Cow::Borrowed(label));
                (purl.name(), String::new())
            }
            None if listed == Listed::Fixed => return Ok(None),
            None => return Err(Skip::NoPackage),
        },
        Some(_) => return Err(no_rpm()),
        // Older documents have package URLs for fixed products alone.
        None => match (&build, reference.split_once('/')) {
            (Some(build), _) => (Cow::Borrowed(build.name), build.version()),
            (None, Some((label, name))) if label.contains(':') => {
                module = stream(Cow::Borrowed(label));
                (Cow::Borrowed(name), String::new())
            }
            (None, Some(_)) => return Err(no_rpm()),
            (None, None) => (Cow::Borrowed(without_suffix(reference)), String::new()),
        },
    };
    if name.ends_with("-debuginfo") || name.ends_with("-debugsource") {
        return Ok(None);
    }
    if module.ends_with(":flatpak") {
        return Err(no_rpm());
    }
    if !vex::is_name(&name) || (!module.is_empty() && !vex::is_name(&module)) {
        return Err(Skip::NoPackage);
    }
    if listed != Listed::Fixed {
        version.clear();
    } else if !version.contains('-') || !rpm_fixes::is_version(&version) {
        return Err(Skip::NoVersions);
    }
    Ok(Some(Package { name, module, version, source: String::new() }))
}

/// The module that stands between a package and its platform, or behind its ID: `…x86_64::nodejs:18`.
fn module_between<'t>(component: &Component<'t>, products: &Products<'t>) -> Cow<'t, str> {
    if component.between.is_empty() {
        let behind = component.reference.split_once("::").map_or("", |(_, label)| label);
        return stream(Cow::Borrowed(behind));
    }
    let purl = products.product(component.between).and_then(|module| PurlText::split(module.purl()));
    match purl.filter(|purl| purl.kind == "rpmmod") {
        Some(purl) => stream(Cow::Owned(format!("{}:{}", purl.name(), purl.version()))),
        None => stream(Cow::Borrowed(component.between)),
    }
}

/// Name and stream of a module's label: `nodejs:18` of `nodejs:18:8090020240101:abcd1234`. Empty for what has no
/// stream.
fn stream(label: Cow<'_, str>) -> Cow<'_, str> {
    let mut colons = label.match_indices(':').map(|(at, _)| at);
    let Some(first) = colons.next() else { return Cow::Borrowed("") };
    let end = colons.next().unwrap_or(label.len());
    if first == 0 || end == first + 1 {
        return Cow::Borrowed("");
    }
    match label {
        Cow::Borrowed(label) => Cow::Borrowed(&label[..end]),
        Cow::Owned(mut label) => {
            label.truncate(end);
            Cow::Owned(label)
        }
    }
}

/// `kernel` of `kernel.src`.
fn without_suffix(name: &str) -> &str {
    name.strip_suffix(".src").unwrap_or(name)
}

/// The version of a package URL with the epoch that only some of them bear, and else the product's ID does.
fn version_of(purl: &PurlText<'_>, build: Option<&Build<'_>>) -> String {
    let version = purl.version();
    let epoch = purl.qualifier("epoch");
    let epoch = epoch.as_deref().or(build.map(|build| build.epoch)).unwrap_or_default();
    match build {
        Some(build) if version.is_empty() => build.version(),
        _ => with_epoch(epoch, &version),
    }
}

/// An epoch of 0 is left out, as inventories leave it out.
fn with_epoch(epoch: &str, version: &str) -> String {
    if epoch.is_empty() || epoch.bytes().all(|byte| byte == b'0') {
        version.to_owned()
    } else {
        format!("{epoch}:{version}")
    }
}

/// A build as a product ID names it: `name-epoch:version-release.arch`, a module's label behind it or not.
struct Build<'t> {
    name: &'t str,
    epoch: &'t str,
    version: &'t str,
}

impl<'t> Build<'t> {
    /// `None` for what has no epoch: an ID without one is none of a build.
    fn split(reference: &'t str) -> Option<Self> {
        const ARCHITECTURES: &[&str] = &[
            "aarch64", "i386", "i486", "i586", "i686", "ia64", "noarch", "ppc", "ppc64", "ppc64le",
            "riscv64", "s390", "s390x", "src", "x86_64",
        ];
        let build = reference.split("::").next().unwrap_or(reference);
        let (name, rest) = build.split_once(':').and_then(|(before, rest)| {
            let (name, epoch) = before.rsplit_once('-')?;
            let is_epoch = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
            is_epoch.then_some(((name, epoch), rest))
        })?;
        let version = match rest.rsplit_once('.') {
            Some((version, architecture)) if ARCHITECTURES.contains(&architecture) => version,
            _ => rest,
        };
        Some(Self { name: name.0, epoch: name.1, version })
    }

    fn version(&self) -> String {
        with_epoch(self.epoch, self.version)
    }
}

#[cfg(test)]
#[path = "redhat_vex_tests.rs"]
mod tests;
