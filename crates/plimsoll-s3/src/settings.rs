//! How an endpoint is set up.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The name of the key.
    pub access_key: String,
    /// What requests are signed with; never printed.
    pub secret_key: String,
    /// Whether it may only read.
    pub read_only: bool,
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("access_key", &self.access_key)
            .field("secret_key", &"[redacted]")
            .field("read_only", &self.read_only)
            .finish()
    }
}

/// A line of a credentials' file that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read credentials, line {line}: expected `ACCESS_KEY SECRET_KEY [ro]`, found {found}")]
pub struct BadCredential {
    /// From 1.
    pub line: usize,
    /// Without secrets.
    pub found: &'static str,
}

impl Credential {
    /// Reads lines of `ACCESS_KEY SECRET_KEY [ro]`; empty ones and those that begin with `#` say nothing.
    ///
    /// ```
    /// let found = plimsoll_s3::Credential::parse_lines("# CI\nci 0123456789abcdef\nviewer fedcba9876543210 ro\n")?;
    /// assert_eq!(found.len(), 2);
    /// assert!(found[1].read_only);
    /// # Ok::<(), plimsoll_s3::BadCredential>(())
    /// ```
    ///
    /// # Errors
    /// For the first line that is none, and for a key that stands there twice.
    pub fn parse_lines(text: &str) -> Result<Vec<Credential>, BadCredential> {
        let mut credentials: Vec<Credential> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let bad = |found| BadCredential { line: number + 1, found };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let (access_key, secret_key, read_only) = match words.as_slice() {
                [_] => return Err(bad("one word")),
                [access_key, secret_key] => (*access_key, *secret_key, false),
                [access_key, secret_key, "ro"] => (*access_key, *secret_key, true),
                [_, _, _] => return Err(bad("a third word that is not `ro`")),
                _ => return Err(bad("more than three words")),
            };
            if credentials.iter().any(|other| other.access_key == access_key) {
                return Err(bad("a key that stands there already"));
            }
            credentials.push(Credential {
                access_key: access_key.to_owned(),
                secret_key: secret_key.to_owned(),
                read_only,
            });
        }
        Ok(credentials)
    }
}

/// How an endpoint is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may ask. Nobody at all means everybody, which is for loopback addresses alone.
    pub credentials: Vec<Credential>,
    /// Names of the server, under which buckets are subdomains; `localhost` is one anyway.
    pub domains: Vec<String>,
    /// Whether an upload makes the bucket that it goes to.
    pub create_buckets: bool,
    /// Connections at once.
    pub connections: usize,
    /// Statements of S3 Select at once.
    pub selects: usize,
    /// Threads of one statement.
    pub select_threads: usize,
    /// Longest time that a request's body and an answer may stand still, and that a request's head may take.
    pub idle: Duration,
    /// Longest time that requests may still take once the server is told to stop.
    pub grace: Duration,
    /// The clock, for `UTCNOW()`.
    pub now: fn() -> SystemTime,
}

impl Settings {
    /// The defaults, with a clock.
    pub fn new(now: fn() -> SystemTime) -> Settings {
        Settings {
            credentials: Vec::new(),
            domains: Vec::new(),
            create_buckets: true,
            connections: 256,
            selects: 8,
            select_threads: std::thread::available_parallelism().map_or(1, usize::from).min(8),
            idle: Duration::from_mins(1),
            grace: Duration::from_secs(30),
            now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_never_shown() {
        let found = Credential::parse_lines("\n# all\na s1\n  b\ts2  ro \n").unwrap();
        assert_eq!(found.len(), 2);
        assert!(!found[0].read_only && found[1].read_only);
        assert!(!format!("{found:?}").contains("s1"));
        for (text, line) in [("a", 1), ("a b c", 1), ("a b ro x", 1), ("a b\na c", 2)] {
            assert_eq!(Credential::parse_lines(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
