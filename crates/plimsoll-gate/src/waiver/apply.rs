//! Which waiver excuses what, and which are to be looked at again.

use jiff::Timestamp;

use super::{Reason, SOON_DAYS, Waivers};
use crate::subject::{Context, DAY_SECONDS, Flaw, Subject};

/// What came of the waivers: indexes into [`Waivers::list`], sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaiverOutcome {
    /// They excuse a finding, or a place of one.
    pub used: Vec<usize>,
    /// They hold, and cover nothing that was found.
    pub unused: Vec<usize>,
    /// Their end is past.
    pub expired: Vec<usize>,
    /// Of the expired, those that would excuse something.
    pub expired_and_missed: Vec<usize>,
    /// They hold, and end within [`SOON_DAYS`] days.
    pub expiring: Vec<usize>,
    /// They hold, and have no end.
    pub endless: Vec<usize>,
}

impl Waivers {
    /// The outcome before any finding.
    pub(crate) fn outcome(&self, now: Timestamp) -> WaiverOutcome {
        let mut outcome = WaiverOutcome::default();
        for (index, waiver) in self.list.iter().enumerate() {
            if waiver.is_expired(now) {
                outcome.expired.push(index);
                continue;
            }
            outcome.unused.push(index);
            match waiver.ends {
                None => outcome.endless.push(index),
                Some(ends) if ends.as_second() - now.as_second() <= SOON_DAYS * DAY_SECONDS => {
                    outcome.expiring.push(index);
                }
                Some(_) => {}
            }
        }
        outcome
    }

    /// The waiver that excuses a flaw: the first that covers its first place, where each place is covered.
    pub(crate) fn excuse(
        &self,
        flaw: Flaw<'_>,
        context: &Context<'_>,
        outcome: &mut WaiverOutcome,
    ) -> Option<usize> {
        let (places, malicious) = match flaw {
            Flaw::Found(finding) => (finding.packages.len().max(1), finding.malicious),
            Flaw::Unclear(_) => (1, false),
        };
        let mut first = None;
        let mut excused = true;
        for place in 0..places {
            let subject = Subject { flaw, facts: None, place, context: *context };
            let mut held = false;
            for (index, waiver) in self.list.iter().enumerate() {
                let may = !malicious || waiver.reason == Some(Reason::FalsePositive);
                if !may || !waiver.scope.covers(&subject) {
                    continue;
                }
                if waiver.is_expired(context.now) {
                    note(&mut outcome.expired_and_missed, index);
                    continue;
                }
                held = true;
                first.get_or_insert(index);
                note(&mut outcome.used, index);
                outcome.unused.retain(|&unused| unused != index);
            }
            excused &= held;
        }
        first.filter(|_| excused)
    }
}

fn note(list: &mut Vec<usize>, index: usize) {
    if let Err(at) = list.binary_search(&index) {
        list.insert(at, index);
    }
}
