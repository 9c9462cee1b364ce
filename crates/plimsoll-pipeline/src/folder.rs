//! The folder of an execution: its state, its artifacts, its logs, and who runs it.
//!
//! ```text
//! PIPELINE/                 the pipeline's name
//!   cache/PROJECT/          what builds keep for the next one
//!   0199…/                  an execution
//!     state.json            what was done; replaced by a rename after each action
//!     lock                  locked by the process that runs it
//!     artifacts/NAME/       artifacts, whole or not at all
//!     logs/STAGE/ACTION.1.log
//!     reports/STAGE/ACTION/
//!     work/STAGE/ACTION.1/  where an action works; gone when it has succeeded
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::state::{State, VERSION};
use crate::tree::hex;

/// Largest state, in bytes.
const MAX_STATE_BYTES: u64 = 64 << 20;
/// Most executions whose numbers are looked at for the next one's.
const MAX_NUMBERED: usize = 10;
/// Most executions of a pipeline that are looked at.
const MAX_EXECUTIONS: usize = 100_000;

/// The executions of one pipeline.
#[derive(Clone, Debug)]
pub struct Executions {
    pipeline: String,
    folder: PathBuf,
}

/// An execution that this process runs, and no other.
#[derive(Debug)]
pub struct Execution {
    folder: PathBuf,
    state: Mutex<State>,
    /// Unlocked when it is closed, also where the process is killed.
    _lock: File,
}

impl Executions {
    /// Those of a pipeline below a folder of all pipelines. Nothing is made yet.
    pub fn new(root: &Path, pipeline: &str) -> Self {
        // Actions work in other folders than the one that a relative path begins in.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { pipeline: pipeline.to_owned(), folder: root.join(as_name(pipeline)) }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins one; `state` is given its ID, its number and its times.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn begin(&self, mut state: State, now: Timestamp) -> Result<Execution, Error> {
        private_folder(&self.folder)?;
        state.number = self.last_number()? + 1;
        state.version = VERSION;
        state.pipeline_name.clone_from(&self.pipeline);
        state.start_time_ms = now.as_millisecond();
        let mut attempt = 0_u32;
        loop {
            let id = identifier(now, std::process::id(), attempt);
            let folder = self.folder.join(&id);
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {
                    state.execution_id = id;
                    let lock = self.lock(&folder)?;
                    let execution = Execution { folder, state: Mutex::new(state), _lock: lock };
                    execution.save(now)?;
                    return Ok(execution);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < u32::MAX => {
                    attempt += 1;
                }
                Err(source) => return Err(Error::Disk { action: "make folder", path: folder, source }),
            }
        }
    }

    /// Opens the one whose ID begins so, or the last one.
    ///
    /// # Errors
    /// [`Error::NoExecution`] where there is none, or more than one; [`Error::Busy`]; [`Error::State`].
    pub fn open(&self, id: Option<&str>) -> Result<Execution, Error> {
        let missing = |expected: String, found: &str| Error::NoExecution {
            pipeline: self.pipeline.clone(),
            folder: self.folder.clone(),
            expected,
            found: found.to_owned(),
        };
        let ids = self.ids()?;
        let id = match id {
            None => ids.last().ok_or_else(|| missing("an execution".to_owned(), "none"))?,
            Some(start) => {
                let expected = || format!("one execution `{start}`");
                let mut fitting = ids.iter().filter(|id| id.starts_with(start));
                let first = fitting.next().ok_or_else(|| missing(expected(), "none"))?;
                if *first != start && fitting.next().is_some() {
                    return Err(missing(expected(), "several"));
                }
                first
            }
        };
        let folder = self.folder.join(id);
        let lock = self.lock(&folder)?;
        let state = read_state(&folder.join("state.json"))?;
        Ok(Execution { folder, state: Mutex::new(state), _lock: lock })
    }

