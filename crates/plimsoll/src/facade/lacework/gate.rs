//! What `--fail_on_severity` and `--fail_on_fixable` decide: over all rows, whatever of them is shown.

use super::super::words::usage;
use super::rows::{Row, SEVERITIES};
use crate::exit::Failure;

/// What fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gate {
    /// The threshold, as it was typed, and its rank.
    severity: Option<(String, usize)>,
    fixable: bool,
}

impl Gate {
    pub(super) fn new(severity: Option<&str>, fixable: bool) -> Result<Self, Failure> {
        let severity = severity.map(|text| Ok((text.to_owned(), rank(text)?))).transpose()?;
        Ok(Self { severity, fixable })
    }

    /// Whether it asks anything.
    pub(super) fn asks(&self) -> bool {
        self.fixable || self.severity.is_some()
    }

    /// What it asks, as it can be typed.
    pub(super) fn words(&self) -> String {
        let severity = self.severity.as_ref().map(|(text, _)| format!(" --fail_on_severity {text}"));
        let fixable = if self.fixable { " --fail_on_fixable" } else { "" };
        format!("lacework{}{fixable}", severity.unwrap_or_default())
    }

    /// Whether a flaw alone fails it.
    pub(super) fn fails(&self, severity: &str, is_fixable: bool) -> bool {
        match &self.severity {
            Some((_, threshold)) => rank(severity).is_ok_and(|rank| rank <= *threshold),
            None => self.fixable && is_fixable,
        }
    }

    /// What fails it, in the command line's own words; `None` where it passes.
    pub(super) fn failure(&self, rows: &[Row]) -> Option<String> {
        let worst = |is_counted: &dyn Fn(&&Row) -> bool| {
            rows.iter().filter(is_counted).map(Row::rank).filter(|rank| *rank > 0).min()
        };
        let has_fixable = rows.iter().any(Row::is_fixable);
        match &self.severity {
            None if self.fixable && has_fixable => Some("fixable vulnerabilities found".to_owned()),
            None => None,
            Some((text, threshold)) => {
                let reaches = |rank: Option<usize>| rank.is_some_and(|rank| rank <= *threshold);
                if self.fixable && reaches(worst(&|row| row.is_fixable())) {
                    Some(format!("fixable vulnerabilities found with threshold '{text}'"))
                } else if reaches(worst(&|_| true)) {
                    Some(format!("vulnerabilities found with threshold '{text}'"))
                } else {
                    None
                }
            }
        }
    }
}

/// A severity's place, from 1: a word in any case, or the place itself.
pub(super) fn rank(text: &str) -> Result<usize, Failure> {
    let of_word = SEVERITIES.iter().position(|word| word.eq_ignore_ascii_case(text)).map(|at| at + 1);
    let of_number = text.parse().ok().filter(|rank| (1..=SEVERITIES.len()).contains(rank));
    of_word.or(of_number).ok_or_else(|| {
        usage(format!("the severity {text} is not valid, use one of critical, high, medium, low, info"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(severity: &str, fixable: bool) -> Row {
        let mut row =
            Row { severity: severity.to_owned(), status: "VULNERABLE".to_owned(), ..Row::default() };
        row.fix_info.fix_available = i64::from(fixable);
        row
    }

    #[test]
    fn thresholds_and_fixes_decide() {
        let rows = [row("Critical", false), row("Low", true)];
        for (severity, fixable, expected) in [
            (None, false, None),
            (None, true, Some("fixable vulnerabilities found")),
            (Some("critical"), false, Some("vulnerabilities found with threshold 'critical'")),
            (Some("1"), false, Some("vulnerabilities found with threshold '1'")),
            // An unfixable critical one fails with either flag; so it is there.
            (Some("HIGH"), true, Some("vulnerabilities found with threshold 'HIGH'")),
            (Some("low"), true, Some("fixable vulnerabilities found with threshold 'low'")),
        ] {
            let gate = Gate::new(severity, fixable).unwrap();
            assert_eq!(gate.failure(&rows).as_deref(), expected, "{severity:?} {fixable}");
            // What fails the whole is that one alone does.
            let alone = rows.iter().any(|row| gate.fails(&row.severity, row.is_fixable()));
            assert_eq!(alone, expected.is_some(), "{severity:?} {fixable}");
        }
        let gate = Gate::new(Some("info"), true).unwrap();
        assert_eq!(gate.failure(&[]), None);
        assert_eq!(Gate::new(Some("high"), false).unwrap().failure(&rows[1..]), None);
        assert!(Gate::new(Some("tragic"), false).unwrap_err().to_string().contains("tragic"));
        assert!(Gate::new(Some("6"), false).is_err());
    }
}
