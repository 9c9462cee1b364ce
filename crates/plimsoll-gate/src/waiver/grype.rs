//! The `ignore` rules of Grype's `.grype.yaml`: everything that a rule names must hold.
//!
//! Source: Grype documentation, "Specifying matches to ignore"; the fields of its ignore rules. They have no end.

use super::own::MAX_WAIVERS;
use super::yaml::{self, Node};
use super::{Scope, Waiver, Waivers};
use crate::input::{Input, InputError, quoted};
use crate::pattern::Pattern;

/// Reads the file. What is no `ignore` is Grype's other settings, and not looked at.
pub(super) fn read(origin: &str, text: &str) -> Result<Waivers, InputError> {
    let input = Input { what: "waivers", origin, text };
    let document = yaml::read(&input)?;
    let mut waivers = Waivers::default();
    for (key, value) in document.entries(&input, "the file")? {
        if key == "ignore" {
            for item in value.items(&input, "`ignore`")? {
                rule(&input, item, &mut waivers)?;
            }
        } else if ["only-fixed", "only-notfixed", "vex-documents", "exclude"].contains(&key.as_str())
            && !matches!(&value.value, yaml::Value::Text(text) if text == "false")
            && !matches!(&value.value, yaml::Value::List(items) if items.is_empty())
            && value.value != yaml::Value::Null
        {
            let line = value.line;
            waivers.notes.push(format!("{origin}:{line}: `{key}` is not honoured, only `ignore` is read"));
        }
    }
    Ok(waivers)
}

fn rule(input: &Input<'_>, item: &Node, waivers: &mut Waivers) -> Result<(), InputError> {
    let mut scope = Scope::default();
    let mut remark = String::new();
    let mut refused: Option<(usize, String)> = None;
    let mut refuse = |line: usize, what: String| {
        refused.get_or_insert((line, what));
    };
    for (key, value) in item.entries(input, "a rule of `ignore`")? {
        let name = format!("`{}`", quoted(key));
        match key.as_str() {
            "vulnerability" => scope.ids.extend(value.text(input, &name)?.map(str::to_owned)),
            "reason" => value.text(input, &name)?.unwrap_or_default().clone_into(&mut remark),
            // Aliases are always asked here, so both of its values are honoured for the ID that is named.
            "include-aliases" => {}
            "fix-state" => match value.text(input, &name)? {
                Some("fixed") => scope.fix_states = vec!["fixed"],
                Some("not-fixed") => scope.fix_states = vec!["affected", "fix_deferred"],
                Some("wont-fix") => scope.fix_states = vec!["will_not_fix", "end_of_life"],
                Some("unknown") => scope.fix_states = vec!["under_investigation"],
                Some(other) => refuse(value.line, format!("fix state `{}` is not known", quoted(other))),
                None => {}
            },
            "package" => {
                for (key, value) in value.entries(input, "`package`")? {
                    package(input, key, value, &mut scope, &mut refuse)?;
                }
            }
            _ => {
                // What narrows a rule and is not understood would make it excuse more than was meant.
                let is_empty = match &value.value {
                    yaml::Value::Null => true,
                    yaml::Value::Text(text) => text.is_empty(),
                    yaml::Value::List(items) => items.is_empty(),
                    yaml::Value::Table(entries) => entries.is_empty(),
                };
                if !is_empty {
                    refuse(value.line, format!("{name} has no counterpart"));
                }
            }
        }
    }
    let origin = input.origin;
    if let Some((line, what)) = refused {
        waivers.notes.push(format!("{origin}:{line}: {what}; its rule is not honoured"));
        return Ok(());
    }
    if scope == Scope::default() {
        let line = item.line;
        waivers.notes.push(format!(
            "{origin}:{line}: a rule that names nothing would excuse everything; it is not honoured"
        ));
        return Ok(());
    }
    if waivers.list.len() == MAX_WAIVERS {
        return Err(input.error_in_line(item.line, "", format!("expected at most {MAX_WAIVERS} rules")));
    }
    waivers.list.push(Waiver {
        origin: format!("{origin}:{}", item.line),
        covers: scope.words(),
        owner: String::new(),
        reason: None,
        remark: quoted(&remark),
        ends: None,
        scope,
    });
    Ok(())
}

