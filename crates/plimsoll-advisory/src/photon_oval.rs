//! Photon OS: which builds an advisory fixed, as OVAL definitions, one file for each release.
//!
//! A definition speaks of one package of an advisory, with the packages built from it. The number in its title is counted
//! anew whenever the file is made, so an ID is taken from the link to the advisory instead, with the package behind it,
//! since other definitions of the same advisory fix other flaws: `PHSA:00001:5.0:20` of 2023, about `libcap`, is
//! `PHSA-2023-5.0-0020/libcap`. Definitions of one advisory, package and severity are one advisory here; another severity
//! stands behind the package, since it is that of other flaws.
//!
//! Source: <https://packages.broadcom.com/photon/photon_oval_definitions/>; OVAL Language 5.11.

use std::collections::BTreeMap;

use plimsoll_model::{Advisory, Ecosystem, Namespace, Reference};

use crate::criteria::{Criteria, Leaf, Versions};
use crate::erratum::{Fixes, Key, evr_of, is_cve, is_id, is_word, moment};
use crate::error::InvalidRecord;
use crate::oval::{Definition, Fact, Operation, Oval, Quality};
use crate::rating;
use crate::seam::{FeedFile, Sink};
use crate::skip::Skip;

/// The package by whose version a release is told.
const RELEASE_PACKAGE: &str = "photon-release";

/// The digits that the number of an advisory is filled up to.
const NUMBER_DIGITS: usize = 4;

/// Whether a file begins as these do.
pub(crate) fn claims(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    head.contains("oval_definitions") && head.contains("com.vmware.phsa:")
}

pub(crate) fn read(file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
    let oval = Oval::read(file.bytes)?;
    let mut criteria = Criteria::new(&oval, &leaf);
    // None must take another's place.
    let mut advisories: BTreeMap<String, (Advisory, Fixes)> = BTreeMap::new();
    for definition in &oval.definitions {
        read_definition(file.path, &mut criteria, definition, &mut advisories, sink);
    }
    for (id, (mut advisory, fixes)) in advisories {
        advisory.affected = fixes.into_affected();
        if advisory.affected.is_empty() {
            sink.empty(id, advisory.modified);
        } else {
            advisory.upstream.sort_unstable();
            advisory.upstream.dedup();
            sink.advisory(advisory);
        }
    }
    Ok(())
}

fn read_definition(
    path: &str,
    criteria: &mut Criteria<'_>,
    definition: &Definition,
    advisories: &mut BTreeMap<String, (Advisory, Fixes)>,
    sink: &mut Sink<'_>,
) {
    if definition.class != "patch" {
        sink.skip(Skip::Other("definitions that are no patches".to_owned()));
        return;
    }
    let place = format!("{path}: {}", definition.id);
    let published = moment(&definition.issued);
    let package = definition.title.split_whitespace().nth(1).unwrap_or_default();
    let Some(id) = id_of(definition, &published, package) else {
        let expected =
            "expected a title with a package, and a link as `PHSA:00001:5.0:20`, found neither or one";
        sink.fail(place, expected.to_owned());
        return;
    };
    if let Some(trouble) = &definition.trouble {
        sink.fail(place, format!("expected a definition, found {trouble}"));
        return;
    }
    let (statements, unknown) = match criteria.of(definition) {
        Ok(statements) => statements,
        Err(found) => {
            sink.fail(place, format!("expected criteria of packages, found {found}"));
            return;
        }
    };
    for (why, count) in unknown {
        (0..count).for_each(|_| sink.skip(Skip::Other(why.to_owned())));
    }
    let mut ratings = Vec::new();
    if let Some(scale) = rating::scale(&definition.severity) {
        rating::add(&mut ratings, "photon", scale);
    }
    let is_other = advisories.get(&id).is_some_and(|(known, _)| known.ratings != ratings);
    let severity = if ratings.is_empty() { "unrated" } else { definition.severity.trim() };
    let id = if is_other { format!("{id}/{}", severity.to_ascii_lowercase()) } else { id };
    let (advisory, fixes) = advisories.entry(id.clone()).or_default();
    for statement in statements {
        let Versions::Before(end) = statement.versions else { continue };
        let (namespace, name, module) = (statement.namespace, statement.name, statement.module);
        fixes.add(Key { namespace, name, module, note: String::new() }, "0", end);
    }
    advisory.upstream.extend(flaws(definition));
    // Of several definitions the first says what the advisory is.
    if advisory.id.is_empty() {
        advisory.modified = match moment(&definition.updated) {
            updated if updated.is_empty() => published.clone(),
            updated => updated,
        };
        advisory.published = published;
        advisory.summary = format!("{package} security update");
        advisory.details.clone_from(&definition.description);
        let page = definition.references.iter().find(|link| is_own(&link.source));
        let page = page.filter(|link| link.url.starts_with("https://"));
        advisory.references = page
            .map(|link| Reference { kind: "ADVISORY".to_owned(), url: link.url.clone() })
            .into_iter()
            .collect();
        advisory.ratings = ratings;
        advisory.id = id;
    }
}

