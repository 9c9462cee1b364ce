//! Maven's `pom.xml`: the dependencies that it names itself.
//!
//! What they need in turn, and what a parent or an imported list of versions says, stands in other files. A version
//! is taken where this file has it: literally, by its own properties, or by its own `dependencyManagement`.
//!
//! Source: Maven 3.9, "POM Reference"; Maven model 4.0.0.

mod xml;

use std::collections::BTreeMap;

use plimsoll_model::PackageKind;

use super::{Listing, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};
use xml::Element;

/// Reads `dependencies` of the project and of its profiles, in every scope. A version that this file does not have
/// is a gap.
pub(crate) struct MavenPom;

const NAME: &str = "maven-pom";

/// Largest `pom.xml`, in bytes. Those of frameworks have some 200 KiB.
const MAX_POM_BYTES: u64 = 8 << 20;

/// Properties that stand for properties: how many steps are followed.
const MAX_STEPS: usize = 10;

/// Longest value that properties may grow to, in bytes.
const MAX_VALUE_BYTES: usize = 500;

impl Cataloger for MavenPom {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    /// Below `META-INF` it is what an archive was built from.
    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_own(entry, "pom.xml") && !entry.path.split('/').any(|folder| folder == "META-INF")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_POM_BYTES)?;
        let project = xml::read(&text).map_err(|found| ReadError::malformed("an XML document", found))?;
        if project.name != "project" {
            let found = format!("`{}`", excerpt(project.name.as_bytes()));
            return Err(ReadError::malformed("an element `project`", found));
        }
        let properties = Properties::of(&project);
        let mut managed = BTreeMap::new();
        let profiles = project.children_at(&["profiles", "profile"]);
        for part in std::iter::once(&project).chain(profiles.iter().copied()) {
            for dependency in part.children_at(&["dependencyManagement", "dependencies", "dependency"]) {
                if let Some(key) = properties.key(dependency) {
                    managed.entry(key).or_insert_with(|| dependency.text_of("version"));
                }
            }
        }
        let mut listing = Listing::new(PackageKind::Maven, NAME, out);
        listing.direct = Some(true);
        for part in std::iter::once(&project).chain(profiles.iter().copied()) {
            for dependency in part.children_at(&["dependencies", "dependency"]) {
                list(dependency, &properties, &managed, &mut listing);
            }
        }
        Ok(())
    }
}

fn list(
    dependency: &Element,
    properties: &Properties<'_>,
    managed: &BTreeMap<String, &str>,
    listing: &mut Listing<'_>,
) {
    let Some(key) = properties.key(dependency) else {
        let found = format!("`{}:{}`", dependency.text_of("groupId"), dependency.text_of("artifactId"));
        let found = excerpt(found.as_bytes());
        return listing.gap("", format!("expected group and artifact of a dependency, found {found}"));
    };
    let written = match dependency.text_of("version") {
        "" => managed.get(&key).copied().unwrap_or(""),
        version => version,
    };
    let place = excerpt(key.as_bytes());
    match properties.resolve(written) {
        _ if written.is_empty() => {
            listing.gap(place, "expected a version in this file, found none: a parent or an import has it");
        }
        Some(version) if !version.is_empty() && !version.contains(['[', '(', ',', ' ']) => {
            listing.add(&key, &version);
        }
        Some(_) | None => {
            let found = excerpt(written.as_bytes());
            listing.gap(place, format!("expected one version in this file, found `{found}`"));
        }
    }
}

/// What `${…}` stands for in this file.
struct Properties<'a>(BTreeMap<String, &'a str>);

impl<'a> Properties<'a> {
    fn of(project: &'a Element) -> Self {
        let mut values = BTreeMap::new();
        let parent = project.child("parent");
        for field in ["groupId", "artifactId", "version"] {
            let of_parent = parent.map_or("", |parent| parent.text_of(field));
            let own = match project.text_of(field) {
                "" if field != "artifactId" => of_parent,
                own => own,
            };
            for (prefix, value) in [
                ("project.", own),
                ("pom.", own),
                ("", own),
                ("project.parent.", of_parent),
                ("parent.", of_parent),
            ] {
                if !value.is_empty() {
                    values.insert(format!("{prefix}{field}"), value);
                }
            }
        }
        for property in project.child("properties").map_or(&[][..], |properties| &properties.children) {
            values.insert(property.name.clone(), property.text.trim());
        }
        Self(values)
    }

