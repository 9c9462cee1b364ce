//! What lies in a folder of a store.
//!
//! A folder on disk is read by ourselves: others put into it what they like, and one name that no path can have, one link that
//! leads nowhere, must not hide everything else. And files are not asked for their sizes where their names alone are wanted.

use std::io;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use crate::refusal::{Refusal, is_missing};
use crate::vault::{Vault, is_unfinished};

/// One name in a folder.
pub(crate) enum Entry {
    Folder(Path),
    /// What is known of it where that cost nothing.
    File(Path, Option<ObjectMeta>),
}

impl Vault {
    /// What lies in a folder, in no order; nothing if there is no such folder.
    pub(crate) async fn entries(&self, path: &Path) -> Result<Vec<Entry>, Refusal> {
        if let Some(root) = &self.folder {
            let (folder, path) = (root.join(path.as_ref()), path.clone());
            let read = move || read_folder(&folder, &path);
            return tokio::task::spawn_blocking(read)
                .await
                .map_err(Refusal::internal)?
                .map_err(Refusal::internal);
        }
        let path = (!path.as_ref().is_empty()).then_some(path);
        let listed = match self.objects().list_with_delimiter(path).await {
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            other => other?,
        };
        let files = listed.objects.into_iter().map(|meta| Entry::File(meta.location.clone(), Some(meta)));
        Ok(listed.common_prefixes.into_iter().map(Entry::Folder).chain(files).collect())
    }

    /// What is at a path; a pipe or a device, whose reading might never end, is nothing.
    pub(crate) async fn meta(&self, path: &Path) -> Result<Option<ObjectMeta>, Refusal> {
        if let Some(root) = &self.folder
            && tokio::fs::metadata(root.join(path.as_ref())).await.is_ok_and(|meta| !meta.is_file())
        {
            return Ok(None);
        }
        match self.objects().head(path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn read_folder(folder: &std::path::Path, path: &Path) -> io::Result<Vec<Entry>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        other => other?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(text) = name.to_str() else { continue };
        let below = if path.as_ref().is_empty() { text.to_owned() } else { format!("{path}/{text}") };
        let Some(below) = Path::parse(&below).ok().filter(|parsed| parsed.as_ref() == below) else {
            continue;
        };
        let kind = entry.file_type()?;
        let (is_folder, is_file) = if kind.is_symlink() {
            // One that leads nowhere, or around in a circle, is nothing.
            match std::fs::metadata(entry.path()) {
                Ok(meta) => (meta.is_dir() && !leads_up(&entry.path(), folder), meta.is_file()),
                Err(_) => (false, false),
            }
        } else {
            (kind.is_dir(), kind.is_file())
        };
        if is_folder {
            found.push(Entry::Folder(below));
        } else if is_file && !is_unfinished(&name) {
            found.push(Entry::File(below, None));
        }
    }
    Ok(found)
}

/// Whether a link leads to the folder it is in, or to one above.
fn leads_up(link: &std::path::Path, folder: &std::path::Path) -> bool {
    match (std::fs::canonicalize(link), std::fs::canonicalize(folder)) {
        (Ok(target), Ok(folder)) => folder.starts_with(target),
        _ => true,
    }
}
