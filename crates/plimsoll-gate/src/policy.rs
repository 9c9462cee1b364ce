//! Policies: rules in order, each a condition and what to do where it holds.
//!
//! ```toml
//! [policy]
//! preset = "pragmatic"   # its rules come after those below
//!
//! [[policy.rules]]
//! name = "exploited"
//! when = "kev && fixable"
//! action = "fail"
//! reason = "known to be exploited, and an update is there"
//! after = "3d"
//! ```
//!
//! - The first rule that holds decides. A finding on which none does passes.
//! - `after` gives time: the rule holds only from that many days after the advisory was published or the fix came,
//!   whichever is later (at once where neither day is known). Until then later rules are asked; where none decides,
//!   the finding is a warning that names the day.
//! - A field that nobody has said makes a comparison neither true nor false, and a rule that is not true does not hold.
//! - A package may stand at several places. `fail` and `warn` hold where any place does, `ignore` where all do.
//! - No rule ignores a malicious package.

mod expression;
mod field;
mod read;

use plimsoll_model::Severity;

pub(crate) use expression::{Datum, Evaluator, Expression};
pub use field::{FIELDS, Field, FieldInfo, FieldKind, fields_table};

use crate::input::InputError;

/// What a rule does with a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The image does not pass.
    Fail,
    /// The image passes, and the finding is named.
    Warn,
    /// The finding is dropped.
    Ignore,
}

impl Action {
    /// All, as a policy names them.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Warn, Self::Ignore];

    /// The word in a policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Ignore => "ignore",
        }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in its policy.
    pub name: String,
    /// The condition, as written.
    pub when: String,
    /// What it does.
    pub action: Action,
    /// Why, for people; may be empty.
    pub reason: String,
    /// Days that a finding is given before the rule holds.
    pub after_days: u16,
    /// Where it was written: `plimsoll.toml:12`, `preset pragmatic`, `--fail-on`.
    pub origin: String,
    /// Where its condition was written, with line and column: `plimsoll.toml:14:9`; else as `origin`.
    pub condition_origin: String,
    pub(crate) condition: Expression,
    /// Whether it is `--ignore-unfixed`, whose findings are counted by themselves.
    pub(crate) is_ignore_unfixed: bool,
}

impl Rule {
    /// Whether its condition names this field.
    pub fn reads(&self, field: Field) -> bool {
        self.condition.fields().contains(&field)
    }
}

/// What a team asks of its images.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub(crate) rules: Vec<Rule>,
    /// How many of `rules` stand before those of the preset.
    pub(crate) own: usize,
    /// Be undecided where something could not be read or compared.
    pub strict: bool,
}

/// A policy that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is for, one line.
    pub summary: &'static str,
    /// Its text, TOML, to be read and to be copied.
    pub text: &'static str,
}

/// All presets, the most lenient last.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "strict",
        summary: "everything from MEDIUM on fails at once, with a fix or without, and so does what could not be read",
        text: include_str!("presets/strict.toml"),
    },
    Preset {
        name: "production",
        summary: "what is exploited or can be fixed fails from HIGH on; teams get days, not weeks",
        text: include_str!("presets/production.toml"),
    },
    Preset {
        name: "pragmatic",
        summary: "only what can be fixed and matters fails; what nobody can act on is a warning",
        text: include_str!("presets/pragmatic.toml"),
    },
];

/// The flags of the command that are short names for rules.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, given or not")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A finding of this severity or worse fails; `None` asks nothing. See [`crate::threshold`].
    pub fail_on: Option<Severity>,
    /// Drop findings without a fix, malicious packages excepted.
    pub ignore_unfixed: bool,
    /// What is known to be exploited fails, with a fix or without.
    pub fail_on_kev: bool,
    /// What the baseline does not have fails.
    pub fail_on_new: bool,
    /// Be undecided where something could not be read or compared.
    pub strict: bool,
}

impl Flags {
    /// The rules in words; empty where nothing is asked.
    pub fn rules(&self) -> Vec<String> {
        Policy::default().with_flags(self).in_words()
    }
}

/// What a strict policy asks, in words.
const STRICT: &str = "undecided where something could not be read or compared";

