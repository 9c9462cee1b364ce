//! `--baseline`: the earlier scan that findings are compared with.

use anyhow::anyhow;
use plimsoll_diff::{Earlier, Packages, mark};
use plimsoll_model::{
    Baseline, DatabaseInfo, Finding, Inventory, Namespace, Notice, NoticeKind, Scan, Verdict,
};

use crate::args::{BaselineArgs, GateArgs, TargetArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::kept::Kept;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::stored::{self, Stored};
use crate::target::{self, inventory_of};

/// The word for the last scan that passed; behind a colon the name it goes by.
const LAST: &str = "last";

/// What a scan is compared with, as it was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    name: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Nothing,
    Report(Box<Stored>),
    /// To be scanned now; its inventory, when it has been read.
    Target(Option<Box<Inventory>>),
    /// The last scan that passed, perhaps under a name of its own; its place, when the image is known.
    Last(Option<String>, Option<Kept>),
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) baseline: Option<Baseline>,
    pub(crate) notices: Vec<Notice>,
}

impl Asked {
    /// Reads what was asked, and the report where it is one: before the image is pulled, what is wrong is told.
    pub(crate) fn read(
        arguments: &BaselineArgs,
        gate: &GateArgs,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let text = arguments.baseline.as_ref().or(settings.baseline.as_ref()).filter(|text| !text.is_empty());
        let fail_on_new = gate.fail_on_new || settings.fail_on_new;
        let what = match text {
            None if fail_on_new => {
                let error =
                    anyhow!("cannot fail on what is new: expected a baseline to compare with, found none");
                return Err(Failure::new(Exit::Usage, error).hint(
                    "give one with `--baseline FILE`, `--baseline IMAGE`, or `--baseline last` for the last scan that passed",
                ));
            }
            None => What::Nothing,
            Some(text) if text == LAST => What::Last(None, None),
            Some(text) => Self::named(text)?,
        };
        Ok(Self { name: text.cloned().unwrap_or_default(), what })
    }

    fn named(text: &str) -> Result<What, Failure> {
        if let Some(line) = text.strip_prefix("last:").filter(|line| !line.is_empty()) {
            return Ok(What::Last(Some(line.to_owned()), None));
        }
        if let Some(stored) = stored::named(text)? {
            return Ok(What::Report(Box::new(stored)));
        }
        target::parse(text)?;
        Ok(What::Target(None))
    }

    /// Reads the image that the scanned one is compared with, where it is one.
    pub(crate) fn prepare(
        &mut self,
        target: &TargetArgs,
        scanned: &Inventory,
        settings: &Settings,
        environment: &Environment,
        bars: &Bars,
    ) -> Result<(), Failure> {
        match &mut self.what {
            What::Nothing | What::Report(_) => {}
            What::Target(inventory) => {
                let read = inventory_of(&self.name, &target.reading, settings, environment, bars)?;
                *inventory = Some(Box::new(read));
            }
            What::Last(line, kept) => {
                *kept = Some(Kept::of(&target.target, line.as_deref(), scanned, environment)?);
            }
        }
        Ok(())
    }

    /// What the database is asked for, for the scanned image and the one it is compared with.
    pub(crate) fn needed(&self, scanned: &Inventory) -> Vec<Namespace> {
        let mut needed = plimsoll_match::needed(scanned);
        if let What::Target(Some(inventory)) = &self.what {
            for namespace in plimsoll_match::needed(inventory) {
                if !needed.contains(&namespace) {
                    needed.push(namespace);
                }
            }
        }
        needed
    }

    /// Says of each finding whether it is new. `evaluate` finds those of the image that is compared with.
    pub(crate) fn compare(
        &self,
        findings: &mut [Finding],
        scanned: &Inventory,
        database: &DatabaseInfo,
        evaluate: impl Fn(&Inventory) -> Result<plimsoll_match::Matches, Failure>,
    ) -> Result<Compared, Failure> {
        let (scan, packages) = match &self.what {
            What::Nothing => return Ok(Compared::default()),
            What::Report(stored) => {
                return Ok(self.compared(findings, scanned, database, &stored.scan, stored.packages));
            }
            What::Target(inventory) => {
                let inventory = inventory.as_deref().expect("it was read before").clone();
                let found = evaluate(&inventory)?.findings;
                let database = database.clone();
                (Scan { inventory, findings: found, database, ..Scan::default() }, Packages::All)
            }
            What::Last(_, kept) => {
                let kept = kept.as_ref().expect("it was looked for before");
                match kept.read()? {
                    Some(stored) => (stored.scan, stored.packages),
                    None => {
                        return Ok(Compared { notices: vec![self.missing(kept)], baseline: None });
                    }
                }
            }
        };
        Ok(self.compared(findings, scanned, database, &scan, packages))
    }

    fn compared(
        &self,
        findings: &mut [Finding],
        scanned: &Inventory,
        database: &DatabaseInfo,
        scan: &Scan,
        packages: Packages,
    ) -> Compared {
        let earlier = Earlier { name: &self.name, scan, packages };
        let marked = mark(findings, scanned, database, &earlier);
        Compared { baseline: Some(marked.baseline), notices: marked.notices }
    }

    fn missing(&self, kept: &Kept) -> Notice {
        Notice {
            kind: NoticeKind::NoBaseline,
            origin: self.name.clone(),
            text: format!(
                "no earlier scan of `{}` is kept, so nothing counts as new; a scan that passes is kept as the first",
                kept.subject
            ),
        }
    }

    /// Keeps a scan that has passed, for the next one to be compared with. One that has not would otherwise pass when it is
    /// run again.
    pub(crate) fn keep(&self, scan: &Scan) -> Result<(), Failure> {
        match &self.what {
            What::Last(_, Some(kept)) if scan.decision.verdict == Verdict::Passed => kept.write(scan),
            _ => Ok(()),
        }
    }
}
