//! Trivy's formats and templates, and ours that stand for them.
//!
//! Source: Trivy's documentation, "Reporting"; the folder `contrib` of its repository, for the templates' names.

use std::path::Path;

use plimsoll_report::FORMATS;

use super::super::words::{Given, nearest, usage};
use crate::exit::Failure;

/// Trivy's formats, and ours.
const KNOWN: [(&str, &str); 7] = [
    ("table", "table"),
    ("json", "json"),
    ("sarif", "sarif"),
    ("cyclonedx", "cyclonedx"),
    ("spdx-json", "spdx"),
    ("github", "github-snapshot"),
    ("cosign-vuln", "cosign-vuln"),
];
/// Templates that come with Trivy, and the format that writes the same.
const TEMPLATES: [(&str, &str); 6] = [
    ("html.tpl", "html"),
    ("junit.tpl", "junit"),
    ("gitlab.tpl", "gitlab"),
    ("gitlab-codequality.tpl", "code-quality"),
    ("asff.tpl", "asff"),
    ("sarif.tpl", "sarif"),
];

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Our format.
    pub(super) format: &'static str,
    /// Whether it is a bill of materials, for which no advisories are asked.
    pub(super) is_bill: bool,
    /// What is told.
    pub(super) note: Option<String>,
}

/// What the flags ask for. A bill of materials lists flaws only where `--scanners vuln` asks for them.
pub(super) fn form(given: &Given) -> Result<Form, Failure> {
    let word = given.text("format").unwrap_or("table");
    if word == "template" {
        let template = given.text("template").ok_or_else(|| {
            usage("cannot write `--format template` of trivy: expected `--template`, found none".to_owned())
        })?;
        return of_template(template);
    }
    let Some((_, format)) = KNOWN.into_iter().find(|(theirs, _)| *theirs == word) else {
        let names: Vec<&str> = KNOWN.iter().map(|(theirs, _)| *theirs).chain(["template"]).collect();
        let failure = usage(format!(
            "cannot write `--format {word}` of trivy: expected {}, found another",
            names.join(", ")
        ));
        return Err(if word == "spdx" {
            failure.hint("SPDX is written as JSON: `--format spdx-json`")
        } else if FORMATS.iter().any(|format| format.name == word) {
            failure.hint(format!("`plimsoll scan` has it: `--format {word}`"))
        } else {
            failure.hint(nearest(word, names.into_iter()).map_or_else(
                || "`plimsoll scan --help` lists Plimsoll's own formats".to_owned(),
                |nearest| format!("the nearest is `{nearest}`"),
            ))
        });
    };
    let asks_for_flaws = given.list("scanners").iter().any(|scanner| scanner == "vuln");
    let note = given.has("template").then(|| {
        format!("note: trivy: `--template` is without effect: the format is `{word}`, and not `template`")
    });
    let is_bill = matches!(word, "cyclonedx" | "spdx-json") && !asks_for_flaws;
    Ok(Form { format, is_bill, note })
}

/// A template of Trivy's own is told by its file's name, wherever it lies, and whether it is there or not.
fn of_template(template: &str) -> Result<Form, Failure> {
    let path = template.strip_prefix('@');
    let name = path.and_then(|path| Path::new(path).file_name()?.to_str());
    if let Some((name, format)) = TEMPLATES.into_iter().find(|(known, _)| Some(*known) == name) {
        let note = format!("note: trivy: for the template `{name}` Plimsoll's format `{format}` is written");
        return Ok(Form { format, is_bill: false, note: Some(note) });
    }
    let known: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
    let found = if path.is_some() { "another file" } else { "a text" };
    Err(usage(format!(
        "cannot write template `{}` of trivy: expected one of Trivy's own ({}), found {found}",
        template.chars().take(100).collect::<String>(),
        known.join(", ")
    ))
    .hint("Plimsoll's templates are in the language of Jinja: `plimsoll scan --template FILE`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Form, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let given = super::super::GRAMMAR.read(&words, &std::collections::BTreeMap::new(), &[]).unwrap();
        form(&given).map_err(|failure| failure.to_string())
    }

    #[test]
    fn formats_have_ours() {
        for (line, format, is_bill) in [
            ("", "table", false),
            ("-f json", "json", false),
            ("--format cyclonedx", "cyclonedx", true),
            ("--format cyclonedx --scanners vuln", "cyclonedx", false),
            ("--format spdx-json", "spdx", true),
            ("--format github", "github-snapshot", false),
            ("--format template --template @html.tpl", "html", false),
            ("--format template --template @/contrib/gitlab.tpl", "gitlab", false),
            ("-f template -t @/usr/local/share/trivy/templates/junit.tpl", "junit", false),
        ] {
            let form = of(line).unwrap();
            assert_eq!((form.format, form.is_bill), (format, is_bill), "{line}");
            assert!(FORMATS.iter().any(|known| known.name == form.format), "{line}");
        }
        assert!(of("-f json -t @html.tpl").unwrap().note.unwrap().contains("without effect"));
    }

    #[test]
    fn what_has_none_is_refused() {
        for (line, part) in [
            ("-f spdx", "`--format spdx-json`"),
            ("-f jsn", "the nearest is `json`"),
            ("-f csv", "`plimsoll scan` has it"),
            ("-f template", "expected `--template`, found none"),
            ("-f template -t @own.tpl", "found another file"),
            ("-f template -t {{range.}}", "found a text"),
        ] {
            let error = of(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
