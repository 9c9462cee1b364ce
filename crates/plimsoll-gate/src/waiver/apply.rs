//! Which waiver excuses what, and which are to be looked at again.

use jiff::Timestamp;
use plimsoll_model::{Notice, NoticeKind};

use super::{Reason, SOON_DAYS, Waivers};
use crate::subject::{Context, DAY_SECONDS, Flaw, Subject, is_malicious};

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
    /// What is to be looked at after a scan. A waiver that is unused and ends soon is told as unused alone.
    pub(crate) fn notices(&self, outcome: &WaiverOutcome) -> Vec<Notice> {
        let mut notices: Vec<Notice> = self
            .notes
            .iter()
            .map(|note| Notice { kind: NoticeKind::IgnoreFile, origin: String::new(), text: note.clone() })
            .collect();
        for (index, waiver) in self.list.iter().enumerate() {
            let among = |list: &[usize]| list.binary_search(&index).is_ok();
            let last = waiver.last_day().unwrap_or_default();
            let covers = &waiver.covers;
            let (kind, text) = if among(&outcome.expired_and_missed) {
                let text =
                    format!("the waiver for {covers} ended on {last}, and would excuse what was found");
                (NoticeKind::WaiverExpired, text)
            } else if among(&outcome.expired) {
                (NoticeKind::WaiverExpired, format!("the waiver for {covers} ended on {last}"))
            } else if among(&outcome.unused) {
                (NoticeKind::WaiverUnused, format!("the waiver for {covers} excuses nothing that was found"))
            } else if among(&outcome.expiring) {
                (NoticeKind::WaiverExpiring, format!("the waiver for {covers} ends on {last}"))
            } else if among(&outcome.endless) {
                (NoticeKind::WaiverEndless, format!("the waiver for {covers} has no end"))
            } else {
                continue;
            };
            notices.push(Notice { kind, origin: waiver.origin.clone(), text });
        }
        notices
    }

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
            Flaw::Unclear(unclear) => (1, is_malicious(unclear)),
        };
        let mut first = None;
        let mut excused = true;
        for place in 0..places {
            let subject = Subject { flaw, place, context: *context };
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
                if let Ok(at) = outcome.unused.binary_search(&index) {
                    outcome.unused.remove(at);
                }
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
