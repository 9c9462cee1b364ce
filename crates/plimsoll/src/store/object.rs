//! A report's place in a bucket: `--output s3://bucket/{repository}/{tag}_results.json`.

use std::fmt;
use std::path::{Path, PathBuf};

use plimsoll_store::{Error, KeyFields, KeyTemplate, Location, Options, Put, Store};

use super::{failure, keep_locally, options, runtime};
use crate::args::ObjectArgs;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectPlace {
    text: String,
    bucket: Location,
    key: KeyTemplate,
}

impl ObjectPlace {
    /// Reads an address with placeholders; `None` for the name of a file.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Error> {
        let Some((bucket, key)) = Location::of_object(text)? else { return Ok(None) };
        Ok(Some(Self { text: text.to_owned(), bucket, key: KeyTemplate::parse(&key)? }))
    }

    /// The place that `--output` names, where it names no file. Its bucket is opened once, so that what is wrong with settings is
    /// told before anything is done.
    pub(crate) fn of_output(
        output: Option<&Path>,
        objects: &ObjectArgs,
        certificates: &[PathBuf],
        settings: &Settings,
    ) -> Result<Option<(Self, Options)>, Failure> {
        let usage = |error| failure(error, Exit::Usage);
        let Some(text) = output.and_then(Path::to_str) else { return Ok(None) };
        let Some(place) = Self::parse(text).map_err(usage)? else { return Ok(None) };
        let options = options(objects, certificates, settings)?;
        place.open(&options).map_err(usage)?;
        Ok(Some((place, options)))
    }

    /// Its bucket; nothing is asked of it yet.
    pub(crate) fn open(&self, options: &Options) -> Result<Store, Error> {
        Store::open_with(&self.bucket, options)
    }

    /// Sends a report there. Where that fails it is kept in the current folder.
    pub(crate) fn send(
        &self,
        fields: &KeyFields<'_>,
        bytes: Vec<u8>,
        if_absent: bool,
        options: &Options,
    ) -> Result<(), Failure> {
        let bytes = bytes::Bytes::from(bytes);
        let put = if if_absent { Put::IfAbsent } else { Put::Overwrite };
        let key = self.key.fill(fields);
        let name = key.as_ref().map_or("report.json", String::as_str).to_owned();
        let sent = runtime().and_then(|runtime| {
            let sent = key.and_then(|key| Ok((self.open(options)?, key)));
            let sent = sent.and_then(|(bucket, key)| runtime.block_on(bucket.put(&key, bytes.clone(), put)));
            sent.map_err(|error| failure(error, Exit::NotStored))
        });
        if sent.is_err() {
            keep_locally(&name, &bytes);
        }
        sent
    }
}

impl fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