    /// The text with its properties put in; `None` where one is not in this file.
    fn resolve(&self, text: &str) -> Option<String> {
        let mut text = text.trim().to_owned();
        for _ in 0..MAX_STEPS {
            let Some(start) = text.find("${") else { return Some(text) };
            let end = start + text[start..].find('}')?;
            let value = self.0.get(&text[start + 2..end])?;
            if text.len() + value.len() > MAX_VALUE_BYTES {
                return None;
            }
            text.replace_range(start..=end, value);
        }
        None
    }

    /// `group:artifact`.
    fn key(&self, dependency: &Element) -> Option<String> {
        let group = self.resolve(dependency.text_of("groupId")).filter(|text| !text.is_empty())?;
        let artifact = self.resolve(dependency.text_of("artifactId")).filter(|text| !text.is_empty())?;
        Some(format!("{group}:{artifact}"))
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_each, check_real, wanted};
    use expect_test::expect;

    #[test]
    fn versions_of_this_file_are_found() {
        check_real(
            &MavenPom,
            "service/pom.xml",
            include_str!("../../testdata/lock/maven/pom.xml"),
            &expect![[r#"
                maven org.apache.logging.log4j:log4j-core 2.14.1 (direct)
                maven com.fasterxml.jackson.core:jackson-databind 2.12.3 (direct)
                maven org.yaml:snakeyaml 1.30 (direct)
                maven example.plimsoll:harbour-api 2.0.0 (direct)
                maven org.apache.commons:commons-text 1.9 (direct)
                gap org.junit.jupiter:junit-jupiter: expected a version in this file, found none: a parent or an import has it
                gap com.h2database:h2: expected one version in this file, found `${h2.version}`
                gap commons-io:commons-io: expected one version in this file, found `[2.6,2.7)`
            "#]],
        );
    }

    #[test]
    fn properties_have_an_end() {
        check(
            &MavenPom,
            "pom.xml",
            "<project><properties><a>${b}</a><b>${a}</b><c>${c}${c}</c><d>x&amp;y<!-- z --></d></properties><dependencies>\
             <dependency><groupId>g</groupId><artifactId>a</artifactId><version>${a}</version></dependency>\
             <dependency><groupId>g</groupId><artifactId>c</artifactId><version>${c}</version></dependency>\
             <dependency><groupId>g</groupId><artifactId>d</artifactId><version>${d}</version></dependency>\
             <dependency><groupId>g</groupId><artifactId>e</artifactId><version>${</version></dependency>\
             <dependency><groupId>${none}</groupId><artifactId>f</artifactId></dependency>\
             <dependency/></dependencies></project>",
            &expect![[r#"
                maven g:d x&y (direct)
                gap g:a: expected one version in this file, found `${a}`
                gap g:c: expected one version in this file, found `${c}`
                gap g:e: expected one version in this file, found `${`
                gap : expected group and artifact of a dependency, found `${none}:f`
                gap : expected group and artifact of a dependency, found `:`
            "#]],
        );
    }

    #[test]
    fn what_is_no_pom_is_an_error() {
        check_each(
            &MavenPom,
            "pom.xml",
            &[
                "",
                "hello",
                "<settings/>",
                "<project><dependencies>",
                "<project></projekt>",
                "<project/><project/>",
            ],
            &expect![[r#"
                -- 
                error: expected an XML document, found no element
                -- hello
                error: expected an XML document, found no element
                -- <settings/>
                error: expected an element `project`, found `settings`
                -- <project><dependencies>
                error: expected an XML document, found no end of `dependencies`
                -- <project></projekt>
                error: expected an XML document, found at byte 9: ill-formed document: expected `</project>`, but `</projekt>` was found
                -- <project/><project/>
                error: expected an XML document, found a second element at byte 10
            "#]],
        );
        check(
            &MavenPom,
            "pom.xml",
            &"<project>".repeat(10_000),
            &expect![[r#"
            error: expected an XML document, found more than 500000 elements, or nesting deeper than 100, at byte 900
        "#]],
        );
        check(
            &MavenPom,
            "pom.xml",
            "<!DOCTYPE project [<!ENTITY a \"1.0\">]><project><dependencies><dependency><groupId>g</groupId>\
             <artifactId>a</artifactId><version>&a;</version></dependency></dependencies></project>",
            &expect![[r#"
                error: expected an XML document, found an entity of its own at byte 128
            "#]],
        );
    }

    #[test]
    fn an_archives_own_pom_is_not_read() {
        let paths = ["pom.xml", "a/pom.xml", "target/classes/META-INF/maven/g/a/pom.xml", "mypom.xml"];
        assert_eq!(wanted(&MavenPom, &paths), ["pom.xml", "a/pom.xml"]);
    }
}
