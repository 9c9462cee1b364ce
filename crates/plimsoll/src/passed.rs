//! Whether an image passed: asked here, and nowhere else.
//!
//! Two can say so: whoever has signed an attestation beside the image, and a results store. Of all they say of an image the
//! newest counts, so that an image that passed once and fails now has failed. What was scanned without a gate, or by
//! another tool, was not judged, and counts for nothing.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use plimsoll_attest::VerifyingKey;
use plimsoll_model::Digest;
use plimsoll_oci::{RemoteImage, Repository};
use plimsoll_store::layout::VERDICTS;
use plimsoll_store::{Location, Store, Verdict};

use crate::args::{Age, ObjectArgs};
use crate::attested::{self, Attested, read_keys};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::store;
use crate::target::oci_failure;

/// The most verdicts on an image that are read: newer ones without a gate may stand before the one that counts.
const MAX_VERDICTS: usize = 100;
/// The most bytes of a verdict.
const MAX_VERDICT_BYTES: u64 = 4 << 20;
/// How far another machine's clock may be ahead.
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// The word of a gate that passed.
pub(crate) const PASSED: &str = "passed";

/// Whose word counts that an image passed.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Who says that an image passed")]
pub(crate) struct PassArgs {
    /// Believe attestations beside the image that the owner of this public key has signed; PEM, Ed25519 or ECDSA over
    /// P-256. Of several keys any will do.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_ATTEST_KEY", value_delimiter = ',')]
    pub(crate) key: Vec<PathBuf>,
    /// Believe the verdicts in this store: a folder, or `s3://BUCKET/PREFIX`, `gs://…`, `az://…`.
    #[arg(long, value_name = "STORE", env = "PLIMSOLL_STORE")]
    pub(crate) store: Option<String>,
    /// Believe nothing that was said longer ago: `24h`, `30d`.
    #[arg(long, value_name = "AGE", env = "PLIMSOLL_ATTEST_MAX_AGE")]
    pub(crate) attest_max_age: Option<Age>,
}

/// Whose word counts that an image passed: signed attestations beside it, or verdicts in a results store.
#[derive(Default)]
pub(crate) struct PassRules {
    pub(crate) keys: Vec<VerifyingKey>,
    pub(crate) store: Option<Store>,
    /// Nothing before it counts.
    pub(crate) not_before: Option<Timestamp>,
    /// Nothing after it counts: what is dated by a clock that is wrong would outdo all that comes.
    pub(crate) not_after: Option<Timestamp>,
    /// What was judged by another policy does not count.
    pub(crate) policy: Option<String>,
    /// What was judged by another database does not count.
    pub(crate) database: Option<Digest>,
}

/// What is known of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It passed.
    Passed(PassRecord),
    /// It was judged, and did not pass.
    Failed(PassRecord),
    /// Nobody whose word counts has judged it.
    Unknown {
        /// Why each place did not answer.
        looked_at: Vec<String>,
    },
}

/// What somebody says of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassRecord {
    /// Of which manifest it is said.
    pub(crate) digest: Digest,
    /// `passed`, `failed` or `undecided`.
    pub(crate) verdict: String,
    /// Who says so: a key and where its statement lies, or a store and the verdict's key.
    pub(crate) from: String,
    /// When it was scanned.
    pub(crate) when: Timestamp,
    /// The advisory database that was asked.
    pub(crate) database: Option<Digest>,
    /// The digest of the policy.
    pub(crate) policy: Option<String>,
    /// What was asked of the gate.
    pub(crate) rules: Vec<String>,
    /// The build that scanned it.
    pub(crate) build: Option<String>,
    /// The signed statement; `None` where a store says so.
    pub(crate) attested: Option<Attested>,
}

/// What is known of an index, image by image.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// What the reference leads to.
    pub(crate) digest: Digest,
    /// Its images, and what is known of each; one alone where it is no index.
    pub(crate) images: Vec<(RemoteImage, Standing)>,
    /// What is known of all of it.
    pub(crate) whole: Standing,
}

impl PassRecord {
    /// Whether it says that the image passed.
    pub(crate) fn is_pass(&self) -> bool {
        self.verdict == PASSED
    }
}

