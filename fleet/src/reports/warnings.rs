//! What could not be read as a report, collected while queries run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result};
use plimsoll_report::printable;

/// Names that are told one by one; of the others the number.
const MAX_TOLD: usize = 10;

/// Why a report stops a query.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot use `{name}` as a report: {reason}")]
pub(crate) struct ReportsError {
    /// Its address.
    pub(crate) name: String,
    /// Why not.
    pub(crate) reason: String,
}

/// Files that are no reports, each once, by name.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    is_strict: bool,
    files: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Warnings {
    pub(crate) fn new(is_strict: bool) -> Self {
        Self { is_strict, files: Arc::default() }
    }

    /// Notes a file that is left out.
    ///
    /// # Errors
    /// [`ReportsError`] where none may be.
    pub(super) fn add(&self, name: &str, reason: String) -> Result<()> {
        if self.is_strict {
            let error = ReportsError { name: name.to_owned(), reason };
            return Err(DataFusionError::External(Box::new(error)));
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.entry(name.to_owned()).or_insert(reason);
        Ok(())
    }

    /// Those since the last time.
    pub(crate) fn take(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says on stderr what was left out.
    pub(crate) fn tell(&self, is_quiet: bool) {
        let files = self.take();
        if is_quiet || files.is_empty() {
            return;
        }
        for (name, reason) in files.iter().take(MAX_TOLD) {
            eprintln!("warning: left out `{}`: {}", printable(name), printable(reason));
        }
        if files.len() > MAX_TOLD {
            eprintln!("warning: left out {} files that are no reports", files.len());
        }
    }
}
