//! Deployment to S3: an artifact's files, or the artifact as one archive, into a folder or a bucket.
//!
//! Source: AWS CodePipeline User Guide, "Amazon S3 deploy action reference".

use std::fs;
use std::io::Write;
use std::path::Path;

use plimsoll_archive::normalize;

use super::{Local, counted};
use crate::engine::{Done, Job};
use crate::place::Place;
use crate::state::Status;
use crate::{tree, zip};

/// Settings of objects that only a bucket of AWS has.
const TOLD: [&str; 3] = ["CannedACL", "CacheControl", "KMSEncryptionKeyARN"];

impl Local<'_> {
    pub(super) fn deploy(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Done, String> {
        let place = self.place(job).ok_or("expected a place that stands for the bucket, found none")?;
        let input = job.inputs.first().ok_or("expected an input artifact, found none")?;
        let is_extracted = match self.required(job, "Extract")?.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            other => return Err(format!("expected `true` or `false` as `Extract`, found `{other}`")),
        };
        let key = self.setting(job, "ObjectKey")?.map(|key| {
            let now = self.clock.now().strftime("%Y-%m-%d_%H-%M-%S").to_string();
            let id = crate::folder::identifier_of(&format!("{}/{now}", job.state.execution_id));
            key.replace("{datetime}", &now).replace("{uuid}", &id)
        });
        for name in TOLD {
            if job.action.setting(name).is_some() {
                let _ = writeln!(log, "`{name}` has no effect here");
            }
        }
        let files = if is_extracted {
            let prefix = key.map_or(String::new(), |key| format!("{}/", key.trim_matches('/')));
            let files = tree::files(&input.folder).map_err(|error| error.whole())?;
            files.into_iter().map(|(name, path)| (format!("{prefix}{name}"), path)).collect()
        } else {
            let key = key.ok_or("expected `ObjectKey` where `Extract` is false, found none")?;
            let archive = job.work.join("artifact.zip");
            zip::pack(&input.folder, &archive).map_err(|error| error.whole())?;
            vec![(key, archive)]
        };
        let mut count = 0_u64;
        for (key, path) in files {
            // A link that leads nowhere is no object.
            if !path.is_file() {
                let _ = writeln!(log, "`{key}` was left out: no file");
                continue;
            }
            let key = normalize(&key).filter(|key| !key.is_empty());
            let key = key.ok_or("expected a key that stays in the bucket, found one that leads out")?;
            match place {
                Place::Object(address) => {
                    self.outside.put(&format!("{}/{key}", address.trim_end_matches('/')), &path)?;
                }
                Place::Folder(folder) => write(&folder.join(&key), &path)?,
                _ => return Err("expected a folder or an address of a bucket".to_owned()),
            }
            let _ = writeln!(log, "{key}");
            count += 1;
        }
        Ok(Done::new(Status::Succeeded, counted(count, "object")))
    }
}

/// Copies a file to its place: under another name first, so that nobody ever reads half of it.
fn write(place: &Path, from: &Path) -> Result<(), String> {
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = place.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let parent = place.parent().unwrap_or(place);
    let written = fs::create_dir_all(parent)
        .and_then(|()| fs::copy(from, &temporary))
        .and_then(|_| fs::rename(&temporary, place));
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        format!("cannot write `{}`: {error}", place.display())
    })
}
