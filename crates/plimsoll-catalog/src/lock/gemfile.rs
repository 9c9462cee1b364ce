//! Bundler's `Gemfile.lock`.
//!
//! Source: Bundler 2.3 to 2.6, `bundler/lockfile_parser.rb`.

use std::collections::HashSet;

use plimsoll_model::PackageKind;

use super::{Listing, MAX_TEXT_BYTES, is_own, line};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};

/// Reads the `specs` of every section. Gems of `GIT` and `PATH` are listed without a version.
pub(crate) struct GemfileLock;

const NAME: &str = "gemfile-lock";

impl Cataloger for GemfileLock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_own(entry, "Gemfile.lock") || is_own(entry, "gems.locked")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_TEXT_BYTES)?;
        let named = named_by_own(&text);
        let mut listing = Listing::new(PackageKind::Gem, NAME, out);
        let mut section = "";
        let mut is_lock = false;
        for (index, content) in text.lines().enumerate() {
            match (indentation(content), section) {
                (0, _) => {
                    section = content.trim_end();
                    is_lock |= matches!(section, "GEM" | "GIT" | "PATH" | "DEPENDENCIES" | "PLATFORMS");
                }
                // Below `  specs:`; what a gem needs stands two deeper.
                (4, "GEM" | "GIT" | "PATH" | "PLUGIN SOURCE") => {
                    if let Some((name, version)) = name_and_version(content.trim()) {
                        listing.direct = named.as_ref().map(|named| named.contains(name));
                        listing.add(name, if section == "GEM" { version } else { "" });
                    } else {
                        let found = excerpt(content.trim().as_bytes());
                        listing.gap(line(index + 1), format!("expected `name (version)`, found `{found}`"));
                    }
                }
                _ => {}
            }
        }
        if is_lock { Ok(()) } else { Err(ReadError::malformed("a section `GEM`", "none")) }
    }
}

/// What the `Gemfile` names, and what the gems of folders do, which are the project's own. `None` without a section
/// `DEPENDENCIES`.
fn named_by_own(text: &str) -> Option<HashSet<&str>> {
    let mut section = "";
    let mut has_dependencies = false;
    let mut named = HashSet::new();
    for content in text.lines() {
        match (indentation(content), section) {
            (0, _) => {
                section = content.trim_end();
                has_dependencies |= section == "DEPENDENCIES";
            }
            // A `!` says that its source is named too.
            (2, "DEPENDENCIES") | (6, "PATH") => {
                let name = content.trim().split([' ', '!']).next().unwrap_or("");
                named.insert(name);
            }
            _ => {}
        }
    }
    has_dependencies.then_some(named)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// `name (1.0.0-x86_64-linux)`: a platform follows the version, which has no `-` itself.
fn name_and_version(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(" (")?;
    let version = rest.strip_suffix(')')?;
    let version = version.split('-').next().unwrap_or(version);
    (!name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit())).then_some((name, version))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&GemfileLock, "Gemfile.lock", text, expect);
    }

    #[test]
    fn a_projects_lock_is_read() {
        testing::check_real(
            &GemfileLock,
            "app/Gemfile.lock",
            include_str!("../../testdata/lock/ruby/Gemfile.lock"),
            &expect![[r#"
                gem quay  (direct)
                gem minitest 5.15.0 (direct)
                gem rake 13.0.6 (direct)
            "#]],
        );
    }

    #[test]
    fn platforms_are_no_part_of_the_version() {
        check(
            "GIT\n  remote: https://host.example/a.git\n  revision: 0f\n  specs:\n    a (1.0.0)\n      b (>= 1)\n\n\
             GEM\n  remote: https://gems.example/\n  specs:\n    b (1.2.0)\n    c (1.15.0-x86_64-linux)\n      d (~> 1)\n    \
             c (1.15.0)\n    e (2.0.0.pre.1)\n    f\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  a!\n\nCHECKSUMS\n  b (1.2.0) sha256=00\n\n\
             BUNDLED WITH\n   2.5.0\n",
            &expect![[r#"
                gem a  (direct)
                gem b 1.2.0 (transitive)
                gem c 1.15.0 (transitive)
                gem e 2.0.0.pre.1 (transitive)
                gap line 16: expected `name (version)`, found `f`
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check(
            "",
            &expect![[r#"
            error: expected a section `GEM`, found none
        "#]],
        );
        check(
            "hello\n",
            &expect![[r#"
            error: expected a section `GEM`, found none
        "#]],
        );
        check(
            "GEM\n  specs:\n    a (1.0",
            &expect![[r#"
            gap line 3: expected `name (version)`, found `a (1.0`
        "#]],
        );
        check(
            "GEM\n  specs:\n    (1.0)\n    a ()\n",
            &expect![[r#"
            gap line 3: expected `name (version)`, found `(1.0)`
            gap line 4: expected `name (version)`, found `a ()`
        "#]],
        );
    }

    #[test]
    fn what_the_project_and_its_gems_name_is_direct() {
        check(
            "PATH\n  remote: .\n  specs:\n    own (1.0.0)\n      a (~> 1)\n\n\
             GEM\n  remote: https://gems.example/\n  specs:\n    a (1.0.0)\n      c (>= 1)\n    b (1.0.0)\n    c (1.0.0)\n\n\
             DEPENDENCIES\n  b (>= 1.0)\n  own!\n",
            &expect![[r#"
                gem own  (direct)
                gem a 1.0.0 (direct)
                gem b 1.0.0 (direct)
                gem c 1.0.0 (transitive)
            "#]],
        );
        check(
            "GEM\n  specs:\n    a (1.0.0)\n",
            &expect![[r#"
            gem a 1.0.0
        "#]],
        );
    }
}
