//! pip's `requirements.txt` and its relatives: only what is pinned with `==` says what would be installed.
//!
//! Source: pip documentation 24, "Requirements File Format"; `PyPA` "Dependency specifiers" and "Version specifiers".

use std::borrow::Cow;
use std::collections::HashSet;

use plimsoll_model::{Ecosystem, PackageKind};

use super::{Listing, MAX_TEXT_BYTES, is_foreign, line};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};

/// Reads pinned requirements, whatever their markers say. Any other line that asks for packages is a gap; a file
/// named by `-r` is read where it bears such a name itself.
pub(crate) struct PipRequirements;

const NAME: &str = "pip-requirements";

impl Cataloger for PipRequirements {
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
        is_requirements(entry.file_name()) && !is_foreign(entry.path)
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_TEXT_BYTES)?;
        let mut listing = Listing::new(PackageKind::PyPi, NAME, out);
        let mut pins: Vec<Pin> = Vec::new();
        for (number, logical) in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
            let requirement = without_comment(&logical);
            let comment = logical[requirement.len()..].trim_matches(['#', ' ', '\t', '\r']);
            match read(requirement.trim()) {
                // A comment on a pin stands behind it, or set in below it without another line between.
                Read::Nothing => {
                    let is_set_in = logical.starts_with([' ', '\t']) && !comment.is_empty();
                    match pins.last_mut().filter(|pin| pin.is_open) {
                        Some(pin) if is_set_in => pin.comment(comment),
                        Some(pin) => pin.is_open = false,
                        None => {}
                    }
                    continue;
                }
                Read::Pinned(name, version) => {
                    let mut pin = Pin::new(name, version);
                    pin.comment(comment);
                    pins.push(pin);
                    continue;
                }
                Read::Unpinned(found) => {
                    let found = excerpt(without_credentials(found).as_bytes());
                    listing
                        .gap(line(number), format!("expected a version pinned with `==`, found `{found}`"));
                }
                Read::Other(found) => {
                    let found = excerpt(without_credentials(found).as_bytes());
                    listing
                        .gap(line(number), format!("expected a requirement, found `{found}`: not followed"));
                }
            }
            if let Some(pin) = pins.last_mut() {
                pin.is_open = false;
            }
        }
        let pinned: HashSet<String> = pins.iter().map(|pin| normalized(&pin.name)).collect();
        for pin in &pins {
            listing.direct = pin.direct(&pinned);
            listing.add(&pin.name, &pin.version);
        }
        Ok(())
    }
}

/// A pinned requirement, and what the comments on it say of who asks for it.
///
/// Only a file that a tool wrote has such comments: `# via -r requirements.in`, `# via flask, jinja2`, or one name a
/// line. Of one without, as people and `pip freeze` write it, it cannot be said what was asked for.
///
/// Source: pip-tools 7.5, `pip-compile --annotation-style`; uv 0.13, `uv pip compile`, `uv export`.
struct Pin {
    name: String,
    version: String,
    /// Whether the next line may be a comment on it.
    is_open: bool,
    /// Whether `via` has been read.
    is_told: bool,
    /// Whether a file of the project asks for it.
    by_project: bool,
    /// Who else asks for it, normalized.
    by: Vec<String>,
}

impl Pin {
    fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, is_open: true, is_told: false, by_project: false, by: Vec::new() }
    }

    fn comment(&mut self, text: &str) {
        let mut names = text;
        if let Some(rest) = text.strip_prefix("via").filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            self.is_told = true;
            names = rest;
        }
        if !self.is_told {
            return;
        }
        for name in names.split(", ").map(str::trim).filter(|name| !name.is_empty()) {
            if NO_REQUIREMENTS.iter().any(|option| name.starts_with(option)) {
                continue;
            }
            // `-r requirements.in`, `--group dev`, `app (pyproject.toml)`.
            if name.starts_with('-') || name.ends_with(')') {
                self.by_project = true;
            } else {
                self.by.push(normalized(specifier_name(name)));
            }
        }
    }

    /// What asks for it and is not pinned here is the project itself, or another of its workspace.
    fn direct(&self, pinned: &HashSet<String>) -> Option<bool> {
        if self.by_project || self.by.iter().any(|name| !pinned.contains(name)) {
            return Some(true);
        }
        (!self.by.is_empty()).then_some(false)
    }
}

/// Files that bound versions and ask for nothing.
const NO_REQUIREMENTS: &[&str] = &["-c ", "--constraint ", "--override "];

