//! Other tools' command lines: tables of their flags, and words that are read by them.
//!
//! The tools are written in Go and share a grammar: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-qd`, switches
//! with `=false`, flags anywhere between the other words, `--` before words that are none.
//!
//! Source: spf13/pflag, "Command line flag syntax"; Go's `strconv.ParseBool`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::anyhow;
use clap::CommandFactory as _;

use crate::args::Command;
use crate::exit::{Exit, Failure};

/// The most letters that a name may be away from one that is proposed for it.
const MAX_DISTANCE: usize = 3;

/// A flag of another tool, and what becomes of it here.
pub(super) struct Flag {
    /// Its name, without dashes.
    pub(super) name: &'static str,
    /// Its one letter.
    short: Option<char>,
    /// Other names that it has or once had.
    also: &'static [&'static str],
    takes: Takes,
    effect: Effect,
    /// Honoured: what it does. Without effect: why nothing is lost. Refused: what to do instead.
    say: &'static str,
    /// A variable that stands for it, besides that of the prefix.
    variable: Option<&'static str>,
}

/// What stands behind a flag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing: a switch.
    Nothing,
    /// One value; the last counts.
    Text,
    /// Values with commas; all count.
    List,
}

/// What becomes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It does what it does there.
    Honoured,
    /// It is taken and changes nothing, which is told.
    Without,
    /// It is an error: without it the result would be another one.
    Refused,
}

impl Flag {
    pub(super) const fn honoured(name: &'static str, takes: Takes, say: &'static str) -> Self {
        Self { name, short: None, also: &[], takes, effect: Effect::Honoured, say, variable: None }
    }

    pub(super) const fn without(name: &'static str, takes: Takes, say: &'static str) -> Self {
        Self { name, short: None, also: &[], takes, effect: Effect::Without, say, variable: None }
    }

    pub(super) const fn refused(name: &'static str, takes: Takes, say: &'static str) -> Self {
        Self { name, short: None, also: &[], takes, effect: Effect::Refused, say, variable: None }
    }

    pub(super) const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    pub(super) const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    pub(super) const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    fn is(&self, name: &str) -> bool {
        self.name == name || self.also.contains(&name)
    }

    /// As it is typed, with all its names: `-s, --severity LIST`.
    pub(super) fn spelling(&self) -> String {
        let mut text = self.short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let names: Vec<String> =
            std::iter::once(&self.name).chain(self.also).map(|name| format!("--{name}")).collect();
        text.push_str(&names.join(", "));
        text.push_str(match self.takes {
            Takes::Nothing => "",
            Takes::Text => " VALUE",
            Takes::List => " LIST",
        });
        text
    }
}

/// The command line of a tool.
pub(super) struct Grammar {
    /// What it is called by.
    pub(super) tool: &'static str,
    /// What variables begin with that stand for flags: `TRIVY_` for `TRIVY_EXIT_CODE`. Empty: only those that flags name.
    pub(super) prefix: &'static str,
    pub(super) flags: &'static [Flag],
}

/// A command line, read.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<&'static str, Vec<String>>,
    /// Flags of the command line that change nothing.
    ignored: BTreeSet<&'static str>,
    /// Flags that were typed, or stand in the configuration file.
    typed: BTreeSet<&'static str>,
    /// The words that are no flags.
    pub(super) words: Vec<String>,
}

