//! `plimsoll store get`.

use std::path::Path;

use anyhow::anyhow;
use futures::TryStreamExt as _;
use plimsoll_store::layout::{self, ReportKey};
use plimsoll_store::{Error, Store, Subject};

use super::{failure, runtime};
use crate::exit::{Exit, Failure};
use crate::output;

/// What keys of a store begin with.
const FOLDERS: [&str; 4] = [layout::REPORTS, layout::INVENTORIES, layout::VERDICTS, layout::TABLES];

pub(super) fn run(store: &Store, key: &str, output: Option<&Path>) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let cannot = |error| failure(error, Exit::CouldNotScan);
    let is_key = key.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder));
    let found =
        if is_key { Some(key.to_owned()) } else { runtime.block_on(newest(store, key)).map_err(cannot)? };
    let Some(key) = found else {
        let what = format!(
            "cannot find a report of `{key}` in the store `{}`: expected one, found none",
            store.location()
        );
        return Err(Failure::new(Exit::CouldNotScan, anyhow!(what)).hint("`plimsoll store list` lists all"));
    };
    // Whole, since what breaks off half-way must not look like the object.
    let bytes = runtime.block_on(async {
        let parts = store.get_stream(&key, 0).await.map_err(cannot)?;
        let whole = parts.try_fold(Vec::new(), |mut whole, part| {
            whole.extend_from_slice(&part);
            std::future::ready(Ok(whole))
        });
        whole
            .await
            .map_err(|source| cannot(Error::Object { action: "read", object: store.address(&key), source }))
    })?;
    output::write(output, &bytes)?;
    Ok(Exit::Passed)
}

/// The key of an image's newest report: of its tag, or of its digest.
async fn newest(store: &Store, image: &str) -> Result<Option<String>, Error> {
    let mut subject = Subject::of(image, &[]);
    if let Some((_, digest)) = image.split_once('@') {
        subject = subject.with_digest([digest, "", ""]);
    }
    let listed = store.list(&layout::report_folder(&subject)).await?;
    let newest =
        listed.into_iter().filter_map(|meta| Some((ReportKey::parse(&meta.key)?.time, meta.key))).max();
    Ok(newest.map(|(_, key)| key))
}