fn is_own(source: &str) -> bool {
    source.eq_ignore_ascii_case("phsa")
}

/// `PHSA-2023-5.0-0020/libcap`; without the year where no date is given.
fn id_of(definition: &Definition, published: &str, package: &str) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let link = definition.references.iter().find(|link| is_own(&link.source))?;
    let (rest, number) = link.id.rsplit_once(':')?;
    let (_, release) = rest.rsplit_once(':')?;
    let is_release = release.split_once('.').is_some_and(|(major, minor)| digits(major) && digits(minor));
    if !is_release || !digits(number) || !is_word(package) {
        return None;
    }
    let year = published.get(..4).map(|year| format!("{year}-")).unwrap_or_default();
    let number = number.trim_start_matches('0');
    let id = format!("PHSA-{year}{release}-{number:0>NUMBER_DIGITS$}/{package}");
    is_id(&id).then_some(id)
}

/// The flaws that are fixed: CVEs, and names of a company's own list.
fn flaws(definition: &Definition) -> impl Iterator<Item = String> + '_ {
    let links = definition.references.iter().map(|link| link.id.rsplit(':').next().unwrap_or_default());
    let named = definition.cves.iter().map(|cve| cve.text.trim());
    let is_flaw = |id: &&str| is_cve(id) || (id.starts_with("BDSA-") && is_id(id));
    links.chain(named).filter(is_flaw).map(str::to_owned)
}

/// What a test means.
fn leaf(fact: &Fact<'_>) -> Leaf {
    match fact.state {
        _ if fact.none => Leaf::Unknown("criteria that packages must not be there"),
        Some((Quality::Version, _, version)) if fact.object == RELEASE_PACKAGE => {
            release(version.trim_start_matches('^'))
        }
        Some((Quality::Signature | Quality::Architecture, ..)) => Leaf::Given,
        Some((Quality::Evr, Operation::LessThan, fixed)) => package(fact.object, fixed),
        _ => by_comment(fact.comment.trim()),
    }
}

/// What a test means by its comment, where the document lacks what it refers to.
fn by_comment(comment: &str) -> Leaf {
    let version = comment.strip_prefix("Photon OS ").and_then(|rest| rest.strip_suffix(" is installed"));
    if let Some(version) = version {
        return release(version);
    }
    match comment.split_once(" is earlier than ") {
        Some((name, fixed)) => package(name, fixed),
        None if comment.contains(" is signed with ") => Leaf::Given,
        None => Leaf::Unknown("criteria that are not understood"),
    }
}

/// The release whose version begins so: `5`, `5.0`. Each has had one minor version, 0.
fn release(version: &str) -> Leaf {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    match &version[..end] {
        major if (1..=2).contains(&major.len()) => {
            Leaf::Product(Namespace::release(Ecosystem::PhotonOs, &format!("{major}.0")))
        }
        _ => Leaf::OtherProduct,
    }
}

