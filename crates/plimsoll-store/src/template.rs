//! Templates of keys: `{repository}/{tag}_results.json`.

use std::fmt;

use jiff::Timestamp;

use crate::layout::{date_text, time_text};
use crate::{Error, Subject, key};

/// What a placeholder may name.
const PLACEHOLDERS: [(&str, Field); 12] = [
    ("registry", Field::Registry),
    ("repository", Field::Repository),
    ("name", Field::Name),
    ("tag", Field::Tag),
    ("digest", Field::Digest),
    ("short_digest", Field::ShortDigest),
    ("date", Field::Date),
    ("time", Field::Time),
    ("format", Field::Format),
    ("extension", Field::Extension),
    ("verdict", Field::Verdict),
    ("platform", Field::Platform),
];
/// The same, for errors.
const EXPECTED: &str = "a placeholder among {registry}, {repository}, {name}, {tag}, {digest}, {short_digest}, {date}, {time}, \
                        {format}, {extension}, {verdict}, {platform}; `{{` for a brace";
/// What stands for nothing.
const NOTHING: &str = "_";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Registry,
    Repository,
    Name,
    Tag,
    Digest,
    ShortDigest,
    Date,
    Time,
    Format,
    Extension,
    Verdict,
    Platform,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// A key with placeholders, which was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    text: String,
    pieces: Vec<Piece>,
}

/// What placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub struct KeyFields<'a> {
    /// What the result is of.
    pub subject: &'a Subject,
    /// When it was scanned.
    pub time: Timestamp,
    /// The report's format: `json`.
    pub format: &'a str,
    /// How files of this format end: `json`, `txt`.
    pub extension: &'a str,
    /// `passed`, `failed` or `undecided`; empty where nothing was judged.
    pub verdict: &'a str,
}

