//! Ruby gems that are installed: the specifications that `RubyGems` writes of them.
//!
//! Source: `RubyGems` 3.3, `rubygems/stub_specification.rb` and `rubygems/specification.rb`, `to_ruby`.

use plimsoll_model::{Package, PackageKind};

use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError, excerpt};

/// Reads `specifications/NAME-VERSION.gemspec`, of gems that were installed and of those that Ruby brings
/// (`specifications/default`). Nothing is run: the file says name and version in a comment that tools read.
pub(crate) struct GemSpecification;

const NAME: &str = "gem-specification";

/// Largest specification, in bytes. Those that list thousands of files have some 500 KiB.
const MAX_SPECIFICATION_BYTES: u64 = 8 << 20;

/// Licences kept of one gem.
const MAX_LICENSES: usize = 20;

impl Cataloger for GemSpecification {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        let Some((folder, name)) = entry.path.rsplit_once('/') else { return false };
        let folder = folder.strip_suffix("/default").unwrap_or(folder);
        name.ends_with(".gemspec") && (folder == "specifications" || folder.ends_with("/specifications"))
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_SPECIFICATION_BYTES)?;
        let (name, version) = match stub(&text) {
            Some((name, version)) => (Some(name), Some(version)),
            None => (assigned(&text, "name"), assigned(&text, "version")),
        };
        match (name, version) {
            (Some(name), Some(version)) => {
                let mut package = Package::new(PackageKind::Gem, name, version, NAME);
                package.licenses = licenses(&text);
                out.package(package);
            }
            (Some(name), None) => {
                let name = excerpt(name.as_bytes());
                out.gap("", format!("expected a version of `{name}` as a text, found none"));
            }
            (None, _) => {
                return Err(ReadError::malformed(
                    "a line `# stub: NAME VERSION …`, or a name as a text",
                    "neither",
                ));
            }
        }
        Ok(())
    }
}

/// Name and version of `# stub: rake 13.0.6 ruby lib`, which is the first or second line.
fn stub(text: &str) -> Option<(&str, &str)> {
    let line = text.lines().take(5).find_map(|line| line.strip_prefix("# stub: "))?;
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?);
    (!name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit())).then_some((name, version))
}

/// What stands behind ` = ` in a line `  s.FIELD = …`, whatever the variable's name.
fn assignment<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (target, value) = line.split_once('=')?;
        (target.trim().split_once('.')?.1 == field).then_some(value.trim())
    })
}

/// The text of `s.name = "rake".freeze` and `s.version = Gem::Version.new("1.0")`.
fn assigned<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let value = assignment(text, field)?;
    let value = value.strip_prefix("Gem::Version.new(").unwrap_or(value);
    quoted(value).next().filter(|_| value.starts_with(['"', '\'']))
}

/// The texts of `s.licenses = ["MIT".freeze, "Ruby".freeze]` and `s.license = "MIT"`.
fn licenses(text: &str) -> Vec<String> {
    let value = assignment(text, "licenses").or_else(|| assignment(text, "license")).unwrap_or("");
    quoted(value).take(MAX_LICENSES).map(str::to_owned).collect()
}

/// The quoted texts of a line, without those that have escapes or are empty.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(['"', '\''])?;
            let mark = rest[start..].chars().next()?;
            let (text, behind) = rest[start + 1..].split_once(mark)?;
            rest = behind;
            if !text.is_empty() && !text.contains(['\\', '#']) {
                return Some(text);
            }
        }
    })
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&GemSpecification, "usr/lib/ruby/gems/3.1.0/specifications/a-1.gemspec", text, expect);
    }

    #[test]
    fn an_installed_gem_is_read() {
        testing::check_real(
            &GemSpecification,
            "usr/local/bundle/specifications/quay-0.2.0.gemspec",
            include_str!("../testdata/ruby/specifications/quay-0.2.0.gemspec"),
            &expect![[r#"
                gem quay 0.2.0 [Apache-2.0]
            "#]],
        );
    }

    #[test]
    fn without_a_stub_the_assignments_count() {
        check(
            "Gem::Specification.new do |spec|\n  spec.name = 'a'\n  spec.version=Gem::Version.new(\"1.2.3.pre\")\n  \
             spec.required_ruby_version = '>= 2'\n  spec.licenses = [\"MIT\".freeze, 'Ruby']\nend\n",
            &expect![[r#"
                gem a 1.2.3.pre [MIT, Ruby]
            "#]],
        );
        check(
            "# stub: a 1.0.0 x86_64-linux lib\n  s.license = \"MIT\"\n",
            &expect![[r#"
            gem a 1.0.0 [MIT]
        "#]],
        );
        check(
            "s.name = \"a\"\ns.version = A::VERSION\n",
            &expect![[r#"
            gap : expected a version of `a` as a text, found none
        "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check(
            "",
            &expect![[r#"
            error: expected a line `# stub: NAME VERSION …`, or a name as a text, found neither
        "#]],
        );
        check(
            "# stub: a",
            &expect![[r#"
            error: expected a line `# stub: NAME VERSION …`, or a name as a text, found neither
        "#]],
        );
        check(
            "# stub: a b c\ns.name = \"\ns.version = '",
            &expect![[r#"
            error: expected a line `# stub: NAME VERSION …`, or a name as a text, found neither
        "#]],
        );
        check(
            "s.name = NAME\n",
            &expect![[r#"
            error: expected a line `# stub: NAME VERSION …`, or a name as a text, found neither
        "#]],
        );
    }

    #[test]
    fn only_rubygems_own_record_is_wanted() {
        let wants = |path| GemSpecification.wants(&Entry { path, size: None, executable: None });
        for path in [
            "specifications/a-1.gemspec",
            "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec",
            "usr/share/rubygems-integration/all/specifications/rake-13.0.6.gemspec",
        ] {
            assert!(wants(path), "{path}");
        }
        for path in ["a.gemspec", "usr/local/bundle/gems/a-1/a.gemspec", "myspecifications/a.gemspec"] {
            assert!(!wants(path), "{path}");
        }
    }
}
