//! Keys for a login with AWS SSO (IAM Identity Center), whose token the AWS CLI keeps.
//!
//! Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center credential provider"; API Reference of the portal,
//! `GetRoleCredentials`.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plimsoll_http::{Request, encode, read_up_to};
use serde::Deserialize;
use sha1::{Digest as _, Sha1};

use super::{Error, Keys, MAX_ANSWER_BYTES, Places, Secretly, ask, now};
use crate::profile::Profile;
use crate::service::suffix;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    access_token: Secretly,
    expires_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleAnswer {
    role_credentials: RoleKeys,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleKeys {
    access_key_id: Secretly,
    secret_access_key: Secretly,
    session_token: Secretly,
    /// Milliseconds since 1970.
    expiration: i64,
}

impl Places {
    pub(super) fn of_login(&self, name: &str, profile: &Profile) -> Result<Keys, Error> {
        let unusable =
            |expected, found: String| Error::Unusable { profile: name.to_owned(), expected, found };
        let session = profile.get("sso_session");
        let section = match session {
            None => profile,
            Some(session) => self
                .profiles
                .sso_session(session)
                .ok_or_else(|| unusable("its `[sso-session]`", format!("none named `{session}`")))?,
        };
        let needed = |from: &Profile, key: &'static str, expected| {
            from.get(key).map(str::to_owned).ok_or_else(|| unusable(expected, "none".to_owned()))
        };
        let start_url = needed(section, "sso_start_url", "`sso_start_url`")?;
        let region = needed(section, "sso_region", "`sso_region`")?;
        let account = needed(profile, "sso_account_id", "`sso_account_id`")?;
        let role = needed(profile, "sso_role_name", "`sso_role_name`")?;
        if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(unusable("a region as `sso_region`", format!("`{region}`")));
        }
        let token = self.token(session.unwrap_or(&start_url))?;
        let suffix = suffix(&region);
        let portal = self.profiles.endpoint("SSO", &self.variables).map_or_else(
            || format!("https://portal.sso.{region}.{suffix}"),
            |url| url.trim_end_matches('/').into(),
        );
        let address = format!("{portal}/federation/credentials");
        let url = format!("{address}?account_id={}&role_name={}", encode(&account), encode(&role));
        let request = Request::get().secret("x-amz-sso_bearer_token", token.0);
        let (status, body) = ask(&self.outside, &url, &request)?;
        let wrong = |found: String| Error::Service { address: address.clone(), expected: "keys", found };
        match status {
            200 => {}
            401 => {
                let session = session.unwrap_or(&start_url).to_owned();
                return Err(Error::Login {
                    session,
                    found: "the portal does not take it any more".to_owned(),
                });
            }
            _ => return Err(wrong(format!("status {status}"))),
        }
        let keys: RoleAnswer =
            serde_json::from_slice(&body).map_err(|error| wrong(format!("none at line {}", error.line())))?;
        let keys = keys.role_credentials;
        let ends = Timestamp::from_millisecond(keys.expiration).map_err(|error| wrong(error.to_string()))?;
        let token = keys.session_token.0.expose();
        Keys::new(keys.access_key_id.0.expose(), keys.secret_access_key.0.expose(), Some(token), Some(ends))
            .map_err(wrong)
    }

    /// The token of a login, which the AWS CLI keeps under the hash of the session's name, or of its portal's address.
    fn token(&self, session: &str) -> Result<Secretly, Error> {
        let login = |found: String| Error::Login { session: session.to_owned(), found };
        let home = self.variables.get("HOME").ok_or_else(|| login("found no home folder".to_owned()))?;
        let hash = Sha1::digest(session.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let path: PathBuf = Path::new(home).join(".aws/sso/cache").join(format!("{hash}.json"));
        let bytes = match File::open(&path).and_then(|file| read_up_to(file, MAX_ANSWER_BYTES)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(login("nobody has logged in".to_owned()));
            }
            read => read.map_err(|source| Error::File { path, source })?,
        };
        let token: Token = serde_json::from_slice(&bytes)
            .map_err(|error| login(format!("expected a token, found none at line {}", error.line())))?;
        // Older ones write `2026-01-01T00:00:00UTC`.
        let ends = token.expires_at.replace("UTC", "Z").parse::<Timestamp>();
        let ends = ends.map_err(|_| login("expected when it ends, found no instant".to_owned()))?;
        if ends <= now() {
            return Err(login(format!("it ended at {ends}")));
        }
        if !token.access_token.0.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(login("expected a token, found other text".to_owned()));
        }
        Ok(token.access_token)
    }
}
