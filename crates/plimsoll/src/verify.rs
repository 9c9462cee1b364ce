//! `plimsoll verify`: whether an image passed, by the signed attestations beside it.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::anyhow;
use jiff::SignedDuration;
use plimsoll_model::{Digest, Platform};
use plimsoll_oci::{Reference, RemoteImage, Repository};
use plimsoll_report::printable;
use serde_json::{Value, json};

use crate::args::{Age, RegistryArgs, TextOrJson};
use crate::attested::read_keys;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::passed::{Judged, PassRecord, PassRules, Standing, tomorrow};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::{oci_failure, reach_registry};

/// What stands below the help.
pub(crate) const EXAMPLES: &str = "\
Exit status 0: it passed, and a trusted key has signed that; 1: it did not pass,
or nobody who is trusted says so; 3: the registry did not answer.

  plimsoll scan registry.example/app:1.2 --fail-on high --attest --sign-key k
  plimsoll verify registry.example/app:1.2 --key k.pub --max-age 30d";

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The image: `registry.example/app:1.2`, `…@sha256:…`. Of an image for several platforms all must have passed.
    #[arg(value_name = "IMAGE")]
    reference: String,
    /// Believe what the owner of this public key has signed; PEM, Ed25519 or ECDSA over P-256. Of several keys any will do.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_ATTEST_KEY", value_delimiter = ',')]
    key: Vec<PathBuf>,
    /// Only what was judged by the policy of this digest counts; `plimsoll policy check` prints it.
    #[arg(long, value_name = "sha256:…", env = "PLIMSOLL_POLICY_DIGEST")]
    policy_digest: Option<String>,
    /// Only what was judged by the advisory database of this digest counts.
    #[arg(long, value_name = "sha256:…")]
    database_digest: Option<String>,
    /// Nothing that was scanned longer ago counts: `24h`, `30d`.
    #[arg(long, value_name = "AGE", env = "PLIMSOLL_ATTEST_MAX_AGE")]
    max_age: Option<Age>,
    /// Ask for this platform alone of an image for several.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", env = "PLIMSOLL_PLATFORM")]
    platform: Option<String>,
    /// How the answer is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(crate) fn run(
    arguments: &VerifyArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let usage = |error| oci_failure(error, Exit::Usage);
    let reference: Reference = arguments.reference.parse().map_err(usage)?;
    let digest = |text: &Option<String>, what: &str| match text {
        None => Ok(None),
        Some(text) => text.parse::<Digest>().map(Some).map_err(|_| {
            let what = format!("cannot ask for {what} `{text}`: expected its digest, as in `sha256:4f1a…`");
            Failure::new(Exit::Usage, anyhow!(what))
        }),
    };
    let files = if arguments.key.is_empty() { &settings.attest_key } else { &arguments.key };
    if files.is_empty() {
        let what =
            format!("cannot verify `{reference}`: expected to know whose signature counts, found no key");
        return Err(Failure::new(Exit::Usage, anyhow!(what))
            .hint("name the public key of those who attest with `--key FILE`"));
    }
    let not_before = match arguments.max_age {
        Some(age) => environment.now.checked_sub(SignedDuration::from_secs(age.seconds)).ok(),
        None => None,
    };
    let rules = PassRules {
        keys: read_keys(files)?,
        store: None,
        not_before,
        not_after: tomorrow(environment.now),
        policy: digest(&arguments.policy_digest, "policy")?.map(|digest| digest.to_string()),
        database: digest(&arguments.database_digest, "database")?,
    };
    let platform = arguments.platform.as_ref().or(settings.platform.as_ref());
    let platform = platform.map(|text| plimsoll_oci::parse_platform(text)).transpose().map_err(usage)?;
    let repository = Repository::open(&reference, &reach_registry(&arguments.registry, settings)?);
    bars.say(format!("asking for {reference}"));
    let judged = match &platform {
        None => rules.judge(&repository, reference.wanted())?,
        Some(platform) => {
            let image = of_platform(&repository, &reference, platform)?;
            rules.judge(&repository, image.as_str())?
        }
    };
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let text = match arguments.format {
        TextOrJson::Json => {
            let mut text = serde_json::to_string_pretty(&document(&reference, &judged)).unwrap_or_default();
            text.push('\n');
            text
        }
        TextOrJson::Text => text(&reference, &judged),
    };
    output::write(None, text.as_bytes())?;
    Ok(if matches!(judged.whole, Standing::Passed(_)) { Exit::Passed } else { Exit::GateFailed })
}

/// The image of a platform; without a variant, of any.
fn of_platform(
    repository: &Repository,
    reference: &Reference,
    platform: &Platform,
) -> Result<Digest, Failure> {
    let (_, images) =
        repository.images(reference.wanted()).map_err(|error| oci_failure(error, Exit::CouldNotScan))?;
    let fits = |image: &&RemoteImage| {
        image.platform.as_ref().is_none_or(|found| {
            found.os == platform.os
                && found.architecture == platform.architecture
                && (platform.variant.is_empty() || found.variant == platform.variant)
        })
    };
    let found = images.iter().find(fits).map(|image| image.digest.clone());
    found.ok_or_else(|| {
        let there: Vec<String> =
            images.iter().filter_map(|image| Some(image.platform.as_ref()?.to_string())).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        let what = format!("cannot verify `{reference}`: expected an image for {platform}, found {there}");
        Failure::new(Exit::CouldNotScan, anyhow!(what))
    })
}

