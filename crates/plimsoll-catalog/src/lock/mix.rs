//! Elixir's `mix.lock`: a map of Elixir, one package a line.
//!
//! Source: Mix 1.18, `mix/dep/lock.ex`; Hex 2, `hex/scm.ex`.

use plimsoll_model::PackageKind;

use super::{Listing, MAX_TEXT_BYTES, is_own, line};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};

/// Reads packages of Hex with their versions, those of Git without.
pub(crate) struct MixLock;

const NAME: &str = "mix-lock";

impl Cataloger for MixLock {
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
        is_own(entry, "mix.lock")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_TEXT_BYTES)?;
        if !text.trim_start().starts_with("%{") {
            let found = excerpt(text.trim_start().as_bytes());
            return Err(ReadError::malformed("a map `%{`", format!("`{found}`")));
        }
        let mut listing = Listing::new(PackageKind::Hex, NAME, out);
        for (index, content) in text.lines().enumerate() {
            let content = content.trim().trim_start_matches("%{").trim();
            if content.is_empty() || content.starts_with(['}', '#']) {
                continue;
            }
            if let Some((name, version)) = read(content) {
                listing.add(name, version);
            } else {
                let found = excerpt(content.as_bytes());
                listing.gap(line(index + 1), format!("expected `\"name\": {{:hex, …}}`, found `{found}`"));
            }
        }
        Ok(())
    }
}

/// `"app": {:hex, :package, "1.0.0", …`, where the package may have another name than the application, and
/// `"app": {:git, "address", …`.
fn read(content: &str) -> Option<(&str, &str)> {
    let (app, rest) = content.strip_prefix('"')?.split_once("\":")?;
    let rest = rest.trim_start().strip_prefix('{')?;
    let mut fields = rest.split(',').map(str::trim);
    if fields.next()? != ":hex" {
        return Some((app, ""));
    }
    let package = fields.next()?.strip_prefix(':')?;
    let version = fields.next()?.strip_prefix('"')?.strip_suffix('"')?;
    Some((package.trim_matches('"'), version))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_real};
    use expect_test::expect;

    #[test]
    fn hex_and_git_packages_are_read() {
        check_real(
            &MixLock,
            "mix.lock",
            include_str!("../../testdata/lock/hex/mix.lock"),
            &expect![[r#"
            hex cowboy 2.9.0
            hex jason 1.4.0
            hex quay 
            hex telemetry 1.2.1-rc.1
            hex wire_protocol 0.3.0
        "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check(
            &MixLock,
            "mix.lock",
            "",
            &expect![[r#"
            error: expected a map `%{`, found ``
        "#]],
        );
        check(
            &MixLock,
            "mix.lock",
            "%{\n  \"a\": {:hex, :a, \"1.0\n  \"b\": 1\n}",
            &expect![[r#"
            gap line 2: expected `"name": {:hex, …}`, found `"a": {:hex, :a, "1.0`
            gap line 3: expected `"name": {:hex, …}`, found `"b": 1`
        "#]],
        );
        check(&MixLock, "mix.lock", "%{}\n", &expect![[""]]);
    }
}
