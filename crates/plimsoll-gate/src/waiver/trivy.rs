//! Trivy's `.trivyignore`: one ID a line, with `exp:2026-03-01` behind it where it ends.
//!
//! Source: Trivy documentation, "Filtering", "By finding IDs". An entry holds until its day begins.

use super::own::{MAX_WAIVERS, start_of};
use super::{Scope, Waiver, Waivers};
use crate::input::{Input, InputError, quoted};

/// Reads the file.
pub(super) fn read(origin: &str, text: &str) -> Result<Waivers, InputError> {
    let input = Input { what: "waivers", origin, text };
    input.bounded()?;
    let mut waivers = Waivers::default();
    let mut remark = String::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            remark = quoted(comment.trim());
            continue;
        }
        if line.is_empty() {
            remark.clear();
            continue;
        }
        let mut ids = Vec::new();
        let mut ends = None;
        // Behind a `#` stands a comment.
        for word in line.split_whitespace().take_while(|word| !word.starts_with('#')) {
            if let Some(day) = word.strip_prefix("exp:") {
                let Some(end) = day.parse().ok().and_then(start_of) else {
                    let reason = format!("expected a day as `exp:2026-03-01`, found `{}`", quoted(word));
                    return Err(input.error_in_line(number, "", reason));
                };
                ends = Some(end);
            } else {
                ids.push(word.to_owned());
            }
        }
        if ids.is_empty() {
            return Err(input.error_in_line(number, "", "expected an ID, found none"));
        }
        for id in &ids {
            if !is_flaw(id) {
                waivers.notes.push(format!(
                    "{origin}:{number}: `{}` names no vulnerability, and excuses nothing here",
                    quoted(id)
                ));
            }
        }
        ids.retain(|id| is_flaw(id));
        if ids.is_empty() {
            continue;
        }
        if waivers.list.len() == MAX_WAIVERS {
            return Err(input.error_in_line(number, "", format!("expected at most {MAX_WAIVERS} entries")));
        }
        let scope = Scope { ids, ..Scope::default() };
        waivers.list.push(Waiver {
            origin: format!("{origin}:{number}"),
            covers: scope.words(),
            owner: String::new(),
            reason: None,
            remark: remark.clone(),
            ends,
            scope,
        });
    }
    Ok(waivers)
}

/// Whether it may be the ID of an advisory. Trivy's checks of configurations (`AVD-AWS-0104`, `DS002`) and rules of
/// secrets (`aws-access-key-id`) stand in the same file.
pub(super) fn is_flaw(id: &str) -> bool {
    id.contains('-')
        && id.chars().any(|c| c.is_ascii_uppercase())
        && !["AVD-", "AWS-", "AZU-", "GCP-", "KSV-"].iter().any(|prefix| id.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ends_and_comments_are_read() {
        let text = "# not reachable\nCVE-2020-1\nCVE-2020-2 exp:2026-03-01 # note\n\nGHSA-aaaa-bbbb-cccc\nAVD-DS-0002\n";
        let waivers = Waivers::trivyignore(".trivyignore", text).unwrap();
        let covers: Vec<&str> = waivers.list().iter().map(|waiver| waiver.covers.as_str()).collect();
        assert_eq!(covers, ["CVE-2020-1", "CVE-2020-2", "GHSA-aaaa-bbbb-cccc"]);
        assert_eq!(waivers.list()[0].remark, "not reachable");
        assert_eq!(waivers.list()[2].remark, "");
        assert_eq!(waivers.list()[1].last_day().as_deref(), Some("2026-02-28"));
        assert_eq!(waivers.list()[1].origin, ".trivyignore:3");
        assert_eq!(
            waivers.notes(),
            [".trivyignore:6: `AVD-DS-0002` names no vulnerability, and excuses nothing here"]
        );
    }

    #[test]
    fn an_end_that_is_no_day_is_an_error_with_its_line() {
        let error = Waivers::trivyignore("f", "CVE-2020-1\nCVE-2020-2 exp:soon\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read waivers `f`: line 2, column 1: expected a day as `exp:2026-03-01`, found `exp:soon`"
        );
        assert!(Waivers::trivyignore("f", "exp:2026-01-01").is_err());
        assert_eq!(Waivers::trivyignore("f", "").unwrap(), Waivers::default());
    }
}