fn package(
    input: &Input<'_>,
    key: &str,
    value: &Node,
    scope: &mut Scope,
    refuse: &mut impl FnMut(usize, String),
) -> Result<(), InputError> {
    let name = format!("`package.{}`", quoted(key));
    let Some(text) = value.text(input, &name)? else { return Ok(()) };
    match key {
        // Grype takes names as regular expressions, of which there are none here.
        "name" | "upstream-name" if text.contains(['*', '\\', '(', '[', '|', '^', '$', '?']) => {
            refuse(value.line, format!("{name} is a regular expression"));
        }
        "name" => {
            scope.name = Some(text.to_owned());
            scope.is_artifact_enough = true;
        }
        "upstream-name" => scope.source = Some(text.to_owned()),
        "version" => scope.version = Some(text.to_owned()),
        "type" | "language" => match kinds(text) {
            [] => refuse(value.line, format!("{name} `{}` is not known", quoted(text))),
            kinds if scope.kinds.is_empty() => {
                scope.kinds = kinds.iter().map(|&kind| kind.to_owned()).collect();
            }
            kinds => {
                scope.kinds.retain(|kind| kinds.contains(&kind.as_str()));
                if scope.kinds.is_empty() {
                    refuse(value.line, format!("{name} and its other do not go together"));
                }
            }
        },
        "location" => match Pattern::new(text.trim_start_matches('/')) {
            Some(pattern) if !text.contains(['{', '[', '\\']) => scope.paths.push(pattern),
            _ => refuse(value.line, format!("{name} is a pattern with `{{`, `[` or `\\`")),
        },
        _ => refuse(value.line, format!("{name} has no counterpart")),
    }
    Ok(())
}

/// The types of package URLs for a type or language of Syft's.
fn kinds(word: &str) -> &'static [&'static str] {
    match word {
        "alpm" => &["alpm"],
        "apk" => &["apk"],
        "bitnami" => &["bitnami"],
        "rust-crate" | "rust" => &["cargo"],
        "php-composer" | "php" => &["composer"],
        "deb" => &["deb"],
        "gem" | "ruby" => &["gem"],
        "go-module" | "go" => &["golang"],
        "hex" | "elixir" | "erlang" => &["hex"],
        "java-archive" | "jenkins-plugin" | "java" => &["maven"],
        "npm" | "javascript" => &["npm"],
        "dotnet" | "nuget" => &["nuget"],
        "dart-pub" | "dart" => &["pub"],
        "python" => &["pypi"],
        "rpm" => &["rpm"],
        "swift" => &["swift"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_what_has_no_counterpart_is_told() {
        let text = "fail-on-severity: high\nonly-fixed: true\nignore:\n  - vulnerability: CVE-2020-1\n    fix-state: not-fixed\n    \
                    reason: no fix\n    package:\n      name: openssl\n      version: 1.1.1\n      type: deb\n      \
                    location: \"/usr/lib/**\"\n  - package:\n      name: linux(-.*)?-headers-.*\n  - namespace: nvd:cpe\n    \
                    vulnerability: CVE-2020-2\n  - fix-state: wont-fix\n  - {}\n";
        let waivers = Waivers::grype_yaml("g", text).unwrap();
        let covers: Vec<&str> = waivers.list().iter().map(|waiver| waiver.covers.as_str()).collect();
        assert_eq!(
            covers,
            [
                "CVE-2020-1 every flaw in state affected, fix_deferred in package openssl in version 1.1.1 in \
                 packages of type deb at usr/lib/**",
                "every flaw in state will_not_fix, end_of_life"
            ]
        );
        assert_eq!(
            waivers.notes(),
            [
                "g:2: `only-fixed` is not honoured, only `ignore` is read",
                "g:13: `package.name` is a regular expression; its rule is not honoured",
                "g:14: `namespace` has no counterpart; its rule is not honoured",
                "g:17: a rule that names nothing would excuse everything; it is not honoured",
            ]
        );
    }

    #[test]
    fn a_rule_that_is_narrowed_by_what_is_not_understood_excuses_nothing() {
        for (more, honoured) in [
            ("match-type: [exact-direct-match]", false),
            ("images: {only: a}", false),
            ("vex-status: not_affected", false),
            ("namespace: ''", true),
            ("namespace:", true),
            ("tags: []", true),
        ] {
            let text = format!("ignore:\n  - vulnerability: CVE-2020-1\n    {more}\n");
            let waivers = Waivers::grype_yaml("g", &text).unwrap();
            assert_eq!(
                (waivers.list().len(), waivers.notes().is_empty()),
                (usize::from(honoured), honoured),
                "{more}"
            );
        }
    }

    #[test]
    fn hostile_files_are_errors() {
        for text in ["ignore: 3", "ignore:\n  - 3", "<html>", "ignore:\n - package: [a]", "\t\u{0}"] {
            assert!(Waivers::grype_yaml("g", text).is_err(), "{text}");
        }
        assert_eq!(Waivers::grype_yaml("g", "ignore: []").unwrap(), Waivers::default());
    }
}
