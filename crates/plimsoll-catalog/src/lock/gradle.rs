//! Gradle's `gradle.lockfile`, and the files of earlier versions in `dependency-locks`.
//!
//! Source: Gradle documentation, "Locking dependency versions".

use plimsoll_model::PackageKind;

use super::{Listing, MAX_TEXT_BYTES, is_foreign, line};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};

/// Reads the modules of every configuration.
pub(crate) struct GradleLock;

const NAME: &str = "gradle-lock";

impl Cataloger for GradleLock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", entry.path));
        let is_of_configuration =
            name.ends_with(".lockfile") && folder.rsplit('/').next() == Some("dependency-locks");
        (matches!(name, "gradle.lockfile" | "buildscript-gradle.lockfile") || is_of_configuration)
            && !is_foreign(entry.path)
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_TEXT_BYTES)?;
        let mut listing = Listing::new(PackageKind::Maven, NAME, out);
        for (index, content) in text.lines().enumerate() {
            let content = content.trim();
            // `group:artifact:version=configuration,…`; the configurations that have nothing stand behind `empty=`.
            let module = content.split('=').next().unwrap_or(content);
            if content.is_empty() || content.starts_with('#') || module == "empty" {
                continue;
            }
            match module.rsplit_once(':') {
                Some((name, version)) if is_name(name) && !version.is_empty() => listing.add(name, version),
                _ => {
                    let found = excerpt(content.as_bytes());
                    listing
                        .gap(line(index + 1), format!("expected `group:artifact:version`, found `{found}`"));
                }
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.split_once(':')
        .is_some_and(|(group, artifact)| !group.is_empty() && !artifact.is_empty() && !artifact.contains(':'))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_real, wanted};
    use expect_test::expect;

    #[test]
    fn every_configuration_is_read() {
        check_real(
            &GradleLock,
            "app/gradle.lockfile",
            include_str!("../../testdata/lock/gradle/gradle.lockfile"),
            &expect![[r#"
                maven com.google.guava:guava 31.0.1-jre
                maven org.apache.logging.log4j:log4j-core 2.14.1
                maven org.junit.jupiter:junit-jupiter 5.9.3
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check(&GradleLock, "gradle.lockfile", "", &expect![[""]]);
        check(
            &GradleLock,
            "gradle.lockfile",
            "a:b\na:b:c:d=x\n::1\na:b:1.0=x\nhello",
            &expect![[r#"
            maven a:b 1.0
            gap line 1: expected `group:artifact:version`, found `a:b`
            gap line 2: expected `group:artifact:version`, found `a:b:c:d=x`
            gap line 3: expected `group:artifact:version`, found `::1`
            gap line 5: expected `group:artifact:version`, found `hello`
        "#]],
        );
    }

    #[test]
    fn names_decide() {
        let paths = [
            "gradle.lockfile",
            "app/buildscript-gradle.lockfile",
            "gradle/dependency-locks/compileClasspath.lockfile",
            "gradle/x.lockfile",
        ];
        assert_eq!(wanted(&GradleLock, &paths), paths[..3]);
    }
}
