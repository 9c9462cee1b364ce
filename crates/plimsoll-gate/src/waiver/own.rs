//! Waivers of our own form.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use toml::Spanned;
use toml::de::DeValue;

use super::scope::PurlPattern;
use super::{Reason, Scope, Waiver};
use crate::input::{Entry, Input, InputError, listed, nearest, place, quoted};
use crate::pattern::{MAX_PATTERN_BYTES, Pattern};

/// Most waivers of one file.
pub(super) const MAX_WAIVERS: usize = 100_000;
/// Longest owner or remark, in bytes.
pub(super) const MAX_WORDS_BYTES: usize = 2000;

const KEYS: &[&str] = &[
    "id", "ids", "purl", "purls", "image", "images", "path", "paths", "owner", "reason", "expires", "remark",
];

/// Reads the `[[waivers]]`.
pub(super) fn read(origin: &str, text: &str, alone: bool) -> Result<Vec<Waiver>, InputError> {
    let input = Input { what: "waivers", origin, text };
    let document = input.toml()?;
    if alone {
        input.known_keys(&document, "", &["policy", "waivers"])?;
    }
    let entries = input.tables(&document, "waivers")?;
    if entries.len() > MAX_WAIVERS {
        return Err(input.error(
            0,
            "",
            format!("expected at most {MAX_WAIVERS} waivers, found {}", entries.len()),
        ));
    }
    entries.into_iter().enumerate().map(|(index, entry)| waiver(&input, entry, index + 1)).collect()
}

fn waiver(input: &Input<'_>, entry: Entry<'_, '_>, number: usize) -> Result<Waiver, InputError> {
    let Entry { table, offset } = entry;
    let subject = format!("waiver {number}");
    let ids = input.texts_of(table, &subject, &["id", "ids"])?;
    let subject = ids.first().map_or(subject, |(id, _)| format!("waiver `{}`", quoted(id)));
    input.known_keys(table, &subject, KEYS)?;
    let purls = input.texts_of(table, &subject, &["purl", "purls"])?;
    if ids.is_empty() && purls.is_empty() {
        let reason = "expected `id` or `purl`, found none: it would excuse everything";
        return Err(input.error(offset, &subject, reason));
    }
    let purls: Result<Vec<PurlPattern>, InputError> = purls
        .iter()
        .map(|(text, at)| PurlPattern::read(text).map_err(|reason| input.error(*at, &subject, reason)))
        .collect();
    let scope = Scope {
        ids: ids.into_iter().map(|(id, _)| id).collect(),
        purls: purls?,
        images: patterns(input, entry, &subject, &["image", "images"])?,
        paths: patterns(input, entry, &subject, &["path", "paths"])?,
        ..Scope::default()
    };
    let (owner, _) = input.required(entry, &subject, "owner")?;
    let (word, span) = input.required(entry, &subject, "reason")?;
    let Some(reason) = Reason::ALL.into_iter().find(|reason| reason.as_str() == word) else {
        let words = Reason::ALL.map(Reason::as_str);
        let expected = format!("expected reason {}, found `{}`", listed(&words), quoted(word));
        let hint = nearest(word, words.into_iter()).map(|near| format!("`{near}` was meant"));
        return Err(InputError { hint, ..input.error(span.start, &subject, expected) });
    };
    let remark = input.text_of(table, &subject, "remark")?.map_or("", |(remark, _)| remark);
    for (key, text) in [("owner", owner), ("remark", remark)] {
        if text.len() > MAX_WORDS_BYTES {
            let found = text.len();
            let expected = format!("expected `{key}` of at most {MAX_WORDS_BYTES} bytes, found {found}");
            return Err(input.error(offset, &subject, expected));
        }
    }
    Ok(Waiver {
        origin: format!("{}:{}", input.origin, place(input.text, offset).0),
        covers: scope.words(),
        owner: owner.trim().to_owned(),
        reason: Some(reason),
        remark: remark.trim().to_owned(),
        ends: Some(expires(input, entry, &subject)?),
        scope,
    })
}

fn patterns(
    input: &Input<'_>,
    entry: Entry<'_, '_>,
    subject: &str,
    keys: &[&str],
) -> Result<Vec<Pattern>, InputError> {
    let texts = input.texts_of(entry.table, subject, keys)?;
    texts
        .into_iter()
        .map(|(text, at)| {
            let expected = || {
                let reason = format!("expected a pattern of at most {MAX_PATTERN_BYTES} bytes");
                input.error(at, subject, reason)
            };
            Pattern::new(text.trim_start_matches('/')).ok_or_else(expected)
        })
        .collect()
}

/// The end of the day, as the first instant of the next one.
fn expires(input: &Input<'_>, entry: Entry<'_, '_>, subject: &str) -> Result<Timestamp, InputError> {
    let Some(value) = entry.table.get("expires") else {
        let reason = "expected `expires`, found none: a waiver holds until a day";
        let hint = Some("expires = 2026-03-31".to_owned());
        return Err(InputError { hint, ..input.error(entry.offset, subject, reason) });
    };
    day(value).and_then(end_of).ok_or_else(|| {
        let found = match value.get_ref() {
            DeValue::Datetime(written) => written.to_string(),
            other => other.as_str().unwrap_or_else(|| other.type_str()).to_owned(),
        };
        let reason = format!(
            "expected `expires` to be a day as 2026-03-31 and before 9999-12-31, found `{}`",
            quoted(&found)
        );
        input.error(value.span().start, subject, reason)
    })
}