impl PassRules {
    /// Reads the keys, and opens the store, that flags, variables or settings name.
    ///
    /// # Errors
    /// Where neither is named: then nobody could say that an image passed.
    pub(crate) fn read(
        arguments: &PassArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let files = if arguments.key.is_empty() { &settings.attest_key } else { &arguments.key };
        let keys = read_keys(files)?;
        let store = match arguments.store.as_deref().or(settings.store.as_deref()) {
            Some(named) => Some(open(named, settings, environment)?),
            None => None,
        };
        if keys.is_empty() && store.is_none() {
            let what = "cannot tell which images passed: expected to know whose word counts, found nobody";
            return Err(Failure::new(Exit::Usage, anyhow::anyhow!(what)).hint(
                "name the public key of those who attest with `--key FILE`, or the store of their results with `--store`",
            ));
        }
        let not_before = match arguments.attest_max_age {
            Some(age) => environment.now.checked_sub(SignedDuration::from_secs(age.seconds)).ok(),
            None => None,
        };
        Ok(Self { keys, store, not_before, not_after: tomorrow(environment.now), ..Self::default() })
    }

    /// What is known of the image or the index of this digest. An index passed where each of its images did.
    ///
    /// # Errors
    /// Where registry or store do not answer: what they would have said is not known.
    pub(crate) fn standing(&self, repository: &Repository, digest: &Digest) -> Result<Standing, Failure> {
        self.judge(repository, digest.as_str()).map(|judged| judged.whole)
    }

    /// The same of a tag or a digest, image by image.
    ///
    /// # Errors
    /// As of [`PassRules::standing`].
    pub(crate) fn judge(&self, repository: &Repository, wanted: &str) -> Result<Judged, Failure> {
        let (digest, images) = repository.images(wanted).map_err(cannot)?;
        let mut of_images = Vec::new();
        for image in images {
            let standing = self.of_digest(repository, &image.digest, Some(&image))?;
            of_images.push((image, standing));
        }
        if let [(image, standing)] = of_images.as_slice()
            && image.digest == digest
        {
            let whole = standing.clone();
            return Ok(Judged { digest, images: of_images, whole });
        }
        let whole = match joined(&of_images) {
            // What somebody says of the index, he says of all that is in it.
            Standing::Unknown { looked_at } => match self.of_digest(repository, &digest, None)? {
                Standing::Unknown { looked_at: of_index } => {
                    let of_index = of_index.into_iter().map(|why| format!("index {digest}: {why}"));
                    Standing::Unknown { looked_at: looked_at.into_iter().chain(of_index).collect() }
                }
                of_index => of_index,
            },
            whole => whole,
        };
        Ok(Judged { digest, images: of_images, whole })
    }

    /// What is known of one manifest; of `image`, by its config as well.
    fn of_digest(
        &self,
        repository: &Repository,
        digest: &Digest,
        image: Option<&RemoteImage>,
    ) -> Result<Standing, Failure> {
        let mut records = Vec::new();
        let mut looked_at = Vec::new();
        if !self.keys.is_empty() {
            let looked = attested::find(repository, digest, &self.keys).map_err(cannot)?;
            if looked.records.is_empty() && looked.refused.is_empty() {
                looked_at.push("no attestation".to_owned());
            }
            looked_at.extend(looked.refused.into_iter().map(|why| format!("attestation {why}")));
            for attested in looked.records {
                self.take(of_attested(attested, digest), &mut records, &mut looked_at);
            }
        }
        if let Some(store) = &self.store {
            let configs = image.map(|image| &image.config).filter(|config| *config != digest);
            for asked in [Some(digest), configs].into_iter().flatten() {
                self.of_store(store, digest, asked, &mut records, &mut looked_at)?;
            }
        }
        let newest = records.into_iter().max_by_key(|record| (record.when, !record.is_pass()));
        Ok(match newest {
            Some(record) if record.is_pass() => Standing::Passed(record),
            Some(record) => Standing::Failed(record),
            None => Standing::Unknown { looked_at },
        })
    }

    /// Reads the verdicts on an image, from the newest on, up to the first that counts.
    fn of_store(
        &self,
        store: &Store,
        digest: &Digest,
        asked: &Digest,
        records: &mut Vec<PassRecord>,
        looked_at: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let runtime = store::runtime()?;
        let unread = |error| store::failure(error, Exit::CouldNotScan);
        let listed = runtime.block_on(store.list(&format!("{VERDICTS}/{}", asked.hex()))).map_err(unread)?;
        if listed.is_empty() {
            let what = if asked == digest { "it" } else { "its config" };
            looked_at.push(format!("no verdict on {what} in {}", store.location()));
        }
        for meta in listed.iter().rev().take(MAX_VERDICTS) {
            let bytes = runtime.block_on(store.get(&meta.key, MAX_VERDICT_BYTES)).map_err(unread)?;
            let place = store.address(&meta.key);
            let read = serde_json::from_slice::<Verdict>(&bytes)
                .map_err(|error| error.to_string())
                .and_then(|verdict| Ok((moment(&verdict.scanned_at)?, verdict)));
            let (when, verdict) = match read {
                Ok(read) => read,
                Err(why) => {
                    looked_at.push(format!("{place}: {why}"));
                    continue;
                }
            };
            if verdict.image_digest != asked.as_str() {
                looked_at.push(format!("{place}: it speaks of `{}`", verdict.image_digest));
                continue;
            }
            let record = PassRecord {
                digest: digest.clone(),
                verdict: verdict.verdict,
                from: format!("store {place}"),
                when,
                database: verdict.database_digest.parse().ok(),
                policy: None,
                rules: verdict.rules,
                build: None,
                attested: None,
            };
            if self.take(record, records, looked_at) {
                break;
            }
        }
        Ok(())
    }

