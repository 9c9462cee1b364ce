//! What happens after a phase has failed.

use regex::Regex;

/// Most retries that may be asked for.
pub const MAX_RETRIES: u32 = 100;
/// Retries where no number is given.
const DEFAULT_RETRIES: u32 = 3;
/// Largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// `on-failure` of a phase.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference*, `phases/*/on-failure`.
#[derive(Clone, Debug, Default)]
pub enum OnFailure {
    /// Nothing is said: the transitions of build phases hold.
    #[default]
    Transition,
    /// `ABORT`: the build ends.
    Abort,
    /// `CONTINUE`: the next phase runs.
    Continue,
    /// `RETRY`, `RETRY-count`, `RETRY-regex`, `RETRY-count-regex`: the phase runs again if the message matches; after
    /// the last time the transitions of build phases hold.
    Retry {
        /// How often, from 0 to [`MAX_RETRIES`].
        count: u32,
        /// What the message has to match. None is `.*`.
        pattern: Option<Regex>,
    },
}

impl OnFailure {
    /// Reads the word; letter case does not matter, as in AWS's own examples.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        match upper.as_str() {
            "ABORT" => return Ok(Self::Abort),
            "CONTINUE" => return Ok(Self::Continue),
            "RETRY" => return Ok(Self::Retry { count: DEFAULT_RETRIES, pattern: None }),
            _ => {}
        }
        let Some(rest) = upper.starts_with("RETRY-").then(|| &text["RETRY-".len()..]) else {
            let forms = "`ABORT`, `CONTINUE`, `RETRY`, `RETRY-count`, `RETRY-regex` or `RETRY-count-regex`";
            return Err(format!("expected {forms}, found `{text}`"));
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, pattern) = match rest[digits..].strip_prefix('-') {
            _ if digits == 0 => (None, Some(rest)),
            Some(pattern) => (Some(&rest[..digits]), Some(pattern)),
            None if digits == rest.len() => (Some(rest), None),
            None => (None, Some(rest)),
        };
        let count = match count.map(str::parse) {
            None => DEFAULT_RETRIES,
            Some(Ok(count)) if count <= MAX_RETRIES => count,
            Some(_) => return Err(format!("expected a count from 0 to {MAX_RETRIES}, found `{text}`")),
        };
        let pattern = match pattern {
            None => None,
            Some(pattern) => {
                let built = regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build();
                Some(built.map_err(|_| format!("expected a regular expression, found `{pattern}`"))?)
            }
        };
        Ok(Self::Retry { count, pattern })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match OnFailure::parse(text) {
            Ok(OnFailure::Retry { count, pattern }) => {
                format!("{count} {}", pattern.map_or("-".to_owned(), |pattern| pattern.to_string()))
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, expected) in [
            ("ABORT", "Abort"),
            ("continue", "Continue"),
            ("RETRY", "3 -"),
            ("RETRY-0", "0 -"),
            ("RETRY-100", "100 -"),
            ("RETRY-invalid+", "3 invalid+"),
            ("Retry-.*Error: Unable to connect.*", "3 .*Error: Unable to connect.*"),
            ("RETRY-3-.*timed out.*", "3 .*timed out.*"),
            ("RETRY-404", "expected a count from 0 to 100, found `RETRY-404`"),
            ("RETRY-404 not found", "3 404 not found"),
            ("RETRY-(", "expected a regular expression, found `(`"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "STOP", "RETRYING", "RETRY-99999999999"] {
            assert!(OnFailure::parse(text).is_err(), "{text}");
        }
    }
}
