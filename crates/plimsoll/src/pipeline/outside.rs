//! What a pipeline asks of stores, registries and people.

use std::fs::{self, File};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures::StreamExt as _;
use plimsoll_oci::{Reference, Repository};
use plimsoll_pipeline::{Answer, Fetched, ImageFacts, Outside, Question};
use plimsoll_store::{Location, Put, Store};
use tokio::runtime::Runtime;

use crate::environment;
use crate::exit::{Exit, Failure, printable};
use crate::settings::Settings;

/// Most objects below one prefix.
const MAX_OBJECTS: usize = 1_000_000;
/// Most bytes of one object: 64 GiB.
const MAX_OBJECT_BYTES: u64 = 64 << 30;
/// Up to this size an object is sent whole, in bytes.
const WHOLE_BYTES: u64 = 8 << 20;
/// Bytes that are read of a file at once.
const CHUNK_BYTES: u64 = 1 << 20;
/// Longest answer of a person, in bytes.
const MAX_ANSWER_BYTES: u64 = 4 << 10;
/// How often it is looked whether anybody still waits for an answer.
const TICK: Duration = Duration::from_millis(100);

/// The network, through our own clients, and whoever sits at the terminal.
pub(super) struct World {
    runtime: Runtime,
    registry: plimsoll_oci::Options,
    store: plimsoll_store::Options,
    /// One question at a time.
    terminal: Mutex<()>,
}

impl World {
    pub(super) fn new(settings: &Settings) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot reach stores: no thread for it")
            .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
        let certificates = settings.certificates(&[])?;
        let mut registry = plimsoll_oci::Options::from_env();
        registry.http.insecure_http.clone_from(&settings.insecure_http);
        registry.http.ca_certificates.extend(certificates.iter().cloned());
        registry.login_source = Some(crate::aws::logins(&registry.http.ca_certificates));
        let mut store = plimsoll_store::Options::from_env();
        store.ca_certificates.extend(certificates);
        Ok(Self { runtime, registry, store, terminal: Mutex::new(()) })
    }

    fn open(&self, address: &str) -> Result<(Store, String), String> {
        let place = Location::of_object(address).map_err(|error| error.to_string())?;
        let (location, key) =
            place.ok_or_else(|| format!("expected the address of an object, found `{address}`"))?;
        let store = Store::open_with(&location, &self.store).map_err(|error| whole(&error))?;
        Ok((store, key))
    }

    async fn one(store: &Store, key: &str, to: &Path) -> Result<(), String> {
        let cannot = |error: io::Error| format!("cannot write `{}`: {error}", to.display());
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(cannot)?;
        }
        let mut file = File::create(to).map_err(cannot)?;
        let mut stream = store.get_stream(key, 0).await.map_err(|error| whole(&error))?;
        let mut total = 0_u64;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| whole(&error))?;
            total += piece.len() as u64;
            if total > MAX_OBJECT_BYTES {
                return Err(format!(
                    "cannot read `{key}`: expected at most {MAX_OBJECT_BYTES} bytes, found more"
                ));
            }
            file.write_all(&piece).map_err(cannot)?;
        }
        Ok(())
    }
}

impl Outside for World {
    fn image(&self, reference: &str) -> Result<ImageFacts, String> {
        let reference: Reference = reference.parse().map_err(|error: plimsoll_oci::Error| whole(&error))?;
        let repository = Repository::open(&reference, &self.registry);
        let manifest = repository.fetch_manifest(reference.wanted()).map_err(|error| whole(&error))?;
        Ok(ImageFacts {
            name: format!("{}/{}", reference.registry(), reference.repository()),
            repository: reference.repository().to_owned(),
            tag: reference.tag().map(str::to_owned),
            digest: manifest.digest.to_string(),
        })
    }

    fn fetch(&self, address: &str, into: &Path) -> Result<Fetched, String> {
        let (store, key) = self.open(address)?;
        let cannot = |error: io::Error| format!("cannot make folder `{}`: {error}", into.display());
        fs::create_dir_all(into).map_err(cannot)?;
        if !key.is_empty() && !key.ends_with('/') {
            return self.runtime.block_on(async {
                let meta = store.head(&key).await.map_err(|error| whole(&error))?;
                let name = key.rsplit('/').next().unwrap_or(&key).to_owned();
                let to = into.join(below(&name)?);
                Self::one(&store, &key, &to).await?;
                Ok(Fetched { file: Some(name), e_tag: meta.e_tag })
            });
        }
        self.runtime.block_on(async {
            let found = store.list(&key).await.map_err(|error| whole(&error))?;
            if found.is_empty() || found.len() > MAX_OBJECTS {
                let count = found.len();
                return Err(format!("expected 1 to {MAX_OBJECTS} objects below `{address}`, found {count}"));
            }
            for meta in found {
                let name = meta.key.strip_prefix(&key).unwrap_or(&meta.key);
                Self::one(&store, &meta.key, &into.join(below(name)?)).await?;
            }
            Ok(Fetched::default())
        })
    }

