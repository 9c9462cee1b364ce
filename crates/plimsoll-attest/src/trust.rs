//! Whom to believe.

use std::borrow::Cow;

use base64::Engine as _;
use plimsoll_model::Digest;

use crate::{Claim, Error, PublicKey, SIGNATURE_BYTES, SignedClaim};

/// How it is told that there is no signature at all.
pub(crate) const NONE: &str = "no signature";
/// The most characters of a signature in base64.
const MAX_SIGNATURE_CHARS: usize = SIGNATURE_BYTES.div_ceil(3) * 4;

/// Whom to believe: the holders of these keys, or whoever it is.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Vec<PublicKey>,
}

/// What is known of who published something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "says whether a signature was verified at all"]
pub enum Verified {
    /// The holder of this key signed this claim.
    By {
        /// The [`PublicKey::id`].
        key: Digest,
        /// What was signed.
        claim: Claim,
    },
    /// Nobody was to be believed in particular: what was read is what its digests say, whoever made it.
    NotAsked,
}

impl Trust {
    /// Believes whoever it is.
    pub fn anyone() -> Self {
        Self::default()
    }

    /// Believes the holder of any of these keys; without a key, whoever it is.
    pub fn keys(keys: Vec<PublicKey>) -> Self {
        Self { keys }
    }

    /// Whether a signature is wanted.
    pub fn wants_signature(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Looks for a signature that is to be believed, of a claim about this digest. `subject` names what is signed in
    /// errors.
    ///
    /// # Errors
    /// [`Error::Untrusted`] where a key is to be believed and no signature of it is there.
    pub fn check(
        &self,
        digest: &Digest,
        subject: &str,
        signatures: &[SignedClaim],
    ) -> Result<Verified, Error> {
        if !self.wants_signature() {
            return Ok(Verified::NotAsked);
        }
        let mut found = Cow::Borrowed(NONE);
        for signed in signatures {
            let Some(signature) = decode(&signed.signature) else {
                found = Cow::Borrowed("a signature that is no Ed25519 signature in base64");
                continue;
            };
            let Some(key) = self.keys.iter().find(|key| key.verifies(&signed.payload, &signature)) else {
                found = Cow::Borrowed("a signature by another key, or of other bytes");
                continue;
            };
            match Claim::parse(&signed.payload) {
                Ok(claim) if claim.digest == *digest => return Ok(Verified::By { key: key.id(), claim }),
                Ok(claim) => found = format!("its signature of `{}`", claim.digest).into(),
                Err(error) => found = format!("its signature of something else ({error})").into(),
            }
        }
        let ids: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        Err(Error::Untrusted {
            subject: subject.to_owned(),
            digest: digest.to_string(),
            trusted: ids.join(" or "),
            found: found.into_owned(),
        })
    }
}

fn decode(signature: &str) -> Option<Vec<u8>> {
    let signature = signature.trim();
    if signature.len() > MAX_SIGNATURE_CHARS {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(signature).ok()?;
    (bytes.len() == SIGNATURE_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;

    fn digest(hex: &str) -> Digest {
        format!("sha256:{}", hex.repeat(32)).parse().unwrap()
    }

    #[test]
    fn any_of_the_keys_is_believed_about_this_digest_only() {
        let (one, two, three) = (
            PrivateKey::generate().unwrap(),
            PrivateKey::generate().unwrap(),
            PrivateKey::generate().unwrap(),
        );
        let trust = Trust::keys(vec![one.public(), two.public()]);
        let claim = Claim::new("r/db", digest("aa"));
        let good = claim.sign(&two);
        let strange = claim.sign(&three);
        let other = Claim::new("r/db", digest("bb")).sign(&one);
        let mut garbled = good.clone();
        garbled.signature.replace_range(0..2, "!!");
        let mut changed = good.clone();
        changed.payload.push(b' ');
        let mut long = good.clone();
        long.signature = "A".repeat(1 << 20);

        let all = [garbled.clone(), strange.clone(), other.clone(), good.clone()];
        let verified = trust.check(&digest("aa"), "r/db", &all).unwrap();
        assert_eq!(verified, Verified::By { key: two.public().id(), claim });
        for (signatures, found) in [
            (vec![], NONE),
            (vec![strange], "a signature by another key, or of other bytes"),
            (vec![changed], "a signature by another key, or of other bytes"),
            (vec![garbled], "a signature that is no Ed25519 signature in base64"),
            (vec![long], "a signature that is no Ed25519 signature in base64"),
            (vec![other], "its signature of `sha256:bbbb"),
        ] {
            let error = trust.check(&digest("aa"), "r/db", &signatures).unwrap_err();
            assert!(error.to_string().contains(found), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_signed_text_that_is_no_claim_is_not_believed() {
        let key = PrivateKey::generate().unwrap();
        let payload = b"{}".to_vec();
        let signature = base64::engine::general_purpose::STANDARD.encode(key.sign(&payload));
        let signed = SignedClaim { payload, signature };
        let error = Trust::keys(vec![key.public()]).check(&digest("aa"), "r/db", &[signed]).unwrap_err();
        assert!(error.to_string().contains("of something else"), "{error}");
    }

    #[test]
    fn without_a_key_nothing_is_verified_and_that_is_said() {
        assert_eq!(Trust::anyone().check(&digest("aa"), "r/db", &[]).unwrap(), Verified::NotAsked);
        assert!(!Trust::keys(Vec::new()).wants_signature());
    }
}
