//! `go.mod`: since Go 1.17 it names every module that a build of its packages takes.
//!
//! Source: Go modules reference, "go.mod files"; Go documentation, "Go toolchains".

use std::collections::BTreeMap;

use plimsoll_model::PackageKind;

use super::{Listing, MAX_TEXT_BYTES, is_own, line};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};

/// Reads `require`, `replace`, and of `toolchain` and `go` the standard library's version, where they name a release
/// in full. `exclude`, `retract` and `tool` bring nothing of their own.
pub(crate) struct GoMod;

const NAME: &str = "go-mod";

/// The name under which advisories speak of the toolchain's library.
const STANDARD_LIBRARY: &str = "stdlib";

impl Cataloger for GoMod {
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
        is_own(entry, "go.mod")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_TEXT_BYTES)?;
        let mut listing = Listing::new(PackageKind::Golang, NAME, out);
        let found = GoModFile::read(&text, &mut listing);
        if !found.has_module {
            return Err(ReadError::malformed("a line `module PATH`", "none"));
        }
        let release = found.toolchain.and_then(|text| text.strip_prefix("go")).or(found.go);
        if let Some(version) = release.and_then(release_version) {
            listing.direct = Some(true);
            listing.add(STANDARD_LIBRARY, &version);
        }
        for (path, version, is_indirect) in &found.requires {
            listing.direct = Some(!is_indirect);
            let of_version = found.replaces.get(&(*path, Some(*version)));
            match of_version.or_else(|| found.replaces.get(&(*path, None))) {
                // A folder: the code may be anything.
                Some((_, None)) => listing.add(path, ""),
                Some((path, Some(version))) => listing.add(path, version),
                None => listing.add(path, version),
            }
        }
        Ok(())
    }
}

/// A module's path, and its version where one stands.
type Module<'a> = (&'a str, Option<&'a str>);

#[derive(Default)]
struct GoModFile<'a> {
    has_module: bool,
    go: Option<&'a str>,
    toolchain: Option<&'a str>,
    /// Paths and versions, and whether no package of this module imports them.
    requires: Vec<(&'a str, &'a str, bool)>,
    /// What is replaced (without a version: every version), by what (without a version: a folder).
    replaces: BTreeMap<Module<'a>, Module<'a>>,
}

impl<'a> GoModFile<'a> {
    fn read(text: &'a str, listing: &mut Listing<'_>) -> Self {
        let mut found = Self::default();
        let mut block: Option<&str> = None;
        for (index, raw) in text.lines().enumerate() {
            let (content, comment) = raw.split_once("//").unwrap_or((raw, ""));
            let content = content.trim();
            let mut words = content.split_whitespace();
            let directive = match (block, words.next()) {
                (_, None) => continue,
                (Some(_), Some(")")) => {
                    block = None;
                    continue;
                }
                (Some(directive), Some(_)) => {
                    words = content.split_whitespace();
                    directive
                }
                (None, Some(directive)) => {
                    // `require(` needs no space.
                    let name = directive.strip_suffix('(').unwrap_or(directive);
                    let rest = content[name.len()..].trim();
                    if rest == "(" {
                        block = Some(name);
                        continue;
                    }
                    name
                }
            };
            let words: Vec<&str> = words.map(unquoted).collect();
            if !found.take(directive, &words, is_indirect(comment)) {
                let content = excerpt(content.as_bytes());
                listing.gap(line(index + 1), format!("expected a `{directive}`, found `{content}`"));
            }
        }
        found
    }

