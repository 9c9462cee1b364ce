//! The decision: waivers, then rules in order, for each finding.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use plimsoll_model::{
    Decision, Finding, Gap, Notice, NoticeKind, Outcome, Ruling, Suppressed, SuppressionKind, Undetermined,
    Verdict,
};

use crate::policy::{Action, Evaluator, Field, Policy, Rule};
use crate::subject::{Context, DAY_SECONDS, Flaw, Subject, day_of, days_between, is_malicious, severity_of};
use crate::waiver::{WaiverOutcome, Waivers};

/// What the gate said of everything, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The findings that were not dropped, in their order: [`plimsoll_model::Scan::findings`].
    pub findings: Vec<Finding>,
    /// The findings that a rule or a waiver dropped, in their order: [`plimsoll_model::Scan::suppressed`].
    pub suppressed: Vec<Suppressed>,
    /// The verdict and its reasons, a ruling for each of `findings`.
    pub decision: Decision,
    /// What was said of each advisory that could not be decided, in their order.
    pub unclear: Vec<Unclear>,
    /// What came of the waivers.
    pub waivers: WaiverOutcome,
    /// What a person should look at in policy and waivers, sorted: [`plimsoll_model::Scan::notices`].
    pub notices: Vec<Notice>,
}

/// What was said of an advisory that could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// No rule names `undetermined` and holds: it counts where the policy is strict.
    Open,
    /// The waiver written there excuses it.
    Excused(String),
    /// This rule decides.
    Ruled {
        /// Its name.
        rule: String,
        /// What it does.
        action: Action,
    },
}

/// A rule that could not be evaluated. The gate has then said nothing, and must not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// The rule.
    pub rule: String,
    /// Where its condition was written, with line and column.
    pub origin: String,
    /// The finding's ID.
    pub finding: String,
    /// What went wrong.
    pub reason: String,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, origin, finding, reason } = self;
        write!(f, "cannot evaluate rule `{rule}` ({origin}) for `{finding}`: {reason}")
    }
}

impl std::error::Error for EvaluationError {}

/// Decides about what a scan found. `gaps`: all of them, of reading and of matching.
///
/// A waiver is asked before the rules. Where nothing failed, the verdict is undecided if the policy is strict and
/// anything could not be read or compared, or if a rule fails what could not be decided.
///
/// # Errors
/// [`EvaluationError`] where a rule cannot be evaluated.
pub fn judge<'a>(
    policy: &Policy,
    waivers: &Waivers,
    findings: Vec<Finding>,
    undetermined: &[Undetermined],
    gaps: impl IntoIterator<Item = &'a Gap>,
    context: &Context<'_>,
) -> Result<Judged, EvaluationError> {
    let evaluator = Evaluator::new();
    let mut judged = Judged {
        decision: Decision { rules: policy.in_words(), ..Decision::default() },
        waivers: waivers.outcome(context.now),
        ..Judged::default()
    };
    let asked = Asked { policy, evaluator: &evaluator };
    for finding in findings {
        if let Some(waiver) = waivers.excuse(Flaw::Found(&finding), context, &mut judged.waivers) {
            judged.suppressed.push(waivers.list()[waiver].suppress(finding));
            continue;
        }
        let severity = severity_of(&finding);
        match asked.finding(&finding, context)? {
            Asking::Dropped(rule) => {
                if rule.is_ignore_unfixed {
                    judged.decision.ignored_unfixed.add(severity);
                }
                judged.suppressed.push(rule.suppress(finding));
            }
            Asking::Counts(ruling) => {
                judged.decision.counts.add(severity);
                judged.decision.rulings.push(ruling);
                judged.findings.push(finding);
            }
        }
    }
    let mut unclear = gaps.into_iter().next().is_some();
    let mut fails_unclear = false;
    for unclear_one in undetermined {
        if let Some(waiver) = waivers.excuse(Flaw::Unclear(unclear_one), context, &mut judged.waivers) {
            judged.unclear.push(Unclear::Excused(waivers.list()[waiver].origin.clone()));
            continue;
        }
        let rule = asked.unclear(unclear_one, context)?;
        match rule.map(|rule| rule.action) {
            Some(Action::Ignore) => {}
            Some(Action::Fail) => fails_unclear = true,
            Some(Action::Warn) | None => unclear = true,
        }
        judged.unclear.push(
            rule.map_or(Unclear::Open, |rule| Unclear::Ruled {
                rule: rule.name.clone(),
                action: rule.action,
            }),
        );
    }
    judged.decision.verdict = if judged.decision.failures().next().is_some() {
        Verdict::Failed
    } else if fails_unclear || (policy.strict && unclear) {
        Verdict::Undecided
    } else {
        Verdict::Passed
    };
    judged.notices = notices(policy, waivers, &judged.waivers);
    Ok(judged)
}

/// What came of asking the rules.
enum Asking<'a> {
    Counts(Ruling),
    Dropped(&'a Rule),
}

impl Rule {
    fn suppress(&self, finding: Finding) -> Suppressed {
        Suppressed {
            finding,
            kind: SuppressionKind::Rule,
            by: self.name.clone(),
            reason: String::new(),
            remark: self.reason.clone(),
            until: None,
            origin: self.origin.clone(),
        }
    }
}