impl Policy {
    /// Reads a file that holds a policy, and may hold waivers: other tables are refused, for they are misspelt.
    ///
    /// # Errors
    /// [`InputError`] with line and column, of conditions too. A policy that has no rule and is not strict is refused:
    /// it would pass everything.
    pub fn from_file(origin: &str, text: &str) -> Result<Self, InputError> {
        read::policy(origin, text, true).map(Option::unwrap_or_default)
    }

    /// Reads the policy of a settings file, whose other tables are not looked at; `None` where it has none.
    ///
    /// # Errors
    /// As [`Policy::from_file`].
    pub fn from_settings(origin: &str, text: &str) -> Result<Option<Self>, InputError> {
        read::policy(origin, text, false)
    }

    /// The preset of that name.
    pub fn preset(name: &str) -> Option<Self> {
        let preset = PRESETS.iter().find(|preset| preset.name == name)?;
        Some(read::preset(preset).expect("a test reads every preset"))
    }

    /// The same with the rules of the flags: behind those of the file, before those of its preset. What is known to
    /// be exploited comes first, then what drops, then what else fails: `--ignore-unfixed` hides no exploited flaw from
    /// `--fail-on-kev`.
    #[must_use]
    pub fn with_flags(mut self, flags: &Flags) -> Self {
        let mut rules = Vec::new();
        if flags.fail_on_kev {
            let when = "kev";
            rules.push(flag_rule(
                "fail on what is known to be exploited",
                when,
                Action::Fail,
                "--fail-on-kev",
            ));
        }
        if flags.ignore_unfixed {
            let rule =
                flag_rule("ignore findings without a fix", "!fixable", Action::Ignore, "--ignore-unfixed");
            rules.push(Rule { is_ignore_unfixed: true, ..rule });
        }
        if flags.fail_on_new {
            let when = "new && !notice";
            rules.push(flag_rule("fail on what is new", when, Action::Fail, "--fail-on-new"));
        }
        if let Some(level) = flags.fail_on {
            let name = match level {
                Severity::Critical => "fail on CRITICAL".to_owned(),
                level => format!("fail on {level} or worse"),
            };
            let when = format!("severity >= {level} && !notice");
            rules.push(flag_rule(&name, &when, Action::Fail, "--fail-on"));
        }
        // Names tell rules apart, and a file may have taken the flag's.
        for rule in &mut rules {
            while self.rules.iter().any(|other| other.name == rule.name) {
                rule.name = format!("{} ({})", rule.name, rule.origin);
            }
        }
        let added = rules.len();
        self.rules.splice(self.own..self.own, rules);
        self.own += added;
        self.strict |= flags.strict;
        self
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a rule names this field. A policy that names `new` wants a baseline, one that names `inherited` a
    /// base image; without, such rules cannot hold.
    pub fn reads(&self, field: Field) -> bool {
        self.rules.iter().any(|rule| rule.reads(field))
    }

    /// Rules that are never asked, since one before them holds for everything: `when = "true"`, without a window. One
    /// that ignores does not hold for malicious packages, and hides no rule.
    pub fn never_asked(&self) -> Vec<&Rule> {
        let holds =
            |rule: &Rule| rule.when.trim() == "true" && rule.after_days == 0 && rule.action != Action::Ignore;
        let behind = self.rules.iter().position(holds).map_or(self.rules.len(), |index| index + 1);
        self.rules[behind..].iter().collect()
    }

    /// The rules in words, as [`plimsoll_model::Decision::rules`] lists them; empty where nothing is asked. What
    /// fails and warns stands before what is ignored, as a reader looks for it.
    pub(crate) fn in_words(&self) -> Vec<String> {
        let (drops, asks): (Vec<&Rule>, Vec<&Rule>) =
            self.rules.iter().partition(|rule| rule.action == Action::Ignore);
        let mut words: Vec<String> = asks.iter().chain(&drops).map(|rule| rule.name.clone()).collect();
        words.extend(self.strict.then(|| STRICT.to_owned()));
        words
    }
}

fn flag_rule(name: &str, when: &str, action: Action, flag: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        when: when.to_owned(),
        action,
        reason: String::new(),
        after_days: 0,
        origin: flag.to_owned(),
        condition_origin: flag.to_owned(),
        condition: Expression::read(when).expect("a test reads the condition of every flag"),
        is_ignore_unfixed: false,
    }
}