    /// Whether the directive had the words that it should.
    fn take(&mut self, directive: &str, words: &[&'a str], is_indirect: bool) -> bool {
        match (directive, words) {
            ("module", [_]) => self.has_module = true,
            ("go", [version]) => self.go = Some(version),
            ("toolchain", [name]) => self.toolchain = Some(name),
            ("require", [path, version]) => self.requires.push((path, version, is_indirect)),
            ("replace", [path, "=>", folder]) => {
                self.replaces.insert((path, None), (folder, None));
            }
            ("replace", [path, version, "=>", folder]) => {
                self.replaces.insert((path, Some(version)), (folder, None));
            }
            ("replace", [path, "=>", other, at]) => {
                self.replaces.insert((path, None), (other, Some(at)));
            }
            ("replace", [path, version, "=>", other, at]) => {
                self.replaces.insert((path, Some(version)), (other, Some(at)));
            }
            ("module" | "go" | "toolchain" | "require" | "replace", _) => return false,
            // What there is besides, and what may come, brings no module.
            _ => {}
        }
        true
    }
}

/// Whether a comment is `indirect`, alone or before a `;` and more.
fn is_indirect(comment: &str) -> bool {
    let mut words = comment.split_whitespace();
    match words.next() {
        Some("indirect") => words.next().is_none(),
        Some("indirect;") => words.next().is_some(),
        _ => false,
    }
}

fn unquoted(word: &str) -> &str {
    let inner = |mark: char| word.strip_prefix(mark)?.strip_suffix(mark);
    inner('"').or_else(|| inner('`')).unwrap_or(word)
}

/// `v1.21.3` of `1.21.3`, `v1.22.0-rc.1` of `1.22rc1`; `None` of `1.21`, which is a language version, and of `default`.
fn release_version(text: &str) -> Option<String> {
    let number = |text: &str| !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
    // `1.22.1-custom`, `1.22.1+auto`.
    let text = text.split(['-', '+']).next().unwrap_or(text);
    let (major, rest) = text.split_once('.')?;
    if !number(major) {
        return None;
    }
    if let Some((minor, patch)) = rest.split_once('.') {
        return (number(minor) && number(patch)).then(|| format!("v{major}.{minor}.{patch}"));
    }
    let (minor, kind, count) = ["rc", "beta"].iter().find_map(|kind| {
        let (minor, count) = rest.split_once(kind)?;
        Some((minor, kind, count))
    })?;
    (number(minor) && number(count)).then(|| format!("v{major}.{minor}.0-{kind}.{count}"))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&GoMod, "go.mod", text, expect);
    }

    #[test]
    fn a_tidied_module_is_read() {
        testing::check_real(
            &GoMod,
            "src/go.mod",
            include_str!("../../testdata/lock/go/go.mod.txt"),
            &expect![[r#"
                golang stdlib v1.21.3 (direct)
                golang github.com/gorilla/mux v1.8.0 (direct)
                golang golang.org/x/text v0.3.7 (direct)
            "#]],
        );
    }

    #[test]
    fn replacements_are_what_is_built() {
        check(
            "module example.com/m // why\n\ngo 1.22\ntoolchain go1.22.5\n\n\
             require example.com/a v1.0.0\nrequire (\n\t\"example.com/b\" v1.0.0 // indirect\n\texample.com/c v1.0.0\n\
             \texample.com/d v2.0.0+incompatible\n)\nexclude example.com/a v0.9.0\nretract (\n\tv1.0.0 // oops\n\t[v1.1.0, v1.2.0]\n)\n\
             replace(\n\texample.com/a => ../a\n\texample.com/b v1.0.0 => example.com/fork/b v1.0.1\n\
             \texample.com/c v0.9.0 => ../c\n)\ntool example.com/a/cmd\ngodebug default=go1.21\n",
            &expect![[r#"
                golang stdlib v1.22.5 (direct)
                golang example.com/a  (direct)
                golang example.com/fork/b v1.0.1 (transitive)
                golang example.com/c v1.0.0 (direct)
                golang example.com/d v2.0.0+incompatible (direct)
            "#]],
        );
    }

    #[test]
    fn only_releases_give_a_standard_library() {
        for (text, expected) in [
            ("1.21.3", Some("v1.21.3")),
            ("1.22rc1", Some("v1.22.0-rc.1")),
            ("1.22.1-custom", Some("v1.22.1")),
            ("1.21", None),
            ("1", None),
            ("default", None),
            ("1.2.x", None),
            ("1.99999999999.1", None),
        ] {
            assert_eq!(release_version(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn damage_is_said() {
        check(
            "",
            &expect![[r#"
            error: expected a line `module PATH`, found none
        "#]],
        );
        check(
            "module m\nrequire a\nrequire (\n\tb v1 v2\n\tc v1.0.0",
            &expect![[r#"
                golang c v1.0.0 (direct)
                gap line 2: expected a `require`, found `require a`
                gap line 4: expected a `require`, found `b v1 v2`
            "#]],
        );
        check(
            "module m\nreplace a => b c d e\n",
            &expect![[r#"
            gap line 2: expected a `replace`, found `replace a => b c d e`
        "#]],
        );
        check(
            "\u{0}\u{fffd}(",
            &expect![[r#"
            error: expected a line `module PATH`, found none
        "#]],
        );
    }

    #[test]
    fn indirect_is_a_comment_of_its_own() {
        for (comment, expected) in [
            (" indirect", true),
            ("indirect", true),
            (" indirect; for the tests", true),
            (" indirect;", false),
            (" indirect for the tests", false),
            (" not indirect", false),
            ("", false),
        ] {
            assert_eq!(is_indirect(comment), expected, "{comment}");
        }
    }
}