    /// Keeps a record that counts; says why another one does not.
    fn take(&self, record: PassRecord, records: &mut Vec<PassRecord>, looked_at: &mut Vec<String>) -> bool {
        let why = if record.verdict.is_empty() {
            "nothing was judged".to_owned()
        } else if record.rules.is_empty() {
            "no gate was asked".to_owned()
        } else if self.not_before.is_some_and(|first| record.when < first) {
            format!("it was said on {}, which is too long ago", record.when)
        } else if self.not_after.is_some_and(|last| record.when > last) {
            format!("it was said on {}, which has not come yet", record.when)
        } else if let Some(policy) =
            self.policy.as_ref().filter(|policy| record.policy.as_ref() != Some(*policy))
        {
            let found = record.policy.as_deref().unwrap_or("one that is not named");
            format!("expected the policy {policy}, found {found}")
        } else if let Some(database) =
            self.database.as_ref().filter(|database| record.database.as_ref() != Some(*database))
        {
            let found = record.database.as_ref().map_or("one that is not named", Digest::as_str);
            format!("expected the database {database}, found {found}")
        } else {
            records.push(record);
            return true;
        };
        looked_at.push(format!("{}: {why}", record.from));
        false
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("expected the instant of its scan, found `{text}`"))
}

/// The last instant that may have come by another clock.
pub(crate) fn tomorrow(now: Timestamp) -> Option<Timestamp> {
    now.checked_add(MOST_AHEAD).ok()
}

/// What a signed statement says.
fn of_attested(attested: Attested, digest: &Digest) -> PassRecord {
    let record = &attested.record;
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    PassRecord {
        digest: digest.clone(),
        verdict: record.verdict.clone(),
        from: format!("key {} in {}", attested.signed_by, attested.place),
        when: attested.scanned_at,
        database: record.database_digest.parse().ok(),
        policy: some(&record.policy_digest),
        rules: record.rules.clone(),
        build: some(&record.build),
        attested: Some(attested),
    }
}

/// What is known of an index: that it failed where one of its images did; that it passed where all did, and then what is
/// said of the one that was scanned first.
fn joined(images: &[(RemoteImage, Standing)]) -> Standing {
    let mut passed: Option<&PassRecord> = None;
    let mut failed: Option<&PassRecord> = None;
    let mut unknown = Vec::new();
    for (image, standing) in images {
        match standing {
            Standing::Passed(record) => {
                if passed.is_none_or(|known| record.when < known.when) {
                    passed = Some(record);
                }
            }
            Standing::Failed(record) => {
                failed.get_or_insert(record);
            }
            Standing::Unknown { looked_at } => {
                let platform = image.platform.as_ref().map_or_else(String::new, |name| format!("{name} "));
                unknown.push(format!("{platform}{}: {}", image.digest, looked_at.join("; ")));
            }
        }
    }
    match (failed, passed) {
        (Some(record), _) => Standing::Failed(record.clone()),
        (None, Some(record)) if unknown.is_empty() => Standing::Passed(record.clone()),
        _ => {
            if images.is_empty() {
                unknown.push("an index without an image".to_owned());
            }
            Standing::Unknown { looked_at: unknown }
        }
    }
}

fn cannot(error: plimsoll_oci::Error) -> Failure {
    oci_failure(error, Exit::CouldNotScan)
}

/// Opens a store that is there: to ask a folder that is not would be to make it.
fn open(named: &str, settings: &Settings, environment: &Environment) -> Result<Store, Failure> {
    let location = store::location(Some(named), settings, environment)?;
    if let Location::Folder(folder) = &location
        && !folder.is_dir()
    {
        let what = format!("cannot open the store `{location}`: expected a folder, found none");
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(what)));
    }
    let options = store::options(&ObjectArgs::default(), &[], settings)?;
    Store::open_with(&location, &options).map_err(|error| store::failure(error, Exit::Usage))
}