impl Grammar {
    /// The words that are no flags, as far as the flags are known: what is asked for, whatever else is wrong.
    pub(super) fn commands<'w>(&self, words: &'w [String]) -> Vec<&'w str> {
        let mut found = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                None | Some("") => found.push(word.as_str()),
                Some("-") => {
                    found.extend(words.by_ref().map(String::as_str));
                }
                Some(rest) => {
                    let mut letters = rest.chars();
                    let flag = match (rest.strip_prefix('-'), letters.next(), letters.next()) {
                        // A value behind `=`, or behind a letter, is no word.
                        (Some(name), _, _) => self.named(name),
                        (None, letter, None) => self.lettered(letter),
                        (None, _, Some(_)) => None,
                    };
                    if flag.is_some_and(|flag| flag.takes != Takes::Nothing) {
                        words.next();
                    }
                }
            }
        }
        found
    }

    /// Reads words; then the variables, then the configuration say what words do not.
    ///
    /// # Errors
    /// A flag that is not known, is refused, or lacks its value.
    pub(super) fn read(
        &self,
        words: &[String],
        variables: &BTreeMap<String, String>,
        configuration: &[(String, Vec<String>)],
    ) -> Result<Given, Failure> {
        let mut given = self.read_words(words)?;
        for flag in self.flags {
            if given.values.contains_key(flag.name) {
                continue;
            }
            let own = flag.variable.and_then(|name| Some((name.to_owned(), variables.get(name)?)));
            let found = own.or_else(|| {
                let names = std::iter::once(&flag.name).chain(flag.also);
                names.filter(|_| !self.prefix.is_empty()).find_map(|name| {
                    let name = format!("{}{}", self.prefix, name.to_uppercase().replace('-', "_"));
                    let value = variables.get(&name)?;
                    Some((name, value))
                })
            });
            if let Some((name, value)) = found.filter(|(_, value)| !value.is_empty()) {
                self.put(&mut given, flag, value.clone(), &name)?;
            }
        }
        for (name, values) in configuration {
            let Some(flag) = self.named(name) else { continue };
            if given.values.contains_key(flag.name) {
                continue;
            }
            given.typed.insert(flag.name);
            for value in values {
                self.put(&mut given, flag, value.clone(), &format!("{name}` of the configuration"))?;
            }
        }
        Ok(given)
    }

    fn read_words(&self, words: &[String]) -> Result<Given, Failure> {
        let mut given = Given::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(rest) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                given.words.push(word.clone());
                continue;
            };
            let Some(long) = rest.strip_prefix('-') else {
                self.letters(rest, &mut words, &mut given)?;
                continue;
            };
            if long.is_empty() {
                given.words.extend(words.by_ref().cloned());
                break;
            }
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let flag = self.named(name).ok_or_else(|| self.unknown(name))?;
            let value = match (flag.takes, value) {
                (_, Some(value)) => value,
                (Takes::Nothing, None) => "true".to_owned(),
                (_, None) => words.next().cloned().ok_or_else(|| self.lacks_value(word))?,
            };
            given.typed.insert(flag.name);
            self.put(&mut given, flag, value, &format!("--{name}"))?;
        }
        Ok(given)
    }

    /// `-q`, `-qd`, `-f json`, `-fjson`, `-f=json`.
    fn letters<'w>(
        &self,
        cluster: &str,
        words: &mut impl Iterator<Item = &'w String>,
        given: &mut Given,
    ) -> Result<(), Failure> {
        let mut rest = cluster;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let flag = self.lettered(Some(letter)).ok_or_else(|| {
                // `-output`, as flags of Go's own are written.
                let name = cluster.split('=').next().unwrap_or(cluster);
                if name.len() > 1 { self.unknown(name) } else { self.unknown_letter(letter) }
            })?;
            let name = format!("-{letter}");
            let value = match (rest.strip_prefix('='), flag.takes) {
                (Some(value), _) => {
                    rest = "";
                    value.to_owned()
                }
                (None, Takes::Nothing) => "true".to_owned(),
                (None, _) if rest.is_empty() => {
                    words.next().cloned().ok_or_else(|| self.lacks_value(&name))?
                }
                (None, _) => std::mem::take(&mut rest).to_owned(),
            };
            given.typed.insert(flag.name);
            self.put(given, flag, value, &name)?;
        }
        Ok(())
    }

    fn put(&self, given: &mut Given, flag: &Flag, value: String, spelled: &str) -> Result<(), Failure> {
        let is_off = flag.takes == Takes::Nothing && {
            let read = truth(&value).ok_or_else(|| {
                usage(format!(
                    "cannot read `{spelled}` of {}: expected true or false, found `{value}`",
                    self.tool
                ))
            })?;
            !read
        };
        match flag.effect {
            Effect::Refused if !is_off => {
                let what =
                    format!("cannot take `{spelled}` of {}: what it asks for is not done here", self.tool);
                return Err(usage(what).hint(flag.say));
            }
            Effect::Without if !is_off => {
                given.ignored.extend(given.typed.get(flag.name));
            }
            _ => {}
        }
        // Switches that were turned off are known to be off: a variable does not turn them on again.
        let values = given.values.entry(flag.name).or_default();
        match flag.takes {
            Takes::Nothing if is_off => *values = vec!["false".to_owned()],
            Takes::Nothing => *values = vec!["true".to_owned()],
            Takes::Text => *values = vec![value],
            Takes::List => values
                .extend(value.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())),
        }
        Ok(())
    }

    fn named(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.is(name))
    }

    fn lettered(&self, letter: Option<char>) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.short.is_some() && flag.short == letter)
    }

    fn lacks_value(&self, flag: &str) -> Failure {
        usage(format!("cannot read `{flag}` of {}: expected a value behind it, found none", self.tool))
    }

    fn unknown_letter(&self, letter: char) -> Failure {
        usage(format!("cannot take `-{letter}` of {0}: expected a flag of {0}'s, found another", self.tool))
            .hint(format!("`plimsoll as --list {}` lists them", self.tool))
    }

    fn unknown(&self, name: &str) -> Failure {
        let failure = usage(format!(
            "cannot take `--{name}` of {0}: expected a flag of {0}'s, found another",
            self.tool
        ));
        let names = self.flags.iter().flat_map(|flag| std::iter::once(&flag.name).chain(flag.also));
        let mut hint = String::new();
        if let Some(nearest) = nearest(name, names.copied()) {
            let _ = write!(hint, "the nearest is `--{nearest}`; ");
        }
        if is_own(name) {
            let _ = write!(hint, "`plimsoll scan` has a `--{name}`; ");
        }
        failure.hint(format!("{hint}`plimsoll as --list {}` lists them", self.tool))
    }

    /// A page of what becomes of each flag, for a terminal.
    pub(super) fn page(&self) -> String {
        let mut text = String::new();
        for (effect, title) in [
            (Effect::Honoured, "Honoured:"),
            (Effect::Without, "Taken, and without effect:"),
            (Effect::Refused, "Refused by name:"),
        ] {
            let mut flags: Vec<&Flag> = self.flags.iter().filter(|flag| flag.effect == effect).collect();
            if flags.is_empty() {
                continue;
            }
            flags.sort_by_key(|flag| flag.name);
            let _ = writeln!(text, "{title}");
            for flag in flags {
                let _ = writeln!(text, "  {}\n      {}", flag.spelling(), flag.say);
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len() + 1);
        text
    }

    /// The same, as a table of a document.
    #[cfg(test)]
    pub(super) fn table(&self) -> String {
        let mut rows: Vec<String> = self
            .flags
            .iter()
            .map(|flag| {
                let effect = match flag.effect {
                    Effect::Honoured => "honoured",
                    Effect::Without => "without effect",
                    Effect::Refused => "refused",
                };
                format!("| `{}` | {effect} | {} |", flag.spelling(), flag.say)
            })
            .collect();
        rows.sort_by_key(|row| row.trim_start_matches("| `").split("--").nth(1).map(str::to_owned));
        format!("| flag | | |\n| --- | --- | --- |\n{}\n", rows.join("\n"))
    }
}