fn package(name: &str, fixed: &str) -> Leaf {
    match evr_of(fixed).filter(|_| is_word(name)) {
        Some(fixed) => Leaf::Package { name: name.to_owned(), versions: Versions::Before(fixed) },
        None => Leaf::Unknown("packages without a range or version that can be compared"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::photon::Photon;
    use crate::seam::Source as _;
    use crate::testing::{read_to_text, survives};

    const NAME: &str = "com.vmware.phsa-photon5.xml";
    const FILE: &str = include_str!("../testdata/photon/com.vmware.phsa-photon5.xml");

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&read_to_text(&Photon, NAME, "Photon OS:5.0", text.as_bytes()));
    }

    /// A document of one definition with this link and these criteria.
    fn document(title: &str, link: &str, criteria: &str) -> String {
        format!(
            r#"<oval_definitions><definitions><definition id="oval:com.vmware.phsa:def:1" class="patch"><metadata>
            <title>{title}</title><reference ref_id="{link}" source="PHSA"/></metadata>{criteria}
            </definition></definitions></oval_definitions>"#
        )
    }

    #[test]
    fn definitions_are_named_by_their_advisory_and_their_package() {
        check(
            FILE,
            expect![[r#"
            PHSA-2023-5.0-0020/hull upstream=CVE-2023-1000,CVE-2023-1001 summary="hull security update" details="Hull 2.66-2.ph5 fixes two flaws." published="2023-06-07T00:00:00Z" modified="2023-06-08T00:00:00Z" photon=HIGH
              ADVISORY https://github.com/vmware/photon/wiki/Security-Updates-5.0-20
              Photon OS:5.0 hull [>=0 <2.66-2.ph5]
              Photon OS:5.0 hull-libs [>=0 <2.66-2.ph5]
            PHSA-2023-5.0-0020/keel upstream=CVE-2023-2000 summary="keel security update" published="2023-06-07T00:00:00Z" modified="2023-06-07T00:00:00Z" photon=CRITICAL
              ADVISORY https://github.com/vmware/photon/wiki/Security-Updates-5.0-20
              Photon OS:5.0 keel [>=0 <1:1.0-3.ph5]
            PHSA-2023-5.0-0020/keel/low upstream=BDSA-2023-3000 summary="keel security update" published="2023-06-07T00:00:00Z" modified="2023-06-07T00:00:00Z" photon=LOW
              Photon OS:5.0 keel-devel [>=0 <1:1.0-3.ph5]
        "#]],
        );
    }

    #[test]
    fn comments_serve_where_the_document_has_nothing_else() {
        let (start, _) = FILE.split_once("<tests>").unwrap();
        let bare = format!("{start}</oval_definitions>");
        assert_eq!(
            read_to_text(&Photon, NAME, "", bare.as_bytes()),
            read_to_text(&Photon, NAME, "", FILE.as_bytes())
        );
    }

    #[test]
    fn what_is_broken_is_told_and_the_rest_goes_on() {
        for (title, link) in [
            ("PHSA-2026:00001", "PHSA:1:5.0:2"),
            ("PHSA-2026:00001 hull Security Update.", "PHSA:1"),
            ("PHSA-2026:00001 hull Security Update.", "PHSA:1:5:2"),
            ("PHSA-2026:00001 hull Security Update.", "PHSA:1:5.0:x"),
            ("", ""),
        ] {
            let text = read_to_text(&Photon, NAME, "", document(title, link, "").as_bytes());
            assert!(
                text.starts_with(
                    "failed: com.vmware.phsa-photon5.xml: oval:com.vmware.phsa:def:1: expected a title"
                ),
                "{text}"
            );
        }
        check(
            &document(
                "PHSA-2026:00001 hull Security Update.",
                "PHSA:00001:5.0:2",
                r#"<criteria><criterion comment="Photon OS 5 is installed"/><criterion comment="hull is signed with VMware key"/>
                <criterion comment="the moon is full"/><criterion comment="a b is earlier than 0:1-1"/>
                <criterion comment="hull is earlier than 0:2-1.ph5"/></criteria>"#,
            ),
            expect![[r#"
                PHSA-5.0-0002/hull summary="hull security update"
                  Photon OS:5.0 hull [>=0 <2-1.ph5]
                left out: 1 criteria that are not understood
                left out: 1 packages without a range or version that can be compared
            "#]],
        );
        check(
            &document("PHSA-2026:00001 hull Security Update.", "PHSA:00001:5.0:2", ""),
            expect![[r#"
            Withdrawn { source: "photon", id: "PHSA-5.0-0002/hull", modified: "" }
        "#]],
        );
        check(
            "<html><body>login</body></html>",
            expect![[r"
            error: expected OVAL definitions, found element `html`, at byte 6
        "]],
        );
    }

    #[test]
    fn its_feeds_and_its_files() {
        assert_eq!(Photon.feeds(None)[4].path, "com.vmware.phsa-photon5.xml.gz");
        assert_eq!(Photon.feeds(None)[4].scope, "Photon OS:5.0");
        assert!(Photon.claims("a.xml", &FILE.as_bytes()[..1000]));
        assert!(!Photon.claims("a.xml", b"<oval_definitions><definition id=\"oval:com.oracle.elsa:def:1\""));
    }

    #[test]
    fn foreign_bytes_do_no_harm() {
        survives(&Photon, NAME, "Photon OS:5.0", FILE.as_bytes());
    }
}