    fn put(&self, address: &str, file: &Path) -> Result<(), String> {
        let (store, key) = self.open(address)?;
        let cannot = |error: io::Error| format!("cannot read `{}`: {error}", file.display());
        let size = file.metadata().map_err(cannot)?.len();
        let mut opened = File::open(file).map_err(cannot)?;
        let whole_file = match size {
            0..=WHOLE_BYTES => Some(chunk(&mut opened, WHOLE_BYTES).map_err(cannot)?),
            _ => None,
        };
        let put = async {
            if let Some(bytes) = whole_file {
                return store.put(&key, bytes, Put::Overwrite).await;
            }
            let pieces = futures::stream::unfold(opened, |mut file| async move {
                match chunk(&mut file, CHUNK_BYTES) {
                    Ok(bytes) if bytes.is_empty() => None,
                    read => Some((read, file)),
                }
            });
            store.put_stream(&key, pieces.boxed()).await
        };
        self.runtime.block_on(put).map_err(|error| whole(&error))
    }

    fn ask(&self, question: &Question<'_>) -> Answer {
        if !environment::can_ask() {
            return Answer::Nobody;
        }
        let _one = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        let Question { stage, action, pipeline, execution, .. } = question;
        let mut text =
            format!("\n{stage}/{action} of pipeline {pipeline} asks for approval (execution {execution})\n");
        for (what, value) in [("  ", question.custom_data), ("  look at ", question.link)] {
            if let Some(value) = value {
                text.push_str(what);
                text.push_str(value);
                text.push('\n');
            }
        }
        eprint!("{}", printable(&text));
        let until = question.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            eprint!("yes or no, and a comment: ");
            let (send, receive) = channel();
            std::thread::spawn(move || {
                let mut line = String::new();
                let read = io::stdin().lock().take(MAX_ANSWER_BYTES).read_line(&mut line);
                // Nobody waits any more where the execution was stopped.
                let _ = send.send(read.map(|count| (count, line)));
            });
            let line = loop {
                match receive.recv_timeout(TICK) {
                    Ok(Ok((count, line))) if count > 0 => break line,
                    Ok(_) | Err(RecvTimeoutError::Disconnected) => return Answer::Nobody,
                    Err(RecvTimeoutError::Timeout) if question.stop.load(Ordering::Acquire) => {
                        eprintln!();
                        return Answer::Stopped;
                    }
                    Err(RecvTimeoutError::Timeout) if until.is_some_and(|until| Instant::now() >= until) => {
                        return Answer::Nobody;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            };
            if let Some(answer) = answer(&line) {
                return answer;
            }
        }
    }
}

/// `yes`, `no`, and a comment behind it.
fn answer(line: &str) -> Option<Answer> {
    let line = line.trim();
    let (word, comment) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let comment = comment.trim().to_owned();
    match word.trim_end_matches([',', ':', '.']).to_lowercase().as_str() {
        "y" | "yes" | "approve" => Some(Answer::Approved(comment)),
        "n" | "no" | "reject" => Some(Answer::Rejected(comment)),
        _ => None,
    }
}

/// The next bytes of a file, at most so many.
fn chunk(file: &mut File, limit: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    io::copy(&mut file.take(limit), &mut bytes)?;
    Ok(bytes.into())
}

/// A key as a path that stays below its folder.
fn below(key: &str) -> Result<PathBuf, String> {
    let path = Path::new(key);
    let stays = !key.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if stays { Ok(path.to_owned()) } else { Err(format!("expected a key that names a file, found `{key}`")) }
}

/// An error with its causes and without the line ends of any of them.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_yes_or_no_and_a_comment() {
        for (line, expected) in [
            ("y\n", Some(Answer::Approved(String::new()))),
            ("YES, looks good\n", Some(Answer::Approved("looks good".to_owned()))),
            ("no not yet", Some(Answer::Rejected("not yet".to_owned()))),
            ("\n", None),
            ("maybe", None),
        ] {
            assert_eq!(answer(line), expected, "{line}");
        }
    }

    #[test]
    fn keys_stay_below_their_folder() {
        assert_eq!(below("a/b.zip"), Ok(PathBuf::from("a/b.zip")));
        for key in ["", "/etc/passwd", "../x", "a/../../x"] {
            assert!(below(key).is_err(), "{key}");
        }
    }
}