impl Given {
    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The value of a flag.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// All values of a flag; none where it was not given.
    pub(super) fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a flag was given at all, by whatever way.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// One line about flags that changed nothing; `None` where there are none.
    pub(super) fn told(&self, tool: &str) -> Option<String> {
        let flags: Vec<String> = self.ignored.iter().map(|name| format!("--{name}")).collect();
        (!flags.is_empty()).then(|| format!("note: {tool}: without effect here: {}", flags.join(", ")))
    }
}

/// A failure of usage.
pub(super) fn usage(text: String) -> Failure {
    Failure::new(Exit::Usage, anyhow!(text))
}

/// The name that is meant, perhaps.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let name = plain(name);
    names
        .map(|known| (distance(&name, &plain(known)), known))
        .min()
        .filter(|(away, known)| *away <= MAX_DISTANCE && *away < known.len())
        .map(|(_, known)| known)
}

/// Letters to add, drop or change (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, d) in b.iter().enumerate() {
            let changed = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Whether `plimsoll scan` has a flag of that name.
fn is_own(name: &str) -> bool {
    Command::command()
        .find_subcommand("scan")
        .is_some_and(|scan| scan.get_arguments().any(|argument| argument.get_long() == Some(name)))
}

/// A switch's value.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag::honoured("severity", Takes::List, "").short('s'),
        Flag::honoured("exit-code", Takes::Text, ""),
        Flag::honoured("quiet", Takes::Nothing, "").short('q'),
        Flag::honoured("format", Takes::Text, "").short('f'),
        Flag::honoured("skip-db-update", Takes::Nothing, "").also(&["skip-update"]),
        Flag::honoured("name", Takes::Text, "").variable("LW_NAME"),
        Flag::without("timeout", Takes::Text, ""),
        Flag::without("light", Takes::Nothing, ""),
        Flag::refused("removed-pkgs", Takes::Nothing, "leave it out"),
    ];
    const GRAMMAR: Grammar = Grammar { tool: "tool", prefix: "TOOL_", flags: FLAGS };

    fn read(line: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let configuration = [("exit-code".to_owned(), vec!["7".to_owned()])];
        let given = GRAMMAR
            .read(&words, &variables.collect(), &configuration)
            .map_err(|failure| failure.to_string())?;
        let mut parts: Vec<String> =
            given.values.iter().map(|(name, values)| format!("{name}={}", values.join("+"))).collect();
        parts.extend(given.words.iter().cloned());
        parts.extend(given.told("tool"));
        Ok(parts.join(" "))
    }

    #[test]
    fn words_are_read_as_go_reads_them() {
        for (line, expected) in [
            ("image app:1", "exit-code=7 image app:1"),
            ("--exit-code 1 --severity A,B image app", "exit-code=1 severity=A+B image app"),
            ("image app --severity=A -s B -sC", "exit-code=7 severity=A+B+C image app"),
            ("-qf json app", "exit-code=7 format=json quiet=true app"),
            ("-f=json -q=false app", "exit-code=7 format=json quiet=false app"),
            ("--exit-code -1", "exit-code=-1"),
            ("--skip-update x", "exit-code=7 skip-db-update=true x"),
            ("--exit-code 0 -- -x --y", "exit-code=0 -x --y"),
            ("-", "exit-code=7 -"),
            ("--removed-pkgs=false x", "exit-code=7 removed-pkgs=false x"),
            (
                "--timeout 5m --light x",
                "exit-code=7 light=true timeout=5m x note: tool: without effect here: --light, --timeout",
            ),
        ] {
            assert_eq!(read(line, &[]).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn words_go_before_variables_and_those_before_the_file() {
        let variables = [("TOOL_EXIT_CODE", "2"), ("TOOL_QUIET", "1"), ("LW_NAME", "n"), ("TOOL_OTHER", "x")];
        assert_eq!(read("x", &variables).as_deref(), Ok("exit-code=2 name=n quiet=true x"));
        assert_eq!(
            read("x --exit-code 3 -q=false", &variables).as_deref(),
            Ok("exit-code=3 name=n quiet=false x")
        );
        // What stands in a variable and changes nothing is not worth a line in every build.
        assert_eq!(read("x", &[("TOOL_TIMEOUT", "5m")]).as_deref(), Ok("exit-code=7 timeout=5m x"));
        assert!(read("x", &[("TOOL_REMOVED_PKGS", "true")]).unwrap_err().contains("TOOL_REMOVED_PKGS"));
        assert!(read("x", &[("TOOL_QUIET", "maybe")]).unwrap_err().contains("found `maybe`"));
    }

    #[test]
    fn what_is_not_known_is_refused_by_name_with_the_nearest() {
        for (line, parts) in [
            ("--exitcode 1", &["cannot take `--exitcode` of tool", "the nearest is `--exit-code`"][..]),
            ("--fail-on high", &["`--fail-on`", "`plimsoll scan` has a `--fail-on`"]),
            ("-exit-code 1", &["`--exit-code`", "the nearest is `--exit-code`"]),
            ("-x", &["`-x`"]),
            ("--removed-pkgs x", &["`--removed-pkgs`", "hint: leave it out"]),
            ("--format", &["`--format`", "expected a value"]),
            ("-f", &["`-f`", "expected a value"]),
        ] {
            let error = read(line, &[]).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{line}: {error}");
        }
    }

    #[test]
    fn commands_are_found_whatever_flags_stand_between() {
        let words: Vec<String> = "--exit-code 0 iac --upload -q scan --fail high -f json x"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(GRAMMAR.commands(&words), ["iac", "scan", "high", "x"]);
    }

    #[test]
    fn distances_count_letters() {
        for (a, b, away) in
            [("", "", 0), ("a", "", 1), ("exitcode", "exit-code", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), away, "{a} {b}");
        }
        assert_eq!(nearest("scna", ["image", "scan"].into_iter()), Some("scan"));
        assert_eq!(nearest("completely", ["image", "scan"].into_iter()), None);
    }
}
