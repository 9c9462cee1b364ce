//! A report's place in a bucket: `--output s3://bucket/{repository}/{tag}_results.json`.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plimsoll_store::{Error, KeyFields, KeyTemplate, Location, Options, Put, Store, Subject};

use super::{failure, keep_locally, options, runtime};
use crate::args::ObjectArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectPlace {
    text: String,
    bucket: Location,
    key: KeyTemplate,
}

/// How reports are sent, and where one goes that cannot be.
#[derive(Debug)]
pub(crate) struct Sending {
    options: Options,
    if_absent: bool,
    temporary_folder: PathBuf,
}

impl Sending {
    /// As flags, settings and environment say.
    pub(crate) fn new(
        objects: &ObjectArgs,
        if_absent: bool,
        certificates: &[PathBuf],
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let options = options(objects, certificates, settings)?;
        Ok(Self { options, if_absent, temporary_folder: environment.temporary_folder.clone() })
    }
}

impl ObjectPlace {
    /// Reads an address with placeholders; `None` for the name of a file. `kind` says what goes there, where the address names
    /// no key: `results`.
    pub(crate) fn parse(text: &str, kind: &str) -> Result<Option<Self>, Error> {
        let Some((bucket, key)) = Location::of_object(text)? else { return Ok(None) };
        Ok(Some(Self { text: text.to_owned(), bucket, key: KeyTemplate::parse(&key, kind)? }))
    }

    /// The place that `--output` names, where it names no file. Its bucket is opened once, so that what is wrong with settings is
    /// told before anything is done.
    pub(crate) fn of_output(
        output: Option<&Path>,
        kind: &str,
        objects: &ObjectArgs,
        certificates: &[PathBuf],
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Option<(Self, Sending)>, Failure> {
        let usage = |error| failure(error, Exit::Usage);
        let Some(text) = output.and_then(Path::to_str) else { return Ok(None) };
        let Some(place) = Self::parse(text, kind).map_err(usage)? else { return Ok(None) };
        let sending = Sending::new(objects, false, certificates, settings, environment)?;
        place.open(&sending).map_err(usage)?;
        Ok(Some((place, sending)))
    }

    /// Its bucket; nothing is asked of it yet.
    pub(crate) fn open(&self, sending: &Sending) -> Result<Store, Error> {
        Store::open_with(&self.bucket, &sending.options)
    }

    /// The address of a report of this format, of some image: that of another format is another one, or the second
    /// replaces the first.
    pub(crate) fn example(&self, format: &str, extension: &str) -> String {
        let subject = Subject {
            registry: Some("registry".to_owned()),
            tag: Some("tag".to_owned()),
            platform: Some("platform".to_owned()),
            ..Subject::of("name", &[]).with_digest(["sha256:digest", "", ""])
        };
        let time = Timestamp::UNIX_EPOCH;
        let fields = KeyFields { subject: &subject, time, format, extension, verdict: "verdict" };
        // One that is too long is told when it is sent.
        self.key.fill(&fields).map_or_else(|_| self.text.clone(), |key| self.bucket.address(&key))
    }

    /// Sends a report there. Where that fails it is kept in the current folder.
    pub(crate) fn send(
        &self,
        fields: &KeyFields<'_>,
        bytes: Vec<u8>,
        sending: &Sending,
    ) -> Result<(), Failure> {
        let bytes = bytes::Bytes::from(bytes);
        let put = if sending.if_absent { Put::IfAbsent } else { Put::Overwrite };
        let key = self.key.fill(fields);
        let name = key.as_ref().map_or("report.json", String::as_str).to_owned();
        let sent = runtime().and_then(|runtime| {
            let sent = key.and_then(|key| Ok((self.open(sending)?, key)));
            let sent = sent.and_then(|(bucket, key)| runtime.block_on(bucket.put(&key, bytes.clone(), put)));
            sent.map_err(|error| failure(error, Exit::NotStored))
        });
        if sent.is_err() {
            keep_locally(&name, &bytes, &sending.temporary_folder);
        }
        sent
    }
}

impl fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