fn normalized(name: &str) -> String {
    Ecosystem::PyPi.normalize_name(name).into_owned()
}

/// The name that a specifier starts with: `click` of `click[x]>=7`.
pub(super) fn specifier_name(specifier: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = specifier.find(|c| !is_name(c)).unwrap_or(specifier.len());
    &specifier[..end]
}

/// `requirements.txt`, `requirements-dev.txt`, `requirements_test.txt`, `dev-requirements.txt`.
fn is_requirements(file_name: &str) -> bool {
    file_name.strip_suffix(".txt").is_some_and(|stem| {
        stem.starts_with("requirements") || stem.ends_with("-requirements") || stem.ends_with("_requirements")
    })
}

/// Lines with their first number, put together where they end in `\`. A comment ends at its line's end, and so does
/// a line that goes on into one.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (index, first) = lines.next()?;
        let Some(head) = continued(first) else { return Some((index + 1, Cow::Borrowed(first))) };
        let mut joined = head.to_owned();
        for (_, next) in lines.by_ref() {
            if next.trim_start().starts_with('#') {
                break;
            }
            joined.push(' ');
            let head = continued(next);
            joined.push_str(head.unwrap_or(next));
            if head.is_none() {
                break;
            }
        }
        Some((index + 1, Cow::Owned(joined)))
    })
}

fn continued(line: &str) -> Option<&str> {
    line.trim_end_matches('\r').strip_suffix('\\').filter(|line| !line.trim_start().starts_with('#'))
}

/// A `#` starts a comment at the line's start and behind white space.
fn without_comment(line: &str) -> &str {
    let starts =
        |&(at, _): &(usize, &str)| at == 0 || line[..at].ends_with(|before: char| before.is_whitespace());
    line.match_indices('#').find(starts).map_or(line, |(at, _)| &line[..at])
}

enum Read<'a> {
    Nothing,
    Pinned(&'a str, &'a str),
    Unpinned(&'a str),
    Other(&'a str),
}

/// Options that bring packages with them, or another file's.
const BRINGING: &[&str] = &["-r", "--requirement", "-e", "--editable"];

fn read(requirement: &str) -> Read<'_> {
    if requirement.is_empty() {
        return Read::Nothing;
    }
    if requirement.starts_with('-') {
        let brings = BRINGING.iter().any(|option| {
            requirement.strip_prefix(option).is_some_and(|rest| {
                // `-rother.txt` has no space, `--requirements` is no option.
                option.len() == 2 || rest.starts_with(|c: char| c == '=' || c.is_whitespace())
            })
        });
        return if brings { Read::Other(requirement) } else { Read::Nothing };
    }
    // Options of one requirement, `--hash=…`, and the marker stand behind it.
    let end = requirement.find(" --").unwrap_or(requirement.len());
    let specifier = requirement[..end].split(';').next().unwrap_or("").trim();
    let name = specifier_name(specifier);
    let rest = &specifier[name.len()..];
    if name.is_empty() || rest.starts_with([':', '/', '\\', '+']) {
        return Read::Other(requirement);
    }
    let mut rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        let Some((_, behind)) = extras.split_once(']') else { return Read::Other(requirement) };
        rest = behind.trim_start();
    }
    if rest.starts_with('@') {
        return Read::Other(requirement);
    }
    // Versions stood in parentheses once.
    let clauses = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    match clauses.split(',').find_map(|clause| exact(clause.trim())) {
        Some(version) => Read::Pinned(name, version),
        None => Read::Unpinned(requirement),
    }
}

/// The version of `==1.0` and `===1.0`, not of `==1.*`.
fn exact(clause: &str) -> Option<&str> {
    let version = clause.strip_prefix("===").or_else(|| clause.strip_prefix("=="))?.trim();
    let is_one = !version.is_empty() && !version.contains(['*', ' ', '$', '{', '=']);
    is_one.then_some(version)
}

