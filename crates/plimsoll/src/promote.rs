//! `plimsoll promote`: an image that passed is copied from one registry to another.
//!
//! What is judged, what is copied and what is tagged is one digest. A tag of the source is read twice: to learn the digest,
//! and, when all is copied, to see that it leads there still.

mod args;
mod sign;
mod written;

pub(crate) use args::{EXAMPLES, PromoteArgs};

use anyhow::anyhow;
use plimsoll_model::Digest;
use plimsoll_oci::{Copied, CopyOptions, CopyProgress, Options, Reference, Repository, copy};
use plimsoll_store::{Passed, Promotion, Store};

use crate::args::{ObjectArgs, StorePath};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::passed::{PassRecord, PassRules, Standing};
use crate::progress::{Bars, CarryBar};
use crate::settings::Settings;
use crate::store;
use crate::target::{oci_failure, reach_registry};

pub(crate) fn run(
    arguments: &PromoteArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    // Before anything is asked: whose word counts, and where it is written down.
    let rules = PassRules::read(&arguments.pass, settings, environment)?;
    let record = record_store(arguments, settings, environment)?;
    let signer = sign::Signer::read(arguments, settings, environment, bars)?;
    let options = reach_registry(&arguments.reach, settings)?;
    let platform = arguments.platform.as_deref().map(plimsoll_oci::parse_platform).transpose();
    let platform = platform.map_err(|error| oci_failure(error, Exit::Usage))?;
    let places = Places::read(arguments, &options)?;
    bars.say(format!("asking for {}", places.from.reference()));
    let found = places.resolve()?;
    // Of one platform nobody has to say that the others passed.
    let image = match &platform {
        Some(platform) => {
            places.from.image_for(&found, platform).map_err(|error| oci_failure(error, Exit::CouldNotScan))?
        }
        None => found.clone(),
    };
    bars.say(format!("asking who says that {image} passed"));
    let passed = match rules.standing(&places.from, &image)? {
        Standing::Passed(record) => record,
        standing => return refused(&places, &image, &standing, arguments, bars),
    };
    let tag = places.tag.as_str();
    let source_tag = places.source_tag();
    let progress = Carrying(CarryBar::new(bars));
    let copied = if arguments.dry_run {
        None
    } else {
        bars.say(format!("copying {image}"));
        let how = CopyOptions {
            platform: platform.as_ref(),
            tag: Some(tag),
            source_tag: source_tag.as_deref(),
            jobs: usize::from(arguments.jobs),
            with_referrers: !arguments.no_referrers,
            progress: Some(&progress),
        };
        Some(
            copy(&places.from, &places.to, &found, &how)
                .map_err(|error| oci_failure(error, Exit::CouldNotScan))?,
        )
    };
    drop(progress);
    let promotion = promotion(&places, &found, &image, copied.as_ref(), &passed, arguments, environment);
    let mut kept = Kept::default();
    if copied.is_some() {
        kept.write(&promotion, &places, signer.as_ref(), record.as_ref(), environment, bars)?;
    }
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    written::passed(&promotion, copied.as_ref(), &kept, arguments.format)?;
    let last = kept.failures.pop();
    kept.failures.iter().for_each(|failure| eprintln!("{failure}"));
    last.map_or(Ok(Exit::Passed), Err)
}

/// Where a promotion is written down.
#[derive(Debug, Default)]
struct Kept {
    /// The address of its object in the store.
    record: Option<String>,
    /// Who signed it, and the manifest that holds the statement.
    attestation: Option<String>,
    /// Why it is not where it should be. The image went nevertheless.
    failures: Vec<Failure>,
}

impl Kept {
    fn write(
        &mut self,
        promotion: &Promotion,
        places: &Places,
        signer: Option<&sign::Signer>,
        store: Option<&Store>,
        environment: &Environment,
        bars: &Bars,
    ) -> Result<(), Failure> {
        match signer.map(|signer| signer.write(&places.to, promotion, bars)) {
            Some(Ok(place)) => self.attestation = Some(place),
            Some(Err(failure)) => self.failures.push(failure),
            None => {}
        }
        if let Some(store) = store {
            match store::runtime()?.block_on(promotion.put(store, environment.now)) {
                Ok(key) => self.record = Some(store.address(&key)),
                Err(error) => self.failures.push(store::failure(error, Exit::NotStored)),
            }
        }
        Ok(())
    }
}

/// Source and destination.
struct Places {
    from: Repository,
    to: Repository,
    /// The tag that the destination gives it.
    tag: String,
}