    /// Removes all but the last `keep`; those that are run by somebody stay. Answers the IDs of those removed.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn prune(&self, keep: usize) -> Result<Vec<String>, Error> {
        let ids = self.ids()?;
        let mut removed = Vec::new();
        for id in &ids[..ids.len().saturating_sub(keep)] {
            let folder = self.folder.join(id);
            let Ok(_lock) = self.lock(&folder) else { continue };
            fs::remove_dir_all(&folder).map_err(Error::disk("remove folder", &folder))?;
            removed.push(id.clone());
        }
        Ok(removed)
    }

    /// IDs begin with the time: sorted, the last is the newest.
    fn ids(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(Error::Disk { action: "read folder", path: self.folder.clone(), source });
            }
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let is_execution = |name: &String| self.folder.join(name).join("state.json").is_file();
        let mut ids: Vec<String> = names.filter(is_execution).take(MAX_EXECUTIONS).collect();
        ids.sort();
        Ok(ids)
    }

    fn last_number(&self) -> Result<u64, Error> {
        let ids = self.ids()?;
        // IDs of one millisecond are in no order. One that cannot be read does not stand in the way of a new one.
        let last = ids.iter().rev().take(MAX_NUMBERED).map(|id| self.folder.join(id).join("state.json"));
        Ok(last.filter_map(|path| read_state(&path).ok()).map(|state| state.number).max().unwrap_or(0))
    }

    fn lock(&self, folder: &Path) -> Result<File, Error> {
        let path = folder.join("lock");
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(Error::disk("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Err(Error::Busy { pipeline: self.pipeline.clone(), id })
            }
            Err(TryLockError::Error(source)) => Err(Error::Disk { action: "lock", path, source }),
        }
    }
}

impl Execution {
    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has done until now.
    pub fn state(&self) -> State {
        self.lock_state().clone()
    }

    pub(crate) fn lock_state(&self) -> MutexGuard<'_, State> {
        // What a thread that panicked had changed is whole: single fields are set.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and writes it.
    pub(crate) fn change(&self, now: Timestamp, change: impl FnOnce(&mut State)) -> Result<(), Error> {
        let mut state = self.lock_state();
        change(&mut state);
        self.write(&mut state, now)
    }

    pub(crate) fn save(&self, now: Timestamp) -> Result<(), Error> {
        self.write(&mut self.lock_state(), now)
    }

    fn write(&self, state: &mut State, now: Timestamp) -> Result<(), Error> {
        state.update_time_ms = now.as_millisecond();
        let mut text = serde_json::to_string_pretty(state).expect("values of JSON can be written");
        text.push('\n');
        // The lock of the state is held, and the folder is this process's own: there is one writer.
        let (path, new) = (self.folder.join("state.json"), self.folder.join(".state.json.new"));
        let written =
            File::options().create(true).truncate(true).write(true).mode(0o600).open(&new).and_then(
                |mut file| {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()
                },
            );
        written.and_then(|()| fs::rename(&new, &path)).map_err(Error::disk("write", &path))
    }

    /// Where an artifact lies.
    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        self.folder.join("artifacts").join(name)
    }

    /// An empty folder for an attempt of an action.
    pub(crate) fn work(&self, stage: &str, action: &str, attempt: u32) -> Result<PathBuf, Error> {
        let folder = self.work_of(stage, action, attempt);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::disk("remove folder", &folder))?;
        }
        fs::create_dir_all(&folder).map_err(Error::disk("make folder", &folder))?;
        Ok(folder)
    }

    /// Removes the folders of all attempts of an action. What is left there disturbs nobody.
    pub(crate) fn clear_work(&self, stage: &str, action: &str, attempts: u32) {
        for attempt in 1..=attempts {
            let _ = fs::remove_dir_all(self.work_of(stage, action, attempt));
        }
    }

    fn work_of(&self, stage: &str, action: &str, attempt: u32) -> PathBuf {
        self.folder.join("work").join(as_name(stage)).join(format!("{}.{attempt}", as_name(action)))
    }

    /// Moves a folder to where the artifact lies; what was there before is put aside first, and then removed.
    pub(crate) fn publish(&self, name: &str, made: &Path) -> Result<(), Error> {
        let place = self.artifact(name);
        let parent = self.folder.join("artifacts");
        fs::create_dir_all(&parent).map_err(Error::disk("make folder", &parent))?;
        let old = parent.join(format!(".{name}.old"));
        if old.exists() {
            fs::remove_dir_all(&old).map_err(Error::disk("remove folder", &old))?;
        }
        if place.exists() {
            fs::rename(&place, &old).map_err(Error::disk("put aside", &place))?;
        }
        fs::rename(made, &place).map_err(Error::disk("publish artifact", &place))?;
        if old.exists() {
            fs::remove_dir_all(&old).map_err(Error::disk("remove folder", &old))?;
        }
        Ok(())
    }
}

fn private_folder(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(Error::disk("make folder", folder))
}

