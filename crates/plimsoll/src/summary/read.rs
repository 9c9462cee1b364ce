//! Reports read as streams: ours and Trivy's, and arrays of results as older ones of Trivy's are.

use std::fmt;
use std::io::{self, BufReader, Read};

use anyhow::anyhow;
use plimsoll_model::Severity;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Counts, Summary, Verdict, WORDS};
use crate::exit::{Exit, Failure};

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// Most results of one report. An image has some hundred.
const MAX_TARGETS: usize = 1_000_000;

/// Longest text in a report. Descriptions have some ten thousand bytes.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// Deepest nesting of a report. Trivy's are about ten deep.
const MAX_DEPTH: usize = 512;

/// Refuses JSON whose texts or depth would be held in memory without bound. What is no JSON is left to the parser.
struct Bounded<R> {
    inner: R,
    /// Bytes of the text that is open, with its first quote.
    text: Option<usize>,
    /// The next byte belongs to an escape.
    escaped: bool,
    depth: usize,
}

impl<R: Read> Bounded<R> {
    fn new(inner: R) -> Self {
        Self { inner, text: None, escaped: false, depth: 0 }
    }

    fn look(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        while let Some((first, behind)) = rest.split_first() {
            if let Some(length) = &mut self.text {
                // Up to the next quote or escape, most of a report's bytes.
                let plain = usize::from(std::mem::take(&mut self.escaped));
                let found = memchr::memchr2(b'"', b'\\', &rest[plain..]);
                let end = found.map_or(rest.len(), |at| plain + at + 1);
                *length += end;
                if *length > MAX_TEXT_BYTES {
                    return Err(format!(
                        "expected texts of at most {MAX_TEXT_BYTES} bytes, found a longer one"
                    ));
                }
                if found.is_some() {
                    self.escaped = rest[end - 1] == b'\\';
                    if !self.escaped {
                        self.text = None;
                    }
                }
                rest = &rest[end..];
                continue;
            }
            match first {
                b'"' => self.text = Some(1),
                b'[' | b'{' => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(format!("expected at most {MAX_DEPTH} levels of nesting, found more"));
                    }
                }
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            rest = behind;
        }
        Ok(())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.look(&buffer[..length]).map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what))?;
        Ok(length)
    }
}

/// Reads a report to its end.
pub(super) fn read(reader: impl Read, source: &str) -> Result<Summary, Failure> {
    let mut summary = Summary { source: source.to_owned(), ..Summary::default() };
    let mut deserializer =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, Bounded::new(reader)));
    let read = Top { summary: &mut summary, nested: false }
        .deserialize(&mut deserializer)
        .and_then(|is_report| deserializer.end().map(|()| is_report));
    match read {
        Ok(true) => Ok(summary),
        Ok(false) => {
            let what = "expected a JSON report of `plimsoll scan` or of Trivy, found other JSON";
            Err(Failure::new(Exit::Usage, anyhow!("cannot read the report `{source}`: {what}")))
        }
        Err(error) => {
            let exit = if error.is_io() { Exit::CouldNotScan } else { Exit::Usage };
            let what = format!("cannot read the report `{source}`");
            Err(Failure::new(exit, anyhow::Error::new(error).context(what)))
        }
    }
}