impl Places {
    fn read(arguments: &PromoteArgs, options: &Options) -> Result<Self, Failure> {
        let parsed = |text: &str| -> Result<Reference, Failure> {
            text.parse().map_err(|error| oci_failure(error, Exit::Usage))
        };
        let (source, destination) = (parsed(&arguments.source)?, parsed(&arguments.destination)?);
        let usage = |what: String| Failure::new(Exit::Usage, anyhow!(what));
        if destination.digest().is_some() {
            let what = format!(
                "cannot promote to `{destination}`: expected a tag, found a digest, which the image brings with it"
            );
            return Err(usage(what));
        }
        // Nobody asked for `latest` who did not write it.
        let tag = if has_tag(&arguments.destination) { destination.tag() } else { source.tag() };
        let Some(tag) = tag.map(str::to_owned) else {
            let what = format!("cannot promote to `{destination}`: expected a tag, found none at either end");
            return Err(usage(what));
        };
        let destination = destination.with_tag(&tag).map_err(|error| oci_failure(error, Exit::Usage))?;
        if source.registry() == destination.registry()
            && source.repository() == destination.repository()
            && source.tag() == Some(&tag)
        {
            return Err(usage(format!("cannot promote `{source}`: expected another place, found the same")));
        }
        let from = Repository::open(&source, options);
        let to = Repository::open_for_push(&destination, options);
        Ok(Self { from, to, tag })
    }

    /// The digest of the source. A tag and a digest that were both given must agree.
    fn resolve(&self) -> Result<Digest, Failure> {
        let reference = self.from.reference();
        let found = self
            .from
            .fetch_manifest(reference.wanted())
            .map_err(|error| oci_failure(error, Exit::CouldNotScan))?
            .digest;
        if let (Some(tag), Some(_)) = (reference.tag(), reference.digest()) {
            let tagged =
                self.from.find_manifest(tag).map_err(|error| oci_failure(error, Exit::CouldNotScan))?;
            let tagged = tagged.map(|manifest| manifest.digest);
            if tagged.as_ref() != Some(&found) {
                let error = plimsoll_oci::Error::Moved {
                    reference: format!("{}/{}:{tag}", reference.registry(), reference.repository()),
                    expected: found.to_string(),
                    found: tagged.map_or_else(|| "nothing".to_owned(), |tagged| tagged.to_string()),
                };
                return Err(oci_failure(error, Exit::CouldNotScan));
            }
        }
        Ok(found)
    }

    /// The tag that the source was named by.
    fn source_tag(&self) -> Option<String> {
        self.from.reference().tag().map(str::to_owned)
    }
}

/// Whether a tag was written: behind the last slash.
fn has_tag(text: &str) -> bool {
    let name = text.split('@').next().unwrap_or_default();
    name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

/// The store that promotions are written down in.
fn record_store(
    arguments: &PromoteArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<Option<Store>, Failure> {
    if arguments.pass.store.is_none() && settings.store.is_none() {
        return Ok(None);
    }
    let path = StorePath { store: arguments.pass.store.clone(), ca_cert: arguments.reach.ca_cert.clone() };
    let options = store::options(&ObjectArgs::default(), &path.ca_cert, settings)?;
    store::open(&path, &options, settings, environment).map(Some)
}

/// An image that did not pass stays where it is.
fn refused(
    places: &Places,
    judged: &Digest,
    standing: &Standing,
    arguments: &PromoteArgs,
    bars: &Bars,
) -> Result<Exit, Failure> {
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    written::refused(places.from.reference(), judged, standing, arguments.format)?;
    Ok(Exit::GateFailed)
}

fn promotion(
    places: &Places,
    found: &Digest,
    image: &Digest,
    copied: Option<&Copied>,
    passed: &PassRecord,
    arguments: &PromoteArgs,
    environment: &Environment,
) -> Promotion {
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    Promotion {
        promoted_at: environment.now.to_string(),
        promoted_by: arguments.by.clone().unwrap_or_default(),
        build: environment.build.id.clone(),
        source: places.from.reference().to_string(),
        destination: places.to.reference().to_string(),
        digest: image.to_string(),
        source_digest: found.to_string(),
        manifests: copied
            .map(|copied| copied.manifests.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        replaced: copied
            .and_then(|copied| copied.replaced.as_ref())
            .map(ToString::to_string)
            .unwrap_or_default(),
        passed: Passed {
            said_by: passed.from.clone(),
            digest: passed.digest.to_string(),
            scanned_at: passed.when.to_string(),
            database_digest: passed.database.as_ref().map(ToString::to_string).unwrap_or_default(),
            policy_digest: some(&passed.policy),
            rules: passed.rules.clone(),
            build: some(&passed.build),
        },
        ..Promotion::default()
    }
}

/// How far a copy has come, in bytes.
struct Carrying(CarryBar);

impl CopyProgress for Carrying {
    fn planned(&self, _: usize, bytes: u64) {
        self.0.more(bytes);
    }

    fn done(&self, bytes: u64) {
        plimsoll_artifact::Progress::moved(&self.0, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_where_it_was_written() {
        for (text, expected) in [
            ("r.example/app:1", true),
            ("r.example:5000/app", false),
            ("r.example:5000/app:1", true),
            ("r.example/app:1@sha256:aa", true),
            ("r.example/app@sha256:aa", false),
            ("app:1", true),
            ("app", false),
            ("app@sha256:aa", false),
        ] {
            assert_eq!(has_tag(text), expected, "{text}");
        }
    }
}
