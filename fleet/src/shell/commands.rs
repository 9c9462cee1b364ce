//! What begins with a backslash.

use clap::ValueEnum as _;
use plimsoll_report::printable;

use crate::output::Format;
use crate::run::Runner;

const HELP: &str = "\
  \\dt          tables and views       \\d TABLE   columns of a table
  \\df          functions              \\f FORMAT  table, csv, json or ndjson
  \\h           this help              \\q         leave
Statements end with `;`: SELECT, WITH, EXPLAIN, SHOW, DESCRIBE. Tab completes,
Ctrl-C ends a query.";

/// A command and its argument.
pub(super) struct Command<'a> {
    name: &'a str,
    argument: &'a str,
}

/// What a command comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Leave,
    Text(String),
    /// SQL that answers it.
    Ask(String),
}

impl<'a> Command<'a> {
    /// `None` for SQL.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        if matches!(text.trim_end_matches(';').to_ascii_lowercase().as_str(), "quit" | "exit") {
            return Some(Self { name: "q", argument: "" });
        }
        let rest = text.strip_prefix('\\')?;
        let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        Some(Self { name, argument: argument.trim().trim_end_matches(';') })
    }

    pub(super) fn run(&self, runner: &mut Runner) -> Said {
        match (self.name, self.argument) {
            ("q", _) => Said::Leave,
            ("h" | "?", _) => Said::Text(HELP.to_owned()),
            ("dt", _) | ("d", "") => Said::Ask(
                "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' \
                 ORDER BY table_type, table_name"
                    .to_owned(),
            ),
            ("d", table) => Said::Ask(format!(
                "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = '{}' \
                 ORDER BY ordinal_position",
                table.replace('\'', "''")
            )),
            ("df", _) => Said::Ask(
                "SELECT DISTINCT routine_name, description FROM information_schema.routines ORDER BY routine_name"
                    .to_owned(),
            ),
            ("f", name) => match Format::from_str(name, true) {
                Ok(format) if format != Format::Parquet => {
                    runner.format = format;
                    Said::Text(format!("results are written as {}", name.to_ascii_lowercase()))
                }
                _ => Said::Text(format!("expected table, csv, json or ndjson, found `{}`", printable(name))),
            },
            (name, _) => Said::Text(format!("there is no command `\\{}`; \\h lists them", printable(name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sql() {
        assert!(Command::of("SELECT 1;").is_none());
        assert!(Command::of("quitting;").is_none());
        for text in ["\\q", "quit", "EXIT;"] {
            assert_eq!(Command::of(text).unwrap().name, "q");
        }
        let command = Command::of("\\d  findings;").unwrap();
        assert_eq!((command.name, command.argument), ("d", "findings"));
    }
}
