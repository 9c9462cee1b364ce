//! Many scans with one gate, one set of VEX documents and one database, each read once.

use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_db::Snapshot;
use plimsoll_model::{DatabaseInfo, Inventory, Namespace, Scan};

use crate::args::{Age, DatabaseArgs, GateArgs, ReadingArgs};
use crate::baseline::Compared;
use crate::database::{ScanDatabase, check_age};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::gate::Gate;
use crate::progress::Bars;
use crate::scan::{decided, evaluate, gaps_of, match_options};
use crate::settings::Settings;
use crate::vex::{Seeking, Vex, VexSources};

/// What is asked of every scan.
#[derive(Clone, Copy)]
pub(crate) struct Questions<'a> {
    pub(crate) reading: &'a ReadingArgs,
    pub(crate) database: &'a DatabaseArgs,
    pub(crate) max_age: Option<Age>,
    pub(crate) severity_order: &'a [String],
    pub(crate) vex: &'a VexSources,
    pub(crate) gate: &'a GateArgs,
}

/// Judges inventories, from several threads.
pub(crate) struct Scanner<'a> {
    questions: Questions<'a>,
    settings: &'a Settings,
    environment: &'a Environment,
    gate: Gate,
    vex: Vex,
    options: plimsoll_match::Options,
    database: ScanDatabase<'a>,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// The database, and what it was opened for.
struct Opened {
    snapshot: Snapshot,
    info: DatabaseInfo,
    wanted: Vec<Namespace>,
}

impl<'a> Scanner<'a> {
    /// Reads all that decides, before the first image. `with_texts` where reports will show what flaws are.
    pub(crate) fn open(
        questions: Questions<'a>,
        with_texts: bool,
        settings: &'a Settings,
        environment: &'a Environment,
    ) -> Result<Self, Failure> {
        let gate = Gate::read(questions.gate, settings, environment)?;
        let vex = Vex::read(questions.vex, settings)?;
        let database =
            ScanDatabase::find(questions.database, &questions.reading.ca_cert, settings, environment)?;
        let options = plimsoll_match::Options {
            without_texts: !with_texts,
            ..match_options(questions.severity_order, settings)?
        };
        Ok(Self { questions, settings, environment, gate, vex, options, database, opened: Mutex::default() })
    }

    /// The rules of the gate, in words.
    pub(crate) fn rules(&self) -> Vec<String> {
        self.gate.policy.rules().iter().map(|rule| rule.name.clone()).collect()
    }

    /// Matches and judges what is in an image.
    pub(crate) fn judge(&self, inventory: Inventory, bars: &Bars) -> Result<Scan, Failure> {
        let opened = self.opened(&plimsoll_match::needed(&inventory), bars)?;
        let mut matches = evaluate(&inventory, &opened.snapshot, &self.options)?;
        let (gate, questions) = (&self.gate, &self.questions);
        matches.gaps.extend(gaps_of(&inventory, &opened.snapshot, gate, questions.gate, self.settings)?);
        let said = self.vex.judge(
            Seeking { reading: questions.reading, offline: questions.database.offline },
            self.settings,
            self.environment,
            bars,
            &inventory,
            &mut matches.findings,
        )?;
        let compared = Compared::default();
        decided(inventory, matches, said, compared, gate, &opened.snapshot, &opened.info, &self.options)
    }

    /// The database, opened for these too. What is opened stays so for those who have it.
    fn opened(&self, needed: &[Namespace], bars: &Bars) -> Result<Arc<Opened>, Failure> {
        let mut held = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) =
            held.as_ref().filter(|opened| needed.iter().all(|one| opened.wanted.contains(one)))
        {
            return Ok(Arc::clone(opened));
        }
        let mut wanted = held.as_ref().map_or_else(Vec::new, |opened| opened.wanted.clone());
        for namespace in needed {
            if !wanted.contains(namespace) {
                wanted.push(namespace.clone());
            }
        }
        let (snapshot, info) = self.database.open(&wanted, bars)?;
        check_age(&info, self.questions.max_age.or(self.settings.max_age), self.environment)?;
        let opened = Arc::new(Opened { snapshot, info, wanted });
        *held = Some(Arc::clone(&opened));
        Ok(opened)
    }
}