struct Asked<'a> {
    policy: &'a Policy,
    evaluator: &'a Evaluator,
}

impl<'a> Asked<'a> {
    fn finding(&self, finding: &Finding, context: &Context<'_>) -> Result<Asking<'a>, EvaluationError> {
        let mut ruling = Ruling::default();
        let mut waiting: Option<(&Rule, String)> = None;
        for rule in &self.policy.rules {
            let subject = Subject { flaw: Flaw::Found(finding), place: 0, context: *context };
            if finding.malicious && rule.action == Action::Ignore {
                if self.holds(rule, &subject, finding.packages.len())? == Some(true) {
                    ruling.notes.push(format!("rule `{}` cannot ignore a malicious package", rule.name));
                }
                continue;
            }
            match self.holds(rule, &subject, finding.packages.len())? {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    ruling.notes.push(format!("rule `{}` hangs on what nobody has said", rule.name));
                    continue;
                }
            }
            if let Some(due) = due(rule, &subject) {
                waiting.get_or_insert((rule, due));
                continue;
            }
            ruling.outcome = match rule.action {
                Action::Fail => Outcome::Failed,
                Action::Warn => Outcome::Warned,
                Action::Ignore => return Ok(Asking::Dropped(rule)),
            };
            ruling.rule.clone_from(&rule.name);
            ruling.reason.clone_from(&rule.reason);
            // Another rule that warns does not hide from when on the first one fails.
            if let (Outcome::Warned, Some((first, due))) = (ruling.outcome, &waiting) {
                ruling.notes.push(format!("rule `{}` holds from {due} on", first.name));
                ruling.due = Some(due.clone());
            }
            return Ok(Asking::Counts(ruling));
        }
        if let Some((rule, due)) = waiting {
            ruling.outcome = Outcome::Warned;
            ruling.rule.clone_from(&rule.name);
            ruling.reason.clone_from(&rule.reason);
            ruling.due = Some(due);
        }
        Ok(Asking::Counts(ruling))
    }

    /// The first rule that names `undetermined` and holds.
    fn unclear(
        &self,
        unclear: &Undetermined,
        context: &Context<'_>,
    ) -> Result<Option<&'a Rule>, EvaluationError> {
        let subject = Subject { flaw: Flaw::Unclear(unclear), place: 0, context: *context };
        for rule in &self.policy.rules {
            let may = rule.action != Action::Ignore || !is_malicious(unclear);
            if may
                && rule.condition.fields().contains(&Field::Undetermined)
                && self.holds(rule, &subject, 1)? == Some(true)
            {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }

    /// Whether a rule holds over all places: one is enough to fail or warn, all are needed to ignore.
    fn holds(
        &self,
        rule: &Rule,
        subject: &Subject<'_>,
        places: usize,
    ) -> Result<Option<bool>, EvaluationError> {
        let of_place = rule.condition.fields().iter().any(|field| field.info().of_place);
        let places = if of_place { places.max(1) } else { 1 };
        let decisive = rule.action != Action::Ignore;
        let mut all = Some(!decisive);
        for place in 0..places {
            let subject = Subject { place, ..*subject };
            let held = self.evaluator.holds(&rule.condition, |field| subject.datum(field));
            match held.map_err(|reason| Self::error(rule, &subject, reason))? {
                Some(held) if held == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => all = None,
            }
        }
        Ok(all)
    }

    fn error(rule: &Rule, subject: &Subject<'_>, reason: String) -> EvaluationError {
        let finding = match subject.flaw {
            Flaw::Found(finding) => finding.id.clone(),
            Flaw::Unclear(unclear) => unclear.id.clone(),
        };
        EvaluationError { rule: rule.name.clone(), origin: rule.condition_origin.clone(), finding, reason }
    }
}

/// What is to be looked at in policy and waivers.
fn notices(policy: &Policy, waivers: &Waivers, outcome: &WaiverOutcome) -> Vec<Notice> {
    let mut notices: Vec<Notice> = policy
        .never_asked()
        .into_iter()
        .map(|rule| Notice {
            kind: NoticeKind::RuleNeverAsked,
            origin: rule.origin.clone(),
            text: format!("rule `{}` is never asked: one before it holds for everything", rule.name),
        })
        .collect();
    notices.extend(waivers.notices(outcome));
    notices.sort();
    notices
}

/// The day from which a rule holds, where its window is still open.
fn due(rule: &Rule, subject: &Subject<'_>) -> Option<String> {
    if rule.after_days == 0 {
        return None;
    }
    // Where nobody knows since when, no time is given.
    let start = subject.window_start()?;
    let days = i64::from(rule.after_days);
    let now = subject.context.now;
    // A date ahead of the clock is a mistake of the source, and must not keep the window open for good.
    if days_between(start, now) >= days || start.as_second() > now.as_second() + days * DAY_SECONDS {
        return None;
    }
    Some(day_of(start.checked_add(SignedDuration::from_secs(days * DAY_SECONDS)).unwrap_or(Timestamp::MAX)))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