/// The answer for people. Lines of a digest have 79 columns.
fn text(reference: &Reference, judged: &Judged) -> String {
    let mut text = String::new();
    let name = reference.to_string();
    let name = printable(&name);
    let _ = match &judged.whole {
        Standing::Passed(_) => writeln!(text, "passed: {name}"),
        Standing::Failed(record) => writeln!(text, "not passed: {name}: {}", printable(&record.verdict)),
        Standing::Unknown { .. } => writeln!(text, "not passed: {name}: no attestation that counts"),
    };
    let is_index = judged.images.iter().all(|(image, _)| image.digest != judged.digest);
    if is_index {
        let _ = writeln!(text, "index   {}", judged.digest);
    }
    for (image, standing) in &judged.images {
        let _ = writeln!(text, "\nimage   {}", image.digest);
        if let Some(platform) = &image.platform {
            let _ = writeln!(text, "for     {}", printable(&platform.to_string()));
        }
        lines(&mut text, standing);
    }
    // What was said of the index alone.
    let of_index = match &judged.whole {
        Standing::Passed(record) | Standing::Failed(record) => record.digest == judged.digest,
        Standing::Unknown { .. } => false,
    };
    if is_index && of_index {
        text.push_str("\nof the index as a whole\n");
        lines(&mut text, &judged.whole);
    }
    text
}

fn lines(text: &mut String, standing: &Standing) {
    let record = match standing {
        Standing::Passed(record) | Standing::Failed(record) => record,
        Standing::Unknown { looked_at } => {
            for why in looked_at {
                let _ = writeln!(text, "found   {}", printable(why));
            }
            return;
        }
    };
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<7} {}", printable(value));
        }
    };
    line("verdict", &record.verdict);
    line("scanned", &record.when.to_string());
    if let Some(attested) = &record.attested {
        line("key", attested.signed_by.as_str());
        line("in", attested.place.rsplit('@').next().unwrap_or_default());
    }
    line("policy", record.policy.as_deref().unwrap_or_default());
    line("db", record.database.as_ref().map(Digest::as_str).unwrap_or_default());
    line("rules", &record.rules.join("; "));
    line("counts", &counts(record));
    line("build", &build(record));
}

/// `2 critical, 1 high`.
fn counts(record: &PassRecord) -> String {
    const WORDS: [&str; 6] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "NEGLIGIBLE", "UNKNOWN"];
    let Some(attested) = &record.attested else { return String::new() };
    let counted: Vec<String> = WORDS
        .iter()
        .filter_map(|word| Some((word, *attested.record.counts.get(*word)?)))
        .filter(|(_, number)| *number > 0)
        .map(|(word, number)| format!("{number} {}", word.to_ascii_lowercase()))
        .collect();
    if counted.is_empty() { "no findings".to_owned() } else { counted.join(", ") }
}

/// `AWS CodeBuild app:1234, https://…`.
fn build(record: &PassRecord) -> String {
    let Some(attested) = &record.attested else { return String::new() };
    let named = format!("{} {}", attested.record.builder, attested.record.build);
    let parts = [named.trim(), &attested.record.build_url];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn document(reference: &Reference, judged: &Judged) -> Value {
    let images: Vec<Value> = judged
        .images
        .iter()
        .map(|(image, standing)| {
            let mut entry = standing_document(standing);
            entry["digest"] = image.digest.as_str().into();
            entry["platform"] = image.platform.as_ref().map(ToString::to_string).into();
            entry
        })
        .collect();
    json!({
        "reference": reference.to_string(),
        "digest": judged.digest,
        "passed": matches!(judged.whole, Standing::Passed(_)),
        "standing": standing_document(&judged.whole),
        "images": images,
    })
}

/// What is known, for programs: `standing` is `passed`, `failed` or `unknown`.
pub(crate) fn standing_document(standing: &Standing) -> Value {
    match standing {
        Standing::Passed(record) => json!({"standing": "passed", "record": record_document(record)}),
        Standing::Failed(record) => json!({"standing": "failed", "record": record_document(record)}),
        Standing::Unknown { looked_at } => json!({"standing": "unknown", "looked_at": looked_at}),
    }
}

fn record_document(record: &PassRecord) -> Value {
    let mut document = json!({
        "digest": record.digest,
        "verdict": record.verdict,
        "from": record.from,
        "scanned_at": record.when.to_string(),
        "database_digest": record.database,
        "policy_digest": record.policy,
        "rules": record.rules,
        "build": record.build,
    });
    if let Some(attested) = &record.attested {
        document["signed_by"] = attested.signed_by.as_str().into();
        document["statement"] = attested.place.as_str().into();
        document["counts"] = json!(attested.record.counts);
        document["platform"] = attested.record.platform.as_str().into();
        document["builder"] = attested.record.builder.as_str().into();
        document["build_url"] = attested.record.build_url.as_str().into();
        document["version"] = attested.record.version.as_str().into();
    }
    document
}
