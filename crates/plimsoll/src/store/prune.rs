//! `plimsoll store prune`.

use std::fmt::Write as _;

use jiff::SignedDuration;
use plimsoll_store::{Pruned, Rules, prune};
use plimsoll_tables::{Looked, remove_abandoned_inventories, remove_scans};
use serde::Serialize;

use super::{counted, existing, failure, runtime};
use crate::args::{StoreAction, TextOrJson};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;

#[derive(Serialize)]
struct Report<'a> {
    dry_run: bool,
    #[serde(flatten)]
    pruned: &'a Pruned,
}

pub(super) fn run(
    action: &StoreAction,
    settings: &Settings,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let StoreAction::Prune {
        keep_last,
        older_than,
        repository,
        keep_tag,
        remove_newest,
        dry_run,
        format,
        json,
        store,
    } = action
    else {
        return Ok(Exit::Passed);
    };
    let store = existing(store, settings, environment)?;
    let rules = Rules {
        keep_last: *keep_last,
        older_than: older_than.map(|age| SignedDuration::from_secs(age.seconds)),
        repositories: repository.clone(),
        keep_tags: keep_tag.clone(),
        may_remove_newest: *remove_newest,
    };
    let cannot = |error| failure(error, Exit::CouldNotScan);
    let rows = super::tables::cannot;
    let pruned = runtime()?.block_on(async {
        let plan = prune(&store, &rules, environment.now, true).await.map_err(cannot)?;
        if *dry_run {
            return Ok(plan);
        }
        // Rows before what they are of: where this is broken off, the next call finds the reports and does it again.
        let mut looked = Looked::default();
        remove_scans(&store, &plan.scan_ids, &mut looked).await.map_err(rows)?;
        let pruned = prune(&store, &rules, environment.now, false).await.map_err(cannot)?;
        // What was made anew of these meanwhile; and what came to go since the first look.
        remove_scans(&store, &plan.scan_ids, &mut looked).await.map_err(rows)?;
        let late = pruned.scan_ids.difference(&plan.scan_ids).cloned().collect();
        remove_scans(&store, &late, &mut Looked::default()).await.map_err(rows)?;
        // The other way round an inventory would be left without rows.
        remove_abandoned_inventories(&store).await.map_err(rows)?;
        Ok(pruned)
    })?;
    let text = if *json || *format == TextOrJson::Json {
        let report = Report { dry_run: *dry_run, pruned: &pruned };
        let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
        text.push('\n');
        text
    } else {
        text(&pruned, *dry_run)
    };
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

fn text(pruned: &Pruned, dry_run: bool) -> String {
    let mut text = String::new();
    let (would, removed) = if dry_run { ("would go", "would remove") } else { ("went", "removed") };
    for group in pruned.repositories.iter().filter(|group| !group.removed.is_empty()) {
        let name = plimsoll_report::printable(&group.repository);
        let _ = writeln!(text, "{name}: {} {would}, {} stay", group.removed.len(), group.kept);
        if dry_run {
            for key in &group.removed {
                let _ = writeln!(text, "  {}", plimsoll_report::printable(key));
            }
        }
    }
    let _ = writeln!(
        text,
        "{removed} {}, {} and {}, {}",
        counted(pruned.reports, "report"),
        counted(pruned.verdicts, "verdict"),
        counted(pruned.inventories, "inventory"),
        counted(pruned.bytes, "byte")
    );
    text
}
