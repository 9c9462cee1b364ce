//! Secrets masked in a stream of bytes, wherever reads cut it.

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Shortest line of a secret of several lines that is masked alone, in bytes.
const MIN_LINE_BYTES: usize = 8;
/// First letters of an AWS access key's ID.
const KEY_ID_PREFIXES: [&[u8]; 2] = [b"AKIA", b"ASIA"];
/// Length of an AWS access key's ID, in bytes.
const KEY_ID_BYTES: usize = 20;

/// Replaces secrets, and the IDs of AWS access keys, by [`MASK`].
///
/// What may be the beginning of a secret is held back until it is decided. A secret that a command has changed, in
/// base64 for one, is not recognised: CodeBuild does not either.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference*, `env`.
pub struct Masker {
    /// Longest first, so that the longest that fits is taken.
    secrets: Vec<Vec<u8>>,
    starts: [bool; 256],
    held: Vec<u8>,
}

enum Match {
    Whole(usize),
    Begun,
    No,
}

impl Masker {
    /// A masker of these secrets; empty ones are left out. Of a secret of several lines each longer line is masked too.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            all.push(secret.into());
            all.push(secret.trim_end().into());
            if secret.trim_end().contains('\n') {
                let lines = secret.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE_BYTES);
                all.extend(lines.map(Vec::from));
            }
        }
        all.retain(|secret| !secret.trim_ascii().is_empty());
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        let mut starts = [false; 256];
        for secret in &all {
            starts[usize::from(secret[0])] = true;
        }
        starts[usize::from(b'A')] = true;
        Self { secrets: all, starts, held: Vec::new() }
    }

    /// Masks a text that is complete.
    pub fn mask(&self, text: &str) -> String {
        let mut bytes = Vec::new();
        self.scan(text.as_bytes(), true, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Takes the next bytes and gives what is decided.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let done = if self.held.is_empty() {
            self.scan(bytes, false, &mut out)
        } else {
            self.held.extend_from_slice(bytes);
            let held = std::mem::take(&mut self.held);
            let done = self.scan(&held, false, &mut out);
            self.held = held[done..].to_vec();
            return out;
        };
        self.held.extend_from_slice(&bytes[done..]);
        out
    }

    /// Gives what was held back: nothing follows.
    pub fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let mut out = Vec::with_capacity(held.len());
        self.scan(&held, true, &mut out);
        out
    }

    /// Masks what is decided into `out`; answers how many bytes that was.
    fn scan(&self, bytes: &[u8], is_end: bool, out: &mut Vec<u8>) -> usize {
        let mut copied = 0;
        let mut at = 0;
        while at < bytes.len() {
            if !self.starts[usize::from(bytes[at])] {
                at += 1;
                continue;
            }
            match self.matches(&bytes[at..], is_end) {
                Match::No => at += 1,
                Match::Whole(length) => {
                    out.extend_from_slice(&bytes[copied..at]);
                    out.extend_from_slice(MASK.as_bytes());
                    at += length;
                    copied = at;
                }
                Match::Begun => {
                    out.extend_from_slice(&bytes[copied..at]);
                    return at;
                }
            }
        }
        out.extend_from_slice(&bytes[copied..]);
        bytes.len()
    }

    fn matches(&self, bytes: &[u8], is_end: bool) -> Match {
        for secret in &self.secrets {
            if bytes.starts_with(secret) {
                return Match::Whole(secret.len());
            }
            if !is_end && bytes.len() < secret.len() && secret.starts_with(bytes) {
                return Match::Begun;
            }
        }
        key_id(bytes, is_end)
    }
}

fn key_id(bytes: &[u8], is_end: bool) -> Match {
    let begun = &bytes[..bytes.len().min(KEY_ID_BYTES)];
    let head = begun.len().min(4);
    let fits = KEY_ID_PREFIXES.iter().any(|prefix| prefix.starts_with(&begun[..head]))
        && begun[head..].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    match begun.len() {
        _ if !fits => Match::No,
        KEY_ID_BYTES => Match::Whole(KEY_ID_BYTES),
        _ if is_end => Match::No,
        _ => Match::Begun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(secrets: &[&str], text: &str, size: usize) -> String {
        let mut masker = Masker::new(secrets.iter().copied());
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            out.extend(masker.push(piece));
        }
        out.extend(masker.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_is_masked_however_reads_cut_it() {
        let secrets = ["hunter2", "hunter2-long", "ünïcödé", "two\nlines-of-it\n"];
        for (text, expected) in [
            ("the password is hunter2.", "the password is ***."),
            ("hunter2-long hunter2-lo hunter", "*** ***-lo hunter"),
            ("huhunter2hunter2", "hu******"),
            ("x ünïcödé y", "x *** y"),
            ("two\nlines-of-it\n!", "***!"),
            ("  lines-of-it", "  ***"),
            ("AKIAIOSFODNN7EXAMPLE AKIA AKIAx", "*** AKIA AKIAx"),
            ("aHVudGVyMg==", "aHVudGVyMg=="),
            ("", ""),
        ] {
            for size in 1..text.len().max(2) {
                assert_eq!(in_pieces(&secrets, text, size), expected, "{size}");
            }
            assert_eq!(Masker::new(secrets).mask(text), expected);
        }
    }

    #[test]
    fn nothing_is_held_back_that_begins_no_secret() {
        let mut masker = Masker::new(["secret"]);
        assert_eq!(masker.push(b"prompt: "), b"prompt: ");
        assert_eq!(masker.push(b"sec"), b"");
        assert_eq!(masker.push(b"ond"), b"second");
    }

    #[test]
    fn empty_secrets_mask_nothing() {
        assert_eq!(in_pieces(&["", "\n"], "a\nb", 1), "a\nb");
        assert_eq!(in_pieces(&[""], "a b", 1), "a b");
    }
}
