//! Other tools' command lines: called by their names, or as `plimsoll as NAME …`.
//!
//! Each tool is one file with the table of its flags; [`words`] reads them, [`reach`] finds the image, and the scan is that
//! of `plimsoll scan`. What a tool's line asks for and is not done here is refused by name; what changes nothing is told.

mod install;
mod lacework;
mod lw_scanner;
mod reach;
mod trivy;
mod words;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use plimsoll_model::{Finding, Outcome, Ruling, Scan, Verdict};

pub(crate) use reach::OtherReach;

use crate::args::AsArgs;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::output;
use words::{Grammar, nearest, usage};

/// The status of what goes wrong, with all of these tools.
const ERROR: u8 = 1;
/// The status of `plimsoll as` itself, where it is called wrong.
const USAGE: u8 = 2;

/// A tool whose command line is taken.
struct Tool {
    grammar: Grammar,
    /// What it is, one line.
    summary: &'static str,
    /// Takes its words, and gives its exit status.
    run: fn(&[String], &Environment) -> Result<u8, Failure>,
}

/// All of them.
const TOOLS: &[Tool] = &[
    Tool { grammar: lacework::GRAMMAR, summary: "Lacework's command line", run: lacework::run },
    Tool { grammar: lw_scanner::GRAMMAR, summary: "Lacework's inline scanner", run: lw_scanner::run },
    Tool { grammar: trivy::GRAMMAR, summary: "Aqua's Trivy", run: trivy::run },
];

impl Tool {
    fn name(&self) -> &'static str {
        self.grammar.tool
    }
}

/// Runs the tool by whose name the program was called; `None` where that is its own.
pub(crate) fn called(mut arguments: impl Iterator<Item = OsString>, environment: &Environment) -> Option<u8> {
    let name = arguments.next()?;
    let tool = tool_named(Path::new(&name).file_name()?.to_str()?)?;
    Some(ended(call(tool, arguments, environment), ERROR))
}

/// `plimsoll as`.
pub(crate) fn run(arguments: &AsArgs, environment: &Environment) -> u8 {
    if let Some(folder) = &arguments.install {
        return ended(
            texts(arguments.words.iter().cloned()).and_then(|names| {
                let tools = if names.is_empty() { TOOLS.iter().collect() } else { tools_named(&names)? };
                install::run(folder, &tools, arguments.force).map(|()| 0)
            }),
            USAGE,
        );
    }
    if arguments.list {
        return ended(list(&arguments.words), USAGE);
    }
    let mut words = arguments.words.iter().cloned();
    let tool = words.next().ok_or_else(|| {
        usage("cannot take another tool's command line: expected its name, found nothing".to_owned())
            .hint(format!("one of {}", known()))
    });
    match tool.and_then(|name| Ok(tools_named(&texts(std::iter::once(name))?)?[0])) {
        Ok(tool) => ended(call(tool, words, environment), ERROR),
        Err(failure) => ended(Err(failure), USAGE),
    }
}

fn call(
    tool: &Tool,
    words: impl Iterator<Item = OsString>,
    environment: &Environment,
) -> Result<u8, Failure> {
    (tool.run)(&texts(words)?, environment)
}

/// The status; what went wrong is told.
fn ended(result: Result<u8, Failure>, error: u8) -> u8 {
    result.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        error
    })
}

fn list(names: &[OsString]) -> Result<u8, Failure> {
    let mut text = String::new();
    if names.is_empty() {
        for tool in TOOLS {
            let _ = writeln!(text, "{:12}{}", tool.name(), tool.summary);
        }
    }
    for tool in tools_named(&texts(names.iter().cloned())?)? {
        text.push_str(&tool.grammar.page());
    }
    output::write(None, text.as_bytes())?;
    Ok(0)
}

/// Enters what another tool's gate decides: of the findings that count, each of those fails. What Plimsoll's own gate said
/// besides stays.
fn decide(scan: &mut Scan, rule: &str, fails: &dyn Fn(&Finding) -> bool) {
    scan.decision.rules.push(rule.to_owned());
    scan.decision.rulings.resize_with(scan.findings.len(), Ruling::default);
    for (finding, ruling) in scan.findings.iter().zip(&mut scan.decision.rulings) {
        if fails(finding) && ruling.outcome != Outcome::Failed {
            *ruling = Ruling { outcome: Outcome::Failed, rule: rule.to_owned(), ..Ruling::default() };
        }
        if fails(finding) {
            scan.decision.verdict = Verdict::Failed;
        }
    }
}

fn tool_named(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name() == name)
}

fn tools_named(names: &[String]) -> Result<Vec<&'static Tool>, Failure> {
    let one = |name: &String| {
        tool_named(name).ok_or_else(|| {
            let failure = usage(format!(
                "cannot take the command line of `{name}`: expected one of {}, found another tool",
                known()
            ));
            match nearest(name, TOOLS.iter().map(Tool::name)) {
                Some(nearest) => failure.hint(format!("the nearest is `{nearest}`")),
                None => failure,
            }
        })
    };
    names.iter().map(one).collect()
}

fn known() -> String {
    TOOLS.iter().map(Tool::name).collect::<Vec<_>>().join(", ")
}

fn texts(words: impl Iterator<Item = OsString>) -> Result<Vec<String>, Failure> {
    let text = |word: OsString| {
        word.into_string().map_err(|word| {
            usage(format!("cannot read argument `{}`: expected UTF-8, found other bytes", word.display()))
        })
    };
    words.map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_file_and_nothing_near_it() {
        for (name, tool) in [
            ("trivy", Some("trivy")),
            ("/usr/local/bin/lacework", Some("lacework")),
            ("./lw-scanner", Some("lw-scanner")),
            ("plimsoll", None),
            ("trivy.exe", None),
            ("trivy-0.18", None),
        ] {
            let found = Path::new(name).file_name().and_then(|name| tool_named(name.to_str()?));
            assert_eq!(found.map(Tool::name), tool, "{name}");
        }
    }

    #[test]
    fn flags_have_one_meaning_each_and_say_what_becomes_of_them() {
        for tool in TOOLS {
            let mut names: Vec<String> = Vec::new();
            for flag in tool.grammar.flags {
                names.extend(
                    flag.spelling().split([',', ' ']).filter(|word| word.starts_with('-')).map(str::to_owned),
                );
            }
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "a flag of {} stands twice", tool.name());
            assert!(!tool.grammar.page().contains("\n      \n"), "{}", tool.name());
            assert!(
                tool.grammar.page().lines().all(|line| line.chars().count() <= 80),
                "{}",
                tool.grammar.page()
            );
        }
    }

    #[test]
    fn the_document_holds_the_tables_of_today() {
        let document = include_str!("../../../docs/facades.md");
        let tables = TOOLS.iter().map(|tool| tool.grammar.table());
        let missing: Vec<String> = tables.filter(|table| !document.contains(table)).collect();
        assert!(missing.is_empty(), "docs/facades.md lacks the tables of today:\n{}", missing.join("\n"));
    }
}
