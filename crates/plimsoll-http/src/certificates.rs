//! Which certificates are trusted, and what is wrong with one that is not.

use std::path::Path;
use std::sync::Arc;

use rustls::CertificateError;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::{Error, Options, read_up_to};

/// The most bytes of a file with certificates.
const MAX_CERTIFICATES_BYTES: u64 = 16 << 20;

/// TLS with the certificates that the options trust.
pub(crate) fn tls(options: &Options) -> Result<TlsConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(TlsConfig::builder().root_certs(roots(options)?).unversioned_rustls_crypto_provider(provider).build())
}

/// The system's certificates and the user's own. Where there are neither, as in an image without a bundle, those that
/// Mozilla trusted when this program was built.
fn roots(options: &Options) -> Result<RootCerts, Error> {
    let named = options.system_certificates_file.is_some() || options.system_certificates_folder.is_some();
    let system = if named {
        rustls_native_certs::load_certs_from_paths(
            options.system_certificates_file.as_deref(),
            options.system_certificates_folder.as_deref(),
        )
    } else {
        rustls_native_certs::load_native_certs()
    };
    if named && system.certs.is_empty() {
        let place = options.system_certificates_file.as_ref().or(options.system_certificates_folder.as_ref());
        return Err(Error::Certificates {
            place: place.map(|place| place.display().to_string()).unwrap_or_default(),
            found: system.errors.first().map_or_else(|| "none".to_owned(), ToString::to_string),
        });
    }
    let mut certificates: Vec<Certificate<'static>> =
        system.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    for path in &options.ca_certificates {
        certificates.extend(own_certificates(path)?);
    }
    if certificates.is_empty() { Ok(RootCerts::WebPki) } else { Ok(RootCerts::new_with_certs(&certificates)) }
}

fn own_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let bad = |found: String| Error::Certificates { place: path.display().to_string(), found };
    let pem = std::fs::File::open(path)
        .and_then(|file| read_up_to(file, MAX_CERTIFICATES_BYTES))
        .map_err(|error| bad(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(bad(error.to_string()))),
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(bad("none".to_owned())) } else { Ok(certificates) }
}

/// What is wrong with a certificate, in words; `None` for another failure of TLS.
pub(crate) fn complaint(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(error) = error else { return None };
    Some(match error {
        CertificateError::UnknownIssuer => "one of an unknown authority",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "one that has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "one that is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "one for another name"
        }
        CertificateError::Revoked => "one that was revoked",
        _ => "one that cannot be verified",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_cannot_be_read_are_named() {
        let options = Options { ca_certificates: vec!["/nowhere/ca.pem".into()], ..Options::default() };
        let error = tls(&options).unwrap_err();
        assert!(error.to_string().starts_with("cannot read certificates from `/nowhere/ca.pem`"), "{error}");
        let options =
            Options { system_certificates_file: Some("/nowhere/bundle.pem".into()), ..Options::default() };
        assert!(tls(&options).is_err());
    }

    #[test]
    fn complaints_are_told_apart() {
        for (error, expected) in [
            (CertificateError::UnknownIssuer.into(), Some("one of an unknown authority")),
            (CertificateError::Expired.into(), Some("one that has expired")),
            (CertificateError::NotValidForName.into(), Some("one for another name")),
            (CertificateError::BadSignature.into(), Some("one that cannot be verified")),
            (rustls::Error::DecryptError, None),
        ] {
            assert_eq!(complaint(&error), expected, "{error}");
        }
    }
}