fn read_state(path: &Path) -> Result<State, Error> {
    let wrong = |expected: &str, found: String| Error::State {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let file = File::open(path).map_err(Error::disk("read", path))?;
    let mut text = String::new();
    let read = file.take(MAX_STATE_BYTES + 1).read_to_string(&mut text);
    if read.map_err(Error::disk("read", path))? as u64 > MAX_STATE_BYTES {
        return Err(wrong("at most 64 MiB", "more".to_owned()));
    }
    let state: State =
        serde_json::from_str(&text).map_err(|error| wrong("a state in JSON", error.to_string()))?;
    if state.version != VERSION {
        return Err(wrong(&format!("version {VERSION}"), format!("version {}", state.version)));
    }
    Ok(state)
}

/// A name that is one name of a folder: other characters than letters, digits, `@`, `.`, `-` and `_` become `_`.
pub(crate) fn as_name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-' | '_');
    let name: String = text.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.is_empty() || name.chars().all(|c| c == '.') { format!("_{name}") } else { name }
}

/// A UUID of version 7: the time, then what tells it from others of that time.
///
/// Source: RFC 9562, section 5.7.
fn identifier(now: Timestamp, process: u32, attempt: u32) -> String {
    let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0) & 0xffff_ffff_ffff;
    let mut hash = Sha256::new();
    hash.update(now.as_nanosecond().to_le_bytes());
    hash.update(process.to_le_bytes());
    hash.update(attempt.to_le_bytes());
    uuid(millisecond, 7, &hash.finalize())
}

/// A UUID of version 8: of a text, always the same.
///
/// Source: RFC 9562, section 5.8.
pub(crate) fn identifier_of(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let start = hash[10..16].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    uuid(start, 8, &hash)
}

fn uuid(start: u64, version: u8, random: &[u8]) -> String {
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&start.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random[..10]);
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Mark, Status};

    fn state() -> State {
        State {
            version: VERSION,
            pipeline_name: String::new(),
            execution_id: String::new(),
            number: 0,
            template: Mark::default(),
            start_time_ms: 0,
            update_time_ms: 0,
            status: Status::InProgress,
            variables: [].into(),
            stages: Vec::new(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn an_execution_is_one_processs_own() {
        let root = tempfile::tempdir().unwrap();
        let executions = Executions::new(root.path(), "my shop/1");
        assert!(matches!(executions.open(None), Err(Error::NoExecution { .. })));
        let first = executions.begin(state(), at(0)).unwrap();
        let second = executions.begin(state(), at(0)).unwrap();
        assert_ne!(first.folder(), second.folder());
        let third = executions.begin(state(), at(5)).unwrap();
        assert_eq!(third.state().number, 3);
        assert!(matches!(executions.open(None), Err(Error::Busy { .. })));
        let id = third.state().execution_id;
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        third.change(at(6), |state| state.status = Status::Failed).unwrap();
        drop(third);
        for start in [None, Some(id.as_str())] {
            assert_eq!(executions.open(start).unwrap().state().status, Status::Failed);
        }
        let error = executions.open(Some(&id[..4])).unwrap_err().to_string();
        assert!(error.ends_with("found several"), "{error}");
        assert!(matches!(executions.open(Some("none")), Err(Error::NoExecution { .. })));
        drop(first);
        assert_eq!(executions.prune(1).unwrap().len(), 1, "one is run by somebody");
        fs::write(executions.folder().join(&id).join("state.json"), "{}").unwrap();
        assert!(matches!(executions.open(Some(&id)), Err(Error::State { .. })));
    }

    #[test]
    fn an_artifact_is_there_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let execution = Executions::new(root.path(), "p").begin(state(), at(0)).unwrap();
        for text in ["1", "2"] {
            let work = execution.work("S", "A", 1).unwrap();
            fs::write(work.join(text), text).unwrap();
            execution.publish("App", &work).unwrap();
        }
        let names: Vec<_> = fs::read_dir(execution.artifact("App")).unwrap().flatten().collect();
        assert_eq!((names.len(), names[0].file_name().to_str()), (1, Some("2")));
        assert_eq!(
            fs::read_dir(root.path().join("p").join(execution.state().execution_id).join("artifacts"))
                .unwrap()
                .count(),
            1
        );
    }

    #[test]
    fn names_stay_in_their_folder() {
        for (text, expected) in [("shop", "shop"), ("../x", ".._x"), ("", "_"), ("..", "_.."), ("a b", "a_b")]
        {
            assert_eq!(as_name(text), expected);
        }
        assert_eq!(identifier_of("x"), identifier_of("x"));
        assert_ne!(identifier_of("x"), identifier_of("y"));
    }
}
