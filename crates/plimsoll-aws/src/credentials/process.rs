//! Keys of a program: `credential_process`.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider".

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Answer, Error, Keys};

/// The most that a program may write, in bytes.
const MAX_OUTPUT_BYTES: u64 = 256 << 10;
/// The most of its complaint that is told, in characters.
const MAX_COMPLAINT_CHARS: usize = 200;
/// How long it may take: it may ask a person.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Versioned {
    #[serde(rename = "Version")]
    version: u32,
}

/// Runs the program of a profile.
pub(super) fn keys(command: &str) -> Result<Keys, Error> {
    let words = words(command);
    let program = words.first().cloned().unwrap_or_default();
    let wrong = |expected, found: String| Error::Program { program: program.clone(), expected, found };
    if program.is_empty() {
        return Err(wrong("`credential_process` to name a program", "none".to_owned()));
    }
    let mut child = Command::new(&program)
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| wrong("a program that runs", error.to_string()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (output, complaint, status) = std::thread::scope(|scope| {
        let output = scope.spawn(move || bounded(stdout));
        let complaint = scope.spawn(move || bounded(stderr));
        let started = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Ok(None) => {
                    // Best effort: what is reported is that it took too long.
                    let _ = child.kill();
                    let _ = child.wait();
                    break Err(format!("none after {} s", PATIENCE.as_secs()));
                }
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error.to_string()),
            }
        };
        // A thread that panicked has read nothing.
        (output.join().unwrap_or_default(), complaint.join().unwrap_or_default(), status)
    });
    let status = status.map_err(|found| wrong("an answer", found))?;
    if !status.success() {
        let complaint: String =
            String::from_utf8_lossy(&complaint).trim().chars().take(MAX_COMPLAINT_CHARS).collect();
        let found = if complaint.is_empty() { status.to_string() } else { format!("{status}: {complaint}") };
        return Err(wrong("it to end with 0", found));
    }
    let versioned: Result<Versioned, _> = serde_json::from_slice(&output);
    match versioned {
        Ok(Versioned { version: 1 }) => {}
        Ok(Versioned { version }) => return Err(wrong("`Version` 1", format!("{version}"))),
        Err(_) => {
            return Err(wrong(
                "JSON with `Version`, `AccessKeyId` and `SecretAccessKey`",
                "other text".to_owned(),
            ));
        }
    }
    Answer::parse(&output).map_err(|found| wrong("keys", found))
}

/// What a program writes, up to a bound: what is longer is no keys.
fn bounded(pipe: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let mut pipe = pipe.take(MAX_OUTPUT_BYTES);
        #[expect(clippy::disallowed_methods, reason = "behind `take`")]
        // What was read before an error is judged by its own.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// Words of a command line: blanks separate, quotes and `\` keep together.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None) => word.extend(chars.next()),
            ('\\', Some('"')) => match chars.next() {
                Some(next @ ('"' | '\\')) => word.push(next),
                next => {
                    word.push('\\');
                    word.extend(next);
                }
            },
            (c, Some(end)) if c == end => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
                continue;
            }
            (c, _) => word.push(c),
        }
        is_word = true;
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Splits a command line, for fuzzing: no word comes from nowhere.
pub(crate) fn fuzz_words(text: &str) {
    let length: usize = words(text).iter().map(String::len).sum();
    assert!(length <= text.len(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_together_as_a_shell_does() {
        for (command, expected) in [
            ("", &[][..]),
            ("a  b\tc", &["a", "b", "c"]),
            (
                r#"/opt/my\ tool "with space" 'and "this"' """#,
                &["/opt/my tool", "with space", "and \"this\"", ""],
            ),
            (r#"a "b\"c\d""#, &["a", "b\"c\\d"]),
        ] {
            assert_eq!(words(command), expected, "{command}");
        }
    }

    #[test]
    fn a_program_gives_keys_or_is_told_what_it_did() {
        let said = |json: &str| keys(&format!("sh -c 'printf %s \"$0\"' '{json}'"));
        let keys = said(
            r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T",
            "Expiration": "2026-01-01T00:00:00Z"}"#,
        );
        let keys = keys.unwrap();
        assert_eq!((keys.credential.key_id.as_str(), keys.credential.token.as_deref()), ("A", Some("T")));
        assert_eq!(keys.ends.unwrap().to_string(), "2026-01-01T00:00:00Z");
        for (command, part) in [
            ("", "expected `credential_process` to name a program"),
            ("plimsoll-no-such-program", "expected a program that runs"),
            ("sh -c 'echo no entry >&2; exit 3'", "found exit status: 3: no entry"),
            ("echo hello", "found other text"),
            (r#"echo '{"Version": 2}'"#, "expected `Version` 1, found 2"),
            (r#"echo '{"Version": 1, "AccessKeyId": "A"}'"#, "expected keys, found no such keys"),
        ] {
            let error = super::keys(command).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = said(r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hun ter2"}"#).map(|_| ());
        assert!(!error.unwrap_err().to_string().contains("ter2"));
    }
}
