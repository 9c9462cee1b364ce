//! Trivy's `.trivyignore.yaml`: entries with `id`, `paths`, `purls`, `expired_at` and `statement`.
//!
//! Source: Trivy documentation, "Filtering", "By finding IDs", `.trivyignore.yaml`. An entry holds until its day begins.

use super::own::{MAX_WAIVERS, start_of};
use super::scope::PurlPattern;
use super::yaml::{self, Node};
use super::{Scope, Waiver, Waivers};
use crate::input::{Input, InputError, quoted};
use crate::pattern::Pattern;

/// Reads the file.
pub(super) fn read(origin: &str, text: &str) -> Result<Waivers, InputError> {
    let input = Input { what: "waivers", origin, text };
    let document = yaml::read(&input)?;
    let mut waivers = Waivers::default();
    for (key, value) in document.entries(&input, "the file")? {
        match key.as_str() {
            "vulnerabilities" => {
                for item in value.items(&input, "`vulnerabilities`")? {
                    entry(&input, item, &mut waivers)?;
                }
            }
            "misconfigurations" | "secrets" | "licenses" => {
                let number = value.items(&input, &format!("`{key}`"))?.len();
                if number > 0 {
                    let line = value.line;
                    waivers
                        .notes
                        .push(format!("{origin}:{line}: {number} entries of `{key}` excuse nothing here"));
                }
            }
            other => {
                let line = value.line;
                waivers
                    .notes
                    .push(format!("{origin}:{line}: `{}` is not known, and not honoured", quoted(other)));
            }
        }
    }
    Ok(waivers)
}

fn entry(input: &Input<'_>, item: &Node, waivers: &mut Waivers) -> Result<(), InputError> {
    let mut scope = Scope::default();
    let mut ends = None;
    let mut remark = String::new();
    for (key, value) in item.entries(input, "an entry of `vulnerabilities`")? {
        let name = format!("`{}`", quoted(key));
        match key.as_str() {
            "id" => scope.ids.extend(value.text(input, &name)?.map(str::to_owned)),
            "paths" => {
                for (text, line) in value.texts(input, &name)? {
                    let pattern = Pattern::new(text.trim_start_matches('/'));
                    let expected = || input.error_in_line(line, "", "expected a shorter pattern in `paths`");
                    scope.paths.push(pattern.ok_or_else(expected)?);
                }
            }
            "purls" => {
                for (text, line) in value.texts(input, &name)? {
                    let purl = PurlPattern::read(&text);
                    scope.purls.push(purl.map_err(|reason| input.error_in_line(line, "", reason))?);
                }
            }
            "expired_at" => {
                if let Some(day) = value.text(input, &name)? {
                    let end = day.parse().ok().and_then(start_of);
                    let expected = || {
                        let reason = format!(
                            "expected `expired_at` to be a day as 2026-03-01, found `{}`",
                            quoted(day)
                        );
                        input.error_in_line(value.line, "", reason)
                    };
                    ends = Some(end.ok_or_else(expected)?);
                }
            }
            "statement" => value.text(input, &name)?.unwrap_or_default().clone_into(&mut remark),
            _ => {
                // What narrows an entry and is not understood would make it excuse more than was meant.
                let (origin, line) = (input.origin, value.line);
                waivers
                    .notes
                    .push(format!("{origin}:{line}: {name} is not known; its entry is not honoured"));
                return Ok(());
            }
        }
    }
    if scope.ids.is_empty() {
        return Err(input.error_in_line(item.line, "", "expected `id`, found none"));
    }
    if waivers.list.len() == MAX_WAIVERS {
        return Err(input.error_in_line(item.line, "", format!("expected at most {MAX_WAIVERS} entries")));
    }
    waivers.list.push(Waiver {
        origin: format!("{}:{}", input.origin, item.line),
        covers: scope.words(),
        owner: String::new(),
        reason: None,
        remark: quoted(&remark),
        ends,
        scope,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_paths_packages_and_ends_are_read() {
        let text = "vulnerabilities:\n  - id: CVE-2020-1\n    paths:\n      - \"app/**\"\n    purls:\n      \
                    - pkg:deb/debian/openssl\n    expired_at: 2026-03-01\n    statement: not reachable\n  \
                    - id: CVE-2020-2\nmisconfigurations:\n  - id: AVD-DS-0001\n";
        let waivers = Waivers::trivyignore_yaml("f", text).unwrap();
        let [first, second] = waivers.list() else { panic!("two entries") };
        assert_eq!(first.covers, "CVE-2020-1 in pkg:deb/debian/openssl at app/**");
        assert_eq!(first.last_day().as_deref(), Some("2026-02-28"));
        assert_eq!((first.remark.as_str(), first.origin.as_str()), ("not reachable", "f:2"));
        assert_eq!((second.covers.as_str(), second.ends), ("CVE-2020-2", None));
        assert_eq!(waivers.notes(), ["f:11: 1 entries of `misconfigurations` excuse nothing here"]);
    }

    #[test]
    fn bad_files_are_errors_with_their_line() {
        for (text, line, reason) in [
            ("vulnerabilities:\n - paths: [a]\n", 2, "expected `id`"),
            ("vulnerabilities:\n - id: CVE-1\n   expired_at: soon\n", 3, "expected `expired_at`"),
            ("vulnerabilities:\n - id: CVE-1\n   purls: [openssl]\n", 3, "expected `pkg:`"),
            ("vulnerabilities: CVE-1\n", 1, "to be a list"),
            ("- CVE-1\n", 1, "to be a table"),
            ("a: [\n", 2, ""),
        ] {
            let error = Waivers::trivyignore_yaml("f", text).unwrap_err();
            assert!(error.line == line && error.reason.contains(reason), "{text}: {error}");
        }
        let deep = format!("vulnerabilities: {}", "[".repeat(10_000));
        assert!(Waivers::trivyignore_yaml("f", &deep).is_err());
        assert_eq!(Waivers::trivyignore_yaml("f", "").unwrap(), Waivers::default());
    }

    #[test]
    fn an_entry_that_is_not_understood_excuses_nothing() {
        let waivers =
            Waivers::trivyignore_yaml("f", "vulnerabilities:\n - id: CVE-1\n   images: [a]\n").unwrap();
        assert!(waivers.list().is_empty());
        assert_eq!(waivers.notes(), ["f:3: `images` is not known; its entry is not honoured"]);
    }
}
