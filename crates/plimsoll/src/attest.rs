//! `plimsoll scan --attest`: what the gate said, signed, and kept beside the image.

use std::path::PathBuf;

use anyhow::anyhow;
use plimsoll_attest::{
    Envelope, STATEMENT_PAYLOAD_TYPE, SigningKey, Statement, StatementSubject, VULN_PREDICATE_TYPE,
    read_signing_key,
};
use plimsoll_gate::Policy;
use plimsoll_model::{Digest, Scan};
use plimsoll_oci::{Options, Reference, Repository, Target};
use plimsoll_report::{Report, VulnContext, cosign_vuln_predicate};
use sha2::{Digest as _, Sha256};

use crate::args::{GateArgs, ScanArgs, switch};
use crate::attested;
use crate::environment::{Build, Environment};
use crate::exit::{Exit, Failure};
use crate::gate::Gate;
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::{self, oci_failure, reach};

/// The most characters of a build's id.
const MAX_BUILD_CHARS: usize = 500;

/// What is attested of a scan.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Attestation")]
pub(crate) struct AttestArgs {
    /// Sign what the gate said, passed or not, and keep it beside the image in its registry. See `docs/attestation.md`.
    #[arg(long, env = "PLIMSOLL_ATTEST", value_parser = switch())]
    pub(crate) attest: bool,
    /// Sign with this private key: PEM, Ed25519 or ECDSA over P-256, or as cosign encrypts it (`COSIGN_PASSWORD`).
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGN_KEY")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Write the signed envelope into this file as well; of what lies in no registry, only there.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_ATTEST_OUTPUT")]
    pub(crate) attest_output: Option<PathBuf>,
    /// The build that scans; that of AWS `CodeBuild`, GitHub, GitLab or Jenkins by default.
    #[arg(long, value_name = "ID", env = "PLIMSOLL_BUILD_ID")]
    pub(crate) build_id: Option<String>,
}

/// What is to be signed and where it goes, known before the image is read.
pub(crate) struct Attest {
    key: SigningKey,
    /// The repository of the image.
    place: Option<(Reference, Options)>,
    output: Option<PathBuf>,
    parameters: Vec<String>,
    policy_digest: String,
    build: Build,
    instant: String,
    /// Whether the instant may be that of an earlier call.
    is_repeatable: bool,
}

impl Attest {
    /// What the flags ask for; `None` where they ask for nothing. Wrong is here what could not be signed, whatever the scan
    /// finds.
    pub(crate) fn plan(
        arguments: &ScanArgs,
        gate: &Gate,
        settings: &Settings,
        environment: &Environment,
        bars: &Bars,
    ) -> Result<Option<Self>, Failure> {
        let AttestArgs { attest, sign_key, attest_output, build_id } = &arguments.attest;
        if !attest && attest_output.is_none() {
            return Ok(None);
        }
        let usage = |what: String| Failure::new(Exit::Usage, anyhow!(what));
        let target = &arguments.target.target;
        let place = match target::parse(target)? {
            Target::Registry(reference) if *attest => {
                Some((reference, reach(&arguments.target.reading, settings)?))
            }
            Target::Dir(_) | Target::Sbom(_) => {
                let what =
                    format!("cannot attest `{target}`: expected an image, which has a digest, found none");
                return Err(usage(what));
            }
            _ => None,
        };
        if place.is_none() && attest_output.is_none() {
            let what =
                format!("cannot keep an attestation beside `{target}`: expected an image of a registry");
            return Err(usage(what).hint("write it into a file with `--attest-output FILE`"));
        }
        if gate.is_shifted {
            let what =
                "cannot attest what was decided as of another day: expected `--attest` without `--as-of`";
            return Err(usage(what.to_owned()));
        }
        let Some(path) = sign_key.as_ref().or(settings.sign_key.as_ref()) else {
            let what = "cannot attest without a key: expected `--sign-key FILE`, found none";
            return Err(usage(what.to_owned()).hint("`plimsoll db keygen --output FILE` makes a pair"));
        };
        let password = environment.cosign_password.as_ref().map(plimsoll_http::Secret::expose);
        let read = read_signing_key(path, password).map_err(attested::failure)?;
        if let Some(warning) = read.warning {
            bars.note(&format!("warning: {warning}"));
        }
        if !gate.asks() {
            bars.note(
                "note: no gate was asked: what is attested does not count as passed; ask one with `--fail-on` or `--policy`",
            );
        }
        let mut build = environment.build.clone();
        if let Some(id) = build_id {
            build.id.clone_from(id);
        }
        if build.id.chars().count() > MAX_BUILD_CHARS {
            return Err(usage(format!(
                "cannot name the build: expected at most {MAX_BUILD_CHARS} characters"
            )));
        }
        Ok(Some(Self {
            key: read.key,
            place,
            output: attest_output.clone(),
            parameters: parameters(&arguments.gate, settings),
            policy_digest: policy_digest(&gate.policy),
            build,
            instant: environment.instant(),
            is_repeatable: environment.source_date.is_some(),
        }))
    }