impl KeyTemplate {
    /// Reads a template. An empty one, and one that ends with `/`, is completed with `{repository}/{tag}_KIND.{extension}`;
    /// `kind` says what it is a key of, `results`, so that no two things of one image have the same.
    ///
    /// # Errors
    /// [`Error::Key`] for a placeholder that is not known, a brace that is not closed, and what can be no key whatever
    /// stands in the placeholders.
    pub fn parse(text: &str, kind: &str) -> Result<Self, Error> {
        let whole = if text.is_empty() || text.ends_with('/') {
            format!("{text}{{repository}}/{{tag}}_{kind}.{{extension}}")
        } else {
            text.to_owned()
        };
        let wrong = |found: String| Error::Key { key: text.to_owned(), expected: EXPECTED, found };
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = whole.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" {
                return Err(wrong("`}` without `{`".to_owned()));
            }
            let (name, behind) = rest.split_once('}').ok_or_else(|| wrong("`{` without `}`".to_owned()))?;
            let found = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
            let (_, field) = found.ok_or_else(|| wrong(format!("`{{{name}}}`")))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Field(*field));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let template = Self { text: text.to_owned(), pieces };
        let subject = Subject::default();
        let fields = KeyFields {
            subject: &subject,
            time: Timestamp::UNIX_EPOCH,
            format: "json",
            extension: "json",
            verdict: "",
        };
        template.fill(&fields)?;
        Ok(template)
    }

    /// Whether it is a key as it stands.
    pub fn is_plain(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// The key. What a name may not have in a key is `-`; what is not known is `_`; a tag that is not known is the
    /// digest's beginning.
    ///
    /// # Errors
    /// [`Error::Key`] where it is too long.
    pub fn fill(&self, fields: &KeyFields<'_>) -> Result<String, Error> {
        let subject = fields.subject;
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut filled = String::new();
        for piece in &self.pieces {
            let value = match piece {
                Piece::Text(text) => {
                    filled.push_str(text);
                    continue;
                }
                Piece::Field(Field::Repository) => {
                    let repository = subject.repository.as_deref().unwrap_or_else(|| subject.short_name());
                    let parts: Vec<String> = repository.split('/').map(readable).collect();
                    filled.push_str(&parts.join("/"));
                    continue;
                }
                Piece::Field(Field::Registry) => some(&subject.registry),
                Piece::Field(Field::Name) => subject.short_name().to_owned(),
                Piece::Field(Field::Tag) => {
                    subject.tag.as_deref().or(subject.short_digest()).unwrap_or_default().to_owned()
                }
                Piece::Field(Field::Digest) => some(&subject.digest).replace(':', "-"),
                Piece::Field(Field::ShortDigest) => subject.short_digest().unwrap_or_default().to_owned(),
                Piece::Field(Field::Date) => date_text(fields.time),
                Piece::Field(Field::Time) => time_text(fields.time),
                Piece::Field(Field::Format) => fields.format.to_owned(),
                Piece::Field(Field::Extension) => fields.extension.to_owned(),
                Piece::Field(Field::Verdict) => fields.verdict.to_owned(),
                Piece::Field(Field::Platform) => some(&subject.platform).replace('/', "-"),
            };
            filled.push_str(&readable(&value));
        }
        key::check(&filled, false)?;
        Ok(filled)
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value as part of a key.
fn readable(value: &str) -> String {
    if value.is_empty() {
        return NOTHING.to_owned();
    }
    // A part that is nothing but dots leads elsewhere.
    let is_dots = value.bytes().all(|byte| byte == b'.');
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@' | '+');
    value.chars().map(|c| if fits(c) && !is_dots { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let mut image = Subject::of("registry.example:5000/team/app:1.2", &[]).with_digest([
            "sha256:0123456789abcdef0123",
            "",
            "",
        ]);
        image.platform = Some("linux/arm64/v8".to_owned());
        let folder = Subject::of("dir:/srv/my app", &[]);
        let evil = Subject {
            repository: Some("../../etc".to_owned()),
            tag: Some("..".to_owned()),
            ..Subject::default()
        };
        for (template, subject, expected) in [
            ("", &image, "team/app/1.2_results.json"),
            ("scans/", &image, "scans/team/app/1.2_results.json"),
            ("{repository}/{tag}_results.json", &image, "team/app/1.2_results.json"),
            ("{registry}/{name}-{short_digest}", &image, "registry.example:5000/app-0123456789ab"),
            ("{digest}.{extension}", &image, "sha256-0123456789abcdef0123.json"),
            ("{date}/{time}/{format}/{verdict}", &image, "2026-11-22/20261122T164404Z/json/failed"),
            ("{platform}/a", &image, "linux-arm64-v8/a"),
            ("{{tag}}-{tag}", &image, "{tag}-1.2"),
            ("fixed.json", &image, "fixed.json"),
            ("{repository}/{tag}/{registry}", &folder, "my-app/_/_"),
            ("{repository}/{tag}", &evil, "--/--/etc/--"),
        ] {
            let template = KeyTemplate::parse(template, "results").unwrap();
            let fields = KeyFields {
                subject,
                time: "2026-11-22T16:44:04Z".parse().unwrap(),
                format: "json",
                extension: "json",
                verdict: "failed",
            };
            assert_eq!(template.fill(&fields).unwrap(), expected, "{template}");
        }
        assert!(KeyTemplate::parse("a/b.json", "sbom").unwrap().is_plain());
    }

    #[test]
    fn what_is_no_template_is_told_before_it_is_used() {
        for (template, part) in [
            ("{image}.json", "found `{image}`"),
            ("{tag", "found `{` without `}`"),
            ("tag}", "found `}` without `{`"),
            ("{}", "found `{}`"),
            ("../{tag}", "found `..`"),
            ("a//{tag}", "found an empty one"),
            ("a\u{7}", "control"),
            (&"a".repeat(2000), "found 2000"),
        ] {
            let error = KeyTemplate::parse(template, "results").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