/// A report, a result, or an array of either; says whether it is one of them.
struct Top<'s> {
    summary: &'s mut Summary,
    /// Within an array, where no further one may stand.
    nested: bool,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        if self.nested {
            return Err(de::Error::custom("expected results of a scan, found an array of arrays"));
        }
        let mut all = true;
        while let Some(is_report) =
            items.next_element_seed(Top { summary: &mut *self.summary, nested: true })?
        {
            all &= is_report;
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let summary = self.summary;
        let mut is_report = false;
        let mut target: Option<String> = None;
        let mut counts: Option<Counts> = None;
        while let Some(key) = members.next_key::<Key>()? {
            match key {
                Key::SchemaVersion => {
                    members.next_value::<IgnoredAny>()?;
                    is_report = true;
                }
                Key::ArtifactName => {
                    let name: Option<String> = members.next_value()?;
                    is_report = true;
                    if summary.artifact.is_empty() {
                        summary.artifact = name.unwrap_or_default();
                    }
                }
                // What S3 Select makes of a report that is an array.
                Key::Results => {
                    let top = Top { summary: &mut *summary, nested: false };
                    is_report |= members.next_value_seed(Nullable(top))?.unwrap_or(true);
                }
                Key::Plimsoll => {
                    let own: Option<Own> = members.next_value()?;
                    let verdict = own.and_then(|own| own.verdict).and_then(|verdict| verdict.0);
                    // Of several reports the worst one counts.
                    summary.verdict = summary.verdict.max(verdict);
                }
                Key::Target => target = Some(members.next_value::<Option<String>>()?.unwrap_or_default()),
                Key::Vulnerabilities => {
                    counts = Some(
                        members
                            .next_value::<Option<Counted>>()?
                            .map_or_else(Counts::default, |counted| counted.0),
                    );
                }
                Key::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if target.is_none() && counts.is_none() {
            return Ok(is_report);
        }
        let counts = counts.unwrap_or_default();
        summary.counts.add(&counts);
        if summary.targets.len() >= MAX_TARGETS {
            return Err(de::Error::custom(format!("expected at most {MAX_TARGETS} results, found more")));
        }
        summary.targets.push((target.unwrap_or_default(), counts));
        Ok(true)
    }
}

/// What may be null.
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("results")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

#[derive(Deserialize)]
enum Key {
    SchemaVersion,
    ArtifactName,
    #[serde(alias = "_1")]
    Results,
    Plimsoll,
    Target,
    Vulnerabilities,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Own {
    #[serde(rename = "Verdict")]
    verdict: Option<VerdictWord>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(rename = "Severity")]
    severity: Option<SeverityWord>,
    #[serde(rename = "FixedVersion")]
    fixed: Option<NotEmpty>,
    #[serde(rename = "Plimsoll")]
    own: Option<OwnOfFinding>,
}

#[derive(Deserialize)]
struct OwnOfFinding {
    #[serde(rename = "KnownExploited")]
    known_exploited: Option<IgnoredAny>,
}

/// Findings of a result, counted as they come.
struct Counted(Counts);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Counted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of findings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Counted, A::Error> {
                let mut counts = Counts::default();
                while let Some(vulnerability) = items.next_element::<Vulnerability>()? {
                    let severity = vulnerability.severity.map_or(Severity::Unknown, |word| word.0);
                    let place = WORDS.iter().position(|word| *word == severity).unwrap_or(0);
                    counts.by_word[place] += 1;
                    counts.fixable += u64::from(vulnerability.fixed.is_some_and(|fixed| fixed.0));
                    let exploited = vulnerability.own.is_some_and(|own| own.known_exploited.is_some());
                    counts.exploited += u64::from(exploited);
                }
                Ok(Counted(counts))
            }
        }
        deserializer.deserialize_seq(Count)
    }
}