    /// Signs what the gate said of a scan, and sends it.
    pub(crate) fn write(&self, scan: &Scan, bars: &Bars) -> Result<(), Failure> {
        bars.say("signing what the gate said");
        let artifact = &scan.inventory.artifact;
        let image = [&artifact.manifest_digest, &artifact.config_digest];
        let image: Digest = image.into_iter().find_map(|text| text.parse().ok()).ok_or_else(|| {
            let what = format!("cannot attest `{}`: expected an image's digest, found none", artifact.name);
            unwritten(anyhow!(what))
        })?;
        let place = self.place.as_ref().map(|(reference, reach)| {
            let repository = Repository::open_for_push(reference, reach);
            (format!("{}/{}", reference.registry(), reference.repository()), repository)
        });
        let name = place.as_ref().map_or(artifact.name.as_str(), |(name, _)| name.as_str());
        let mut digests = vec![image];
        if let Some((_, repository)) = &place {
            digests.extend(whole_index(repository, scan, &digests[0])?);
        }
        let statement = Statement {
            subjects: digests.iter().map(|digest| StatementSubject::new(name, digest)).collect(),
            predicate_type: VULN_PREDICATE_TYPE.to_owned(),
        };
        let context = VulnContext {
            parameters: &self.parameters,
            build_url: &self.build.url,
            build_id: &self.build.id,
            builder: self.build.service,
            policy_digest: &self.policy_digest,
        };
        let report = Report { created: Some(&self.instant), ..Report::new(scan) };
        let predicate = cosign_vuln_predicate(&report, &context).map_err(unwritten)?;
        let payload = statement.payload(&predicate);
        let envelope =
            self.envelope(place.as_ref().map(|(_, repository)| repository), &digests[0], payload)?;
        if let Some(file) = &self.output {
            output::write(Some(file), &envelope)
                .map_err(|failure| Failure { exit: Exit::NotStored, ..failure })?;
        }
        if let Some((name, repository)) = &place {
            for digest in &digests {
                let kept =
                    attested::keep(repository, digest, &envelope, VULN_PREDICATE_TYPE, &self.instant, bars);
                let manifest = kept.map_err(unsent)?;
                bars.note(&format!("attested: {} {name}", crate::store::verdict_word(scan)));
                bars.note(&format!("  image  {digest}"));
                bars.note(&format!("  key    {}", self.key.public().id()));
                bars.note(&format!("  in     {manifest}"));
            }
        }
        Ok(())
    }

    /// The signed envelope of a payload; one that is there already, of a key that signs differently each time.
    fn envelope(
        &self,
        repository: Option<&Repository>,
        digest: &Digest,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        if let Some(repository) = repository.filter(|_| self.is_repeatable) {
            let own = [self.key.public()];
            let looked = attested::find(repository, digest, &own).map_err(unsent)?;
            let payload_digest = sha256(&payload);
            if let Some(known) = looked.records.iter().find(|known| known.payload == payload_digest) {
                return known.read(repository).map_err(unsent);
            }
        }
        let envelope = Envelope::sign(STATEMENT_PAYLOAD_TYPE, payload, &self.key).map_err(unwritten)?;
        Ok(envelope.to_json())
    }
}

/// The index that the image was chosen from, where it is alone in it: then what is said of the image is said of all that
/// is in the index.
fn whole_index(repository: &Repository, scan: &Scan, image: &Digest) -> Result<Option<Digest>, Failure> {
    let named = scan.inventory.artifact.repo_digests.iter();
    let index = named
        .filter_map(|name| name.split_once('@')?.1.parse::<Digest>().ok())
        .find(|digest| digest != image);
    let Some(index) = index else { return Ok(None) };
    let (digest, images) = repository.images(index.as_str()).map_err(unsent)?;
    Ok(Some(digest).filter(|_| images.len() == 1 && images[0].digest == *image))
}

/// The digest of what a policy asks: SHA-256 of its rules in their order, with what each does, after how many days, and its
/// condition as it is written; names, reasons and places do not count.
pub(crate) fn policy_digest(policy: &Policy) -> String {
    let mut hash = Sha256::new();
    hash.update(if policy.strict { "strict\n" } else { "lenient\n" });
    for rule in policy.rules() {
        // The length keeps one rule from looking like two.
        let line =
            format!("{} {} {}:{}\n", rule.action.as_str(), rule.after_days, rule.when.len(), rule.when);
        hash.update(line);
    }
    Digest::sha256(&hash.finalize().into()).to_string()
}

/// What was asked of the gate, as flags.
fn parameters(arguments: &GateArgs, settings: &Settings) -> Vec<String> {
    let level = arguments.fail_on.or(settings.fail_on);
    let level = level.map(|level| plimsoll_model::Severity::from(level).as_str().to_ascii_lowercase());
    let mut parameters: Vec<String> = level.map(|level| format!("--fail-on={level}")).into_iter().collect();
    for (flag, is_given) in [
        ("--fail-on-kev", arguments.fail_on_kev || settings.fail_on_kev),
        ("--fail-on-new", arguments.fail_on_new || settings.fail_on_new),
        ("--ignore-unfixed", arguments.ignore_unfixed || settings.ignore_unfixed),
        ("--strict", arguments.strict || settings.strict),
    ] {
        if is_given {
            parameters.push(flag.to_owned());
        }
    }
    parameters.extend(arguments.policy.as_ref().map(|policy| format!("--policy={policy}")));
    parameters
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::sha256(&Sha256::digest(bytes).into())
}

/// What was scanned and could not be attested.
fn unwritten(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::NotStored, error)
}

fn unsent(error: plimsoll_oci::Error) -> Failure {
    oci_failure(error, Exit::NotStored)
}
