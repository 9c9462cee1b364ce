//! `plimsoll store list`.

use std::fmt::Write as _;

use jiff::Timestamp;
use plimsoll_store::layout::{REPORTS, ReportKey};
use plimsoll_store::{Meta, Store};
use serde::Serialize;

use super::{failure, runtime};
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Serialize)]
struct Entry<'a> {
    key: &'a str,
    registry: &'a str,
    repository: &'a str,
    tag: &'a str,
    scanned_at: String,
    scan_id: &'a str,
    size_bytes: u64,
}

pub(super) fn run(store: &Store, repository: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let listed =
        runtime()?.block_on(store.list(REPORTS)).map_err(|error| failure(error, Exit::CouldNotScan))?;
    let mut reports: Vec<(ReportKey, Meta)> =
        listed.into_iter().filter_map(|meta| Some((ReportKey::parse(&meta.key)?, meta))).collect();
    reports.retain(|(key, _)| repository.is_none_or(|pattern| key.is_of(pattern)));
    reports.sort_by(|(a, x), (b, y)| (b.time, &y.key).cmp(&(a.time, &x.key)));
    let text = if json {
        let entries: Vec<Entry<'_>> = reports.iter().map(|(key, meta)| entry(key, meta)).collect();
        let mut text = serde_json::to_string_pretty(&entries).unwrap_or_default();
        text.push('\n');
        text
    } else {
        reports.iter().fold(String::new(), |mut text, (key, meta)| {
            let image = format!("{}:{}", key.image(), key.tag);
            let image = plimsoll_report::printable(&image);
            let _ =
                writeln!(text, "{}  {image}  {}", instant(key.time), plimsoll_report::printable(&meta.key));
            text
        })
    };
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

fn entry<'a>(key: &'a ReportKey, meta: &'a Meta) -> Entry<'a> {
    Entry {
        key: &meta.key,
        registry: &key.registry,
        repository: &key.repository,
        tag: &key.tag,
        scanned_at: instant(key.time),
        scan_id: &key.scan_id,
        size_bytes: meta.size_bytes,
    }
}

fn instant(time: Timestamp) -> String {
    time.to_string()
}