/// A day, as TOML's own local date or as a text.
fn day(value: &Spanned<DeValue<'_>>) -> Option<Date> {
    match value.get_ref() {
        DeValue::Datetime(written) if written.time.is_none() => written.to_string().parse().ok(),
        DeValue::String(written) if written.len() == 10 => written.parse().ok(),
        _ => None,
    }
}

/// The first instant of the next day, UTC.
pub(super) fn end_of(day: Date) -> Option<Timestamp> {
    start_of(day.checked_add(1.day()).ok()?)
}

/// The first instant of a day, UTC.
pub(super) fn start_of(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIVER: &str =
        "[[waivers]]\nid = \"CVE-2026-1\"\nowner = \"a\"\nreason = \"accepted-risk\"\nexpires = 2026-03-31\n";

    #[test]
    fn a_waiver_is_read_and_holds_to_the_end_of_its_day() {
        let text =
            format!("{WAIVER}remark = \"see wiki\"\npurl = \"pkg:deb/debian/openssl\"\npath = \"/usr/**\"\n");
        let waivers = read("w", &text, true).unwrap();
        let [waiver] = waivers.as_slice() else { panic!("one waiver") };
        assert_eq!(waiver.ends, "2026-04-01T00:00:00Z".parse().ok());
        assert_eq!(waiver.last_day().as_deref(), Some("2026-03-31"));
        assert_eq!(waiver.covers, "CVE-2026-1 in pkg:deb/debian/openssl at usr/**");
        assert_eq!((waiver.reason, waiver.remark.as_str()), (Some(Reason::AcceptedRisk), "see wiki"));
        assert!(read("w", "", true).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_line_column_and_waiver() {
        let with = |from: &str, to: &str| WAIVER.replace(from, to);
        for (text, line, column, message) in [
            (with("expires = 2026-03-31\n", ""), 1, 1, "waiver `CVE-2026-1`: expected `expires`, found none"),
            (with("2026-03-31", "2026-02-30"), 5, 11, ""),
            (
                with("2026-03-31", "\"soon\""),
                5,
                11,
                "expected `expires` to be a day as 2026-03-31 and before 9999-12-31, found `soon`",
            ),
            (with("2026-03-31", "2026-03-31T12:00:00Z"), 5, 11, "expected `expires` to be a day"),
            (with("2026-03-31", "20260331"), 5, 11, "found `integer`"),
            (with("owner = \"a\"\n", ""), 1, 1, "expected `owner`, found none"),
            (with("\"a\"", "\" \""), 3, 9, "expected `owner`, found an empty text"),
            (with("accepted-risk", "because"), 4, 10, "expected reason `accepted-risk`"),
            (with("reason = \"accepted-risk\"\n", ""), 1, 1, "expected `reason`, found none"),
            (with("id = \"CVE-2026-1\"\n", ""), 1, 1, "waiver 1: expected `id` or `purl`, found none"),
            (with("id = \"CVE-2026-1\"", "id = 3"), 2, 6, "expected `id` to be a text"),
            (with("id = \"CVE-2026-1\"", "ids = [\"\"]"), 2, 8, "expected `ids` to be a text"),
            (
                format!("{WAIVER}paths = []\n"),
                6,
                9,
                "expected `paths` to name something, found an empty list",
            ),
            (format!("{WAIVER}images = []\n"), 6, 10, "expected `images` to name something"),
            (format!("{WAIVER}purls = []\n"), 6, 9, "expected `purls` to name something"),
            (
                with("id = \"CVE-2026-1\"", "ids = []\npurl = \"pkg:npm/a\""),
                2,
                7,
                "expected `ids` to name something",
            ),
            (with("2026-03-31", "9999-12-31"), 5, 11, "found `9999-12-31`"),
            (format!("{WAIVER}expiry = 1\n"), 6, 1, "unknown field `expiry`"),
            (format!("{WAIVER}purl = \"openssl\"\n"), 6, 8, "expected `pkg:` at the start"),
            (format!("{WAIVER}path = \"{}\"\n", "a".repeat(2000)), 6, 8, "expected a pattern of at most"),
            ("waivers = 3\n".to_owned(), 1, 11, "expected `waivers` to be `[[waivers]]` tables"),
            ("[[waiver]]\n".to_owned(), 1, 3, "unknown field `waiver`"),
        ] {
            let error = read("w", &text, true).unwrap_err();
            let told = error.to_string();
            assert!(told.contains(message), "{text}: {told}");
            assert_eq!((error.line, error.column), (line, column), "{text}: {told}");
        }
        assert!(read("w", "[[waiver]]\n", false).unwrap().is_empty());
    }
}
