//! The decision: waivers, then rules in order, for each finding.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use plimsoll_model::{Decision, Failure, Finding, Gap, Undetermined, Verdict};

use crate::policy::{Action, Evaluator, Field, Policy, Rule};
use crate::subject::{Context, DAY_SECONDS, Flaw, Subject, day_of, days_between, severity_of};
use crate::waiver::{WaiverOutcome, Waivers};

/// What the gate said of everything, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The findings that were not dropped, in their order: [`plimsoll_model::Scan::findings`].
    pub findings: Vec<Finding>,
    /// The verdict and its reasons, with indexes into `findings`.
    pub decision: Decision,
    /// One for each finding that was given, in its order.
    pub rulings: Vec<Ruling>,
    /// The findings that a rule or a waiver dropped, in their order; [`Ruling::finding`] says which they were.
    pub dropped: Vec<Dropped>,
    /// What came of the waivers.
    pub waivers: WaiverOutcome,
}

/// A finding that does not count, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The finding.
    pub finding: Finding,
    /// Index into [`Judged::rulings`].
    pub ruling: usize,
}

/// What was decided about one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Index into the findings that were given.
    pub finding: usize,
    /// Index into [`Judged::findings`]; `None` where it was dropped.
    pub kept: Option<usize>,
    /// What came of it.
    pub outcome: Outcome,
    /// The rule that decided, by name; empty where none did.
    pub rule: String,
    /// Why, in the words of the rule or the waiver.
    pub reason: String,
    /// The day from which the rule fails or warns, where its window is open.
    pub due: Option<String>,
    /// What else is to be known: a rule that may not ignore it, a rule that hung on what nobody has said.
    pub notes: Vec<String>,
}

/// What came of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A rule failed it.
    Failed,
    /// A rule warns of it, or will fail it.
    Warned,
    /// A rule dropped it.
    Ignored,
    /// A waiver excuses it: index into [`Waivers::list`].
    Waived(usize),
    /// No rule held.
    Passed,
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
    for (index, finding) in findings.into_iter().enumerate() {
        let mut ruling = match waivers.excuse(Flaw::Found(&finding), context, &mut judged.waivers) {
            Some(waiver) => {
                let by = &waivers.list()[waiver];
                Ruling { outcome: Outcome::Waived(waiver), reason: by.words(), ..ruling(index) }
            }
            None => Asked { policy, evaluator: &evaluator }.finding(&finding, index, context)?,
        };
        let severity = severity_of(&finding);
        if matches!(ruling.outcome, Outcome::Ignored | Outcome::Waived(_)) {
            let unfixed = policy.rules.iter().any(|rule| rule.is_ignore_unfixed && rule.name == ruling.rule);
            if unfixed && ruling.outcome == Outcome::Ignored {
                judged.decision.ignored_unfixed.add(severity);
            }
            judged.dropped.push(Dropped { finding, ruling: index });
        } else {
            ruling.kept = Some(judged.findings.len());
            judged.decision.counts.add(severity);
            if ruling.outcome == Outcome::Failed {
                let failure = Failure { finding: judged.findings.len(), rule: ruling.rule.clone() };
                judged.decision.failures.push(failure);
            }
            judged.findings.push(finding);
        }
        judged.rulings.push(ruling);
    }
    let mut unclear = gaps.into_iter().next().is_some();
    let mut fails_unclear = false;
    for unclear_one in undetermined {
        if waivers.excuse(Flaw::Unclear(unclear_one), context, &mut judged.waivers).is_some() {
            continue;
        }
        match (Asked { policy, evaluator: &evaluator }).unclear(unclear_one, context)? {
            Some(Action::Ignore) => {}
            Some(Action::Fail) => fails_unclear = true,
            Some(Action::Warn) | None => unclear = true,
        }
    }
    judged.decision.verdict = if !judged.decision.failures.is_empty() {
        Verdict::Failed
    } else if fails_unclear || (policy.strict && unclear) {
        Verdict::Undecided
    } else {
        Verdict::Passed
    };
    Ok(judged)
}

fn ruling(finding: usize) -> Ruling {
    Ruling {
        finding,
        kept: None,
        outcome: Outcome::Passed,
        rule: String::new(),
        reason: String::new(),
        due: None,
        notes: Vec::new(),
    }
}

struct Asked<'a> {
    policy: &'a Policy,
    evaluator: &'a Evaluator,
}

impl Asked<'_> {
    fn finding(
        &self,
        finding: &Finding,
        index: usize,
        context: &Context<'_>,
    ) -> Result<Ruling, EvaluationError> {
        let mut ruling = ruling(index);
        let mut waiting: Option<(&Rule, String)> = None;
        for rule in &self.policy.rules {
            let facts = context.facts.get(index);
            let subject = Subject { flaw: Flaw::Found(finding), facts, place: 0, context: *context };
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
                Action::Ignore => Outcome::Ignored,
            };
            ruling.rule.clone_from(&rule.name);
            ruling.reason.clone_from(&rule.reason);
            // Another rule that warns does not hide from when on the first one fails.
            if let (Outcome::Warned, Some((first, due))) = (ruling.outcome, &waiting) {
                ruling.notes.push(format!("rule `{}` holds from {due} on", first.name));
                ruling.due = Some(due.clone());
            }
            return Ok(ruling);
        }
        if let Some((rule, due)) = waiting {
            ruling.outcome = Outcome::Warned;
            ruling.rule.clone_from(&rule.name);
            ruling.reason.clone_from(&rule.reason);
            ruling.due = Some(due);
        }
        Ok(ruling)
    }

    /// What the first rule says that names `undetermined` and holds.
    fn unclear(
        &self,
        unclear: &Undetermined,
        context: &Context<'_>,
    ) -> Result<Option<Action>, EvaluationError> {
        let subject = Subject { flaw: Flaw::Unclear(unclear), facts: None, place: 0, context: *context };
        for rule in &self.policy.rules {
            if rule.condition.fields().contains(&Field::Undetermined)
                && self.holds(rule, &subject, 1)? == Some(true)
            {
                return Ok(Some(rule.action));
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