/// Makes a type of what a text says, without keeping the text.
macro_rules! from_text {
    ($name:ident, $value:ty, $text:ident => $read:expr) => {
        struct $name($value);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a text")
                    }

                    fn visit_str<E: de::Error>(self, $text: &str) -> Result<$name, E> {
                        Ok($name($read))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

from_text!(NotEmpty, bool, text => !text.is_empty());
// Trivy knows no `NEGLIGIBLE`; a word that is not known is no severity.
from_text!(SeverityWord, Severity, text => match text.parse() {
    Ok(Severity::Negligible) => Severity::Low,
    Ok(severity) => severity,
    Err(_) => Severity::Unknown,
});
from_text!(VerdictWord, Option<Verdict>, text => match text {
    "passed" => Some(Verdict::Passed),
    "undecided" => Some(Verdict::Undecided),
    "failed" => Some(Verdict::Failed),
    _ => None,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Result<(String, [u64; 5], u64, u64, usize), String> {
        let summary = read(text.as_bytes(), "r").map_err(|failure| failure.to_string())?;
        let Counts { by_word, fixable, exploited } = summary.counts;
        Ok((summary.artifact, by_word, fixable, exploited, summary.targets.len()))
    }

    #[test]
    fn reports_of_all_forms_are_counted() {
        let result = r#"{"Target": "a", "Vulnerabilities": [{"Severity": "HIGH", "FixedVersion": "1", "Title": {"x": [1]}}, {"Severity": "HIGH", "FixedVersion": ""},
            {"Severity": "CRITICAL", "Plimsoll": {"KnownExploited": {"Name": "n"}}}, {"Severity": "NEGLIGIBLE"}, {}, {"Severity": "odd"}]}"#;
        let counts = [2, 1, 0, 2, 1];
        for (text, artifact, times, targets) in [
            (
                format!(
                    r#"{{"SchemaVersion": 2, "ArtifactName": "app", "Results": [{result}, {{"Target": "b"}}]}}"#
                ),
                "app",
                1,
                2,
            ),
            (format!("[{result}]"), "", 1, 1),
            (format!("{{\"_1\": [{result}]}}"), "", 1, 1),
            (
                format!(
                    r#"[{{"ArtifactName": "one", "Results": [{result}]}}, {{"ArtifactName": "two", "Results": [{result}]}}]"#
                ),
                "one",
                2,
                2,
            ),
            (r#"{"SchemaVersion": 2, "Results": null}"#.to_owned(), "", 0, 0),
            (r#"[{"Target": "x", "Vulnerabilities": null}]"#.to_owned(), "", 0, 1),
            ("[]".to_owned(), "", 0, 0),
        ] {
            let expected = (artifact.to_owned(), counts.map(|count| count * times), times, times, targets);
            assert_eq!(counted(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn the_worst_verdict_counts() {
        let text = r#"[{"ArtifactName": "a", "Plimsoll": {"Verdict": "failed"}}, {"ArtifactName": "b", "Plimsoll": {"Verdict": "passed", "Rules": []}}]"#;
        assert_eq!(read(text.as_bytes(), "r").unwrap().verdict, Some(Verdict::Failed));
        let text = r#"{"SchemaVersion": 2, "Plimsoll": {"Verdict": "$(reboot)"}}"#;
        assert_eq!(read(text.as_bytes(), "r").unwrap().verdict, None);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for (text, expected) in [
            ("", "EOF"),
            ("<html>", "expected value"),
            ("{\"SchemaVersion\": 2, \"Results\": [", "EOF"),
            ("{}", "found other JSON"),
            ("{\"bomFormat\": \"CycloneDX\"}", "found other JSON"),
            ("[{\"Target\": \"a\"}, {\"id\": 1}]", "found other JSON"),
            ("7", "expected a report"),
            ("[[{\"Target\": \"a\"}]]", "array of arrays"),
            ("{\"Results\": [[]]}", "array of arrays"),
            (
                "{\"Results\": [{\"Target\": \"a\", \"Vulnerabilities\": {}}]}",
                "expected an array of findings",
            ),
            ("{\"SchemaVersion\": 2} {}", "trailing"),
        ] {
            let error = counted(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = |levels: usize| "{\"SchemaVersion\": ".to_owned() + &"[".repeat(levels);
        assert!(counted(&deep(MAX_DEPTH - 1)).unwrap_err().contains("EOF"));
        assert!(counted(&deep(MAX_DEPTH)).unwrap_err().contains("levels of nesting, found more"));
        // Brackets within texts are no levels, and quotes in them end no text.
        let text = format!("{{\"SchemaVersion\": 2, \"x\": \"{}\"}}", "\\\"[".repeat(MAX_DEPTH + 1));
        assert!(counted(&text).is_ok());
    }

    #[test]
    fn texts_have_an_end() {
        for (begin, end) in
            [("{\"SchemaVersion\": 2, \"ArtifactName\": \"", "\"}"), ("{\"SchemaVersion\": 2, \"", "\": 1}")]
        {
            let endless = begin.as_bytes().chain(io::repeat(b'x'));
            let error = read(endless, "r").unwrap_err().to_string();
            assert!(error.contains("found a longer one"), "{error}");
            let long = begin.to_owned() + &"x".repeat(100_000) + end;
            assert!(counted(&long).is_ok());
        }
    }
}
