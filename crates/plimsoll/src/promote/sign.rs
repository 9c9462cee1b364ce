//! A promotion, signed and kept beside the image where it went.

use anyhow::anyhow;
use plimsoll_attest::{
    Envelope, STATEMENT_PAYLOAD_TYPE, SigningKey, Statement, StatementSubject, read_signing_key,
};
use plimsoll_model::Digest;
use plimsoll_oci::Repository;
use plimsoll_store::Promotion;

use super::args::PromoteArgs;
use crate::attested;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::oci_failure;

/// What a promotion's statement is: its predicate is a [`Promotion`], as in a store.
const PREDICATE_TYPE: &str = "https://github.com/plimsoll-scan/plimsoll/attestation/promotion/v1";

/// Who signs promotions.
pub(super) struct Signer {
    key: SigningKey,
    instant: String,
}

impl Signer {
    /// The key that flags or settings name; `None` where nothing is to be signed.
    pub(super) fn read(
        arguments: &PromoteArgs,
        settings: &Settings,
        environment: &Environment,
        bars: &Bars,
    ) -> Result<Option<Self>, Failure> {
        if !arguments.attest && arguments.sign_key.is_none() {
            return Ok(None);
        }
        let Some(path) = arguments.sign_key.as_ref().or(settings.sign_key.as_ref()) else {
            let what = "cannot attest without a key: expected `--sign-key FILE`, found none";
            return Err(Failure::new(Exit::Usage, anyhow!(what))
                .hint("`plimsoll db keygen --output FILE` makes a pair"));
        };
        let password = environment.cosign_password.as_ref().map(plimsoll_http::Secret::expose);
        let read = read_signing_key(path, password).map_err(attested::failure)?;
        if let Some(warning) = read.warning {
            bars.note(&format!("warning: {warning}"));
        }
        Ok(Some(Self { key: read.key, instant: environment.instant() }))
    }

    /// Signs a promotion, and keeps it beside the image as a referrer and in cosign's layout. Gives who signed, and where.
    pub(super) fn write(
        &self,
        to: &Repository,
        promotion: &Promotion,
        bars: &Bars,
    ) -> Result<String, Failure> {
        let unwritten = |error: anyhow::Error| Failure::new(Exit::NotStored, error);
        let digest: Digest =
            promotion.digest.parse().map_err(|error| unwritten(anyhow::Error::new(error)))?;
        let name = format!("{}/{}", to.reference().registry(), to.reference().repository());
        let statement = Statement {
            subjects: vec![StatementSubject::new(&name, &digest)],
            predicate_type: PREDICATE_TYPE.to_owned(),
        };
        let predicate = serde_json::to_value(promotion).map_err(|error| unwritten(error.into()))?;
        let envelope = Envelope::sign(STATEMENT_PAYLOAD_TYPE, statement.payload(&predicate), &self.key)
            .map_err(|error| unwritten(error.into()))?
            .to_json();
        let kept = attested::keep(to, &digest, &envelope, PREDICATE_TYPE, &self.instant, bars);
        let manifest = kept.map_err(|error| oci_failure(error, Exit::NotStored))?;
        Ok(format!("{} in {manifest}", self.key.public()))
    }
}