/// A line without what stands before the host in its addresses: a report is read by more people than the file.
fn without_credentials(line: &str) -> Cow<'_, str> {
    let Some((head, address)) = line.split_once("://") else { return Cow::Borrowed(line) };
    let end = address.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(address.len());
    match address[..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{head}://***{}", &address[at..])),
        None => Cow::Borrowed(line),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&PipRequirements, "requirements.txt", text, expect);
    }

    #[test]
    fn a_compiled_file_is_read() {
        testing::check_real(
            &PipRequirements,
            "app/requirements.txt",
            include_str!("../../testdata/lock/python/requirements.txt"),
            &expect![[r#"
                pypi idna 3.3 (direct)
                pypi pysocks 1.7.1 (transitive)
                pypi urllib3 1.26.4 (direct)
            "#]],
        );
    }

    #[test]
    fn pinned_requirements_are_read_and_others_are_gaps() {
        check(
            "\u{feff}# comment\r\n\
             a==1.0\r\n\
             B.b [x, y] == 2.0 ; python_version < '3' # why\n\
             c===3.0 --hash=sha256:00 \\\n    --hash=sha256:01\n\
             d (==4.0)\n\
             e>=1,==5.0,!=6\n\
             f==1.*\n\
             g\n\
             h>=1.0 \\\n   # comment\n\
             i @ https://host.example/i.whl\n\
             git+https://user:token@host.example/j.git@v1#egg=j\n\
             ./k\n\
             -r other.txt\n\
             -rother.txt\n\
             --requirement=other.txt\n\
             -e .\n\
             -c constraints.txt\n\
             --index-url https://index.example/simple\n\
             l==${VERSION}\n\
             m==1.0#notacomment\n\
             n==1.0; extra == 'x'\n",
            &expect![[r#"
                pypi a 1.0
                pypi B.b 2.0
                pypi c 3.0
                pypi d 4.0
                pypi e 5.0
                pypi m 1.0#notacomment
                pypi n 1.0
                gap line 8: expected a version pinned with `==`, found `f==1.*`
                gap line 9: expected a version pinned with `==`, found `g`
                gap line 10: expected a version pinned with `==`, found `h>=1.0`
                gap line 12: expected a requirement, found `i @ https://host.example/i.whl`: not followed
                gap line 13: expected a requirement, found `git+https://***@host.example/j.git@v1#egg=j`: not followed
                gap line 14: expected a requirement, found `./k`: not followed
                gap line 15: expected a requirement, found `-r other.txt`: not followed
                gap line 16: expected a requirement, found `-rother.txt`: not followed
                gap line 17: expected a requirement, found `--requirement=other.txt`: not followed
                gap line 18: expected a requirement, found `-e .`: not followed
                gap line 21: expected a version pinned with `==`, found `l==${VERSION}`
            "#]],
        );
    }

    #[test]
    fn damage_does_no_harm() {
        check("", &expect![[""]]);
        check(
            "a==1\\",
            &expect![[r#"
            pypi a 1
        "#]],
        );
        check(
            "a==",
            &expect![[r#"
            gap line 1: expected a version pinned with `==`, found `a==`
        "#]],
        );
        check(
            "a[b",
            &expect![[r#"
            gap line 1: expected a requirement, found `a[b`: not followed
        "#]],
        );
        check(
            "\u{0}\u{fffd}==1",
            &expect![[r#"
            gap line 1: expected a requirement, found `\u{0}�==1`: not followed
        "#]],
        );
        check(
            "a==1é\n#\\\nb==2",
            &expect![[r#"
            pypi a 1é
            pypi b 2
        "#]],
        );
    }

    #[test]
    fn names_decide() {
        let paths = [
            "requirements.txt",
            "a/requirements-dev.txt",
            "dev-requirements.txt",
            "requirements.in",
            "node_modules/a/requirements.txt",
            "robots.txt",
        ];
        let wanted = testing::wanted(&PipRequirements, &paths);
        assert_eq!(wanted, ["requirements.txt", "a/requirements-dev.txt", "dev-requirements.txt"]);
    }

    #[test]
    fn who_asks_for_a_pin_is_read_from_the_tools_comments() {
        check(
            "#\n# This file is autogenerated\n#\n\
             a==1  # via -r requirements.in\n\
             b==1  # via a, c\n\
             c==1\n    # via\n    #   -c bounds.txt\n    #   -r requirements.in\n    #   a\n\
             d==1 \\\n    --hash=sha256:00\n    # via\n    #   A[extra]\n    #   c\n\
             e==1\n    # via\n    #   -c bounds.txt\n\
             f==1\n    # via own-project\n\
             g==1\n\n    # via a\n\
             h==1\n# via a\n\
             i==1  # for the viaduct, a\n\
             j==1\n--no-binary j\n    # via a\n",
            &expect![[r#"
                pypi a 1 (direct)
                pypi b 1 (transitive)
                pypi c 1 (direct)
                pypi d 1 (transitive)
                pypi e 1
                pypi f 1 (direct)
                pypi g 1
                pypi h 1
                pypi i 1
                pypi j 1
            "#]],
        );
    }
}
