//! Affected versions as one text, for tables: what one advisory says of one package, printed and read again.
//!
//! ```text
//! >=1.0,<1.2.3 | >=2.0,<2.1 | =3.0.1,=3.0.2 | !>=2.0.5,<2.0.6
//! ```
//!
//! Alternatives are separated by `|`. One is the list of a range's events, as OSV has them: `>=` introduced (`>=0` stands
//! before every version), `<` fixed, `<=` last affected, `limit<` limit; or a list of single versions behind `=`. A range
//! without a beginning begins at `0`. Behind `!` stands what is *not* affected, whatever else is said; behind `!?`, unless an
//! alternative with an end or a list holds. `[nodejs:18]` before an alternative: it speaks of that module stream alone;
//! `{nodejs:18}` before all: of packages of that module only this stream is meant. In versions all but letters, digits and `.+~^:_-!*@/` is written as `%2C`, byte by byte.
//!
//! [`Ranges::affects`] judges as [`crate::evaluate`] does, by the same code.

use std::fmt::Write as _;

use plimsoll_model::{
    Affected, AffectedEvent, AffectedRange, AffectedStatus, Ecosystem, EventKind, Namespace,
};
use plimsoll_version::Affectedness;

use crate::asking::with_label;
use crate::hit::is_narrow;
use crate::judge::judge;
use crate::rpm;

/// Longest text of ranges that is read, in bytes. Some advisories list thousands of versions.
pub const MAX_RANGES_BYTES: usize = 4 << 20;

/// Note of a denial that yields to narrow claims.
const YIELDS: &str = "?";

/// What one entry of a printed text is.
pub(crate) struct Entry<'a> {
    pub(crate) affected: &'a Affected,
    /// `None` for a claim.
    pub(crate) denied: Option<Strength>,
}

/// When a denial counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    Always,
    /// Unless a claim holds that is narrower than all versions.
    UnlessNarrow,
}

impl<'a> Entry<'a> {
    pub(crate) fn claim(affected: &'a Affected) -> Self {
        Self { affected, denied: None }
    }
}

/// Affected versions, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    ecosystem: Ecosystem,
    claims: Vec<Affected>,
    /// What yields to narrow claims has [`YIELDS`] as its note.
    denials: Vec<Affected>,
    /// Streams that the advisory's title names, separated by blanks.
    title: String,
    /// Whether anything names a module.
    names_modules: bool,
}

/// A text that is not one of ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRanges {
    /// The part that cannot be read, at most 100 characters of it.
    pub part: String,
    /// What was expected.
    pub expected: &'static str,
}

impl std::fmt::Display for InvalidRanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read affected versions: expected {}, found `{}`", self.expected, self.part)
    }
}

impl std::error::Error for InvalidRanges {}

/// Whether `ranges` hold `version`, by the order of an ecosystem (`Debian`) or of a namespace's (`Debian:12`). `None`
/// where it cannot be said: the ecosystem is not known, the version or a bound that decides does not parse.
///
/// Reads `ranges` anew; [`Ranges`] for those that are asked many times.
pub fn is_affected(ecosystem: &str, version: &str, ranges: &str) -> Option<bool> {
    let ecosystem = ecosystem.split(':').next().and_then(Ecosystem::from_name)?;
    Ranges::parse(ecosystem, ranges).ok()?.affects(version)
}

impl Ranges {
    /// Reads a text of ranges, whose versions are those of an ecosystem.
    ///
    /// # Errors
    /// [`InvalidRanges`].
    pub fn parse(ecosystem: Ecosystem, text: &str) -> Result<Self, InvalidRanges> {
        let invalid =
            |part: &str, expected| InvalidRanges { part: part.chars().take(100).collect(), expected };
        if text.len() > MAX_RANGES_BYTES {
            return Err(invalid(text, "a text of at most 4 MiB"));
        }
        let mut ranges = Self {
            ecosystem,
            claims: Vec::new(),
            denials: Vec::new(),
            title: String::new(),
            names_modules: false,
        };
        let mut rest = text.trim_ascii();
        if let Some(behind) = rest.strip_prefix('{') {
            let (streams, behind) =
                behind.split_once('}').ok_or_else(|| invalid(rest, "`}` behind the streams"))?;
            for stream in streams.split(',') {
                let stream = decode(stream).ok_or_else(|| invalid(stream, "a module stream"))?;
                let _ = write!(ranges.title, "{stream} ");
            }
            ranges.names_modules = true;
            rest = behind.trim_ascii_start();
        }
        if rest.is_empty() {
            return Ok(ranges);
        }
        for alternative in rest.split('|').map(str::trim_ascii) {
            let (denied, behind) = match alternative.strip_prefix('!') {
                Some(behind) => (true, behind.trim_ascii_start()),
                None => (false, alternative),
            };
            let (yields, behind) = match behind.strip_prefix('?') {
                Some(behind) if denied => (true, behind.trim_ascii_start()),
                _ => (false, behind),
            };
            let (module, items) = match behind.strip_prefix('[') {
                Some(behind) => {
                    let parts = behind.split_once(']');
                    parts.ok_or_else(|| invalid(alternative, "`]` behind the stream"))?
                }
                None => ("", behind),
            };
            let mut entry = Affected::new(Namespace::whole(ecosystem), String::new());
            entry.module = decode(module).ok_or_else(|| invalid(module, "a module stream"))?;
            ranges.names_modules |= !entry.module.is_empty();
            let mut events = Vec::new();
            for item in items.split(',').map(str::trim_ascii) {
                let (kind, version) = operator(item)
                    .ok_or_else(|| invalid(item, "`>=`, `<`, `<=`, `=` or `limit<` and a version"))?;
                let version = decode(version).ok_or_else(|| invalid(version, "a version"))?;
                match kind {
                    Some(kind) => events.push(AffectedEvent { kind, version }),
                    None => entry.versions.push(version),
                }
            }
            if !events.is_empty() {
                if !begins(&events) {
                    let first = AffectedEvent { kind: EventKind::Introduced, version: "0".to_owned() };
                    events.insert(0, first);
                }
                entry.ranges.push(AffectedRange { events });
            }
            if denied {
                entry.status = AffectedStatus::NotAffected;
                YIELDS[..usize::from(yields)].clone_into(&mut entry.note);
                ranges.denials.push(entry);
            } else {
                ranges.claims.push(entry);
            }
        }
        Ok(ranges)
    }

    /// Whether they hold a version, as [`crate::Asking::version`] writes it: behind that of an RPM module stands its
    /// stream, ` (nodejs:18)`. `None` where it cannot be said.
    pub fn affects(&self, version: &str) -> Option<bool> {
        let (version, label) = with_label(self.ecosystem, version);
        if !self.names_modules {
            return self.judge(version, label, &self.claims, &self.denials);
        }
        let all = self.claims.iter().chain(&self.denials).cloned().collect();
        let (denials, claims): (Vec<Affected>, Vec<Affected>) = rpm::speaking(version, label, all)
            .into_iter()
            .partition(|entry| entry.status == AffectedStatus::NotAffected);
        let is_untold = claims.iter().all(|entry| entry.module.is_empty());
        if is_untold && label.is_some_and(|label| rpm::names_another_stream(&self.title, label)) {
            return Some(false);
        }
        self.judge(version, label, &claims, &denials)
    }

    fn judge(
        &self,
        version: &str,
        label: Option<&str>,
        claims: &[Affected],
        denials: &[Affected],
    ) -> Option<bool> {
        if claims.is_empty() {
            return Some(false);
        }
        let holds = |entry: &Affected| {
            let judged = judge(self.ecosystem, version, label, std::slice::from_ref(entry));
            matches!(judged, Affectedness::Affected { .. })
        };
        let narrowly_claimed = || claims.iter().any(|entry| is_narrow(entry) && holds(entry));
        let denied = denials.iter().any(|entry| {
            rpm::may_deny(entry, version, label)
                && holds(entry)
                && (entry.note != YIELDS || !narrowly_claimed())
        });
        if denied {
            return Some(false);
        }
        match judge(self.ecosystem, version, label, claims) {
            Affectedness::Affected { .. } => Some(true),
            Affectedness::NotAffected => Some(false),
            Affectedness::Undetermined { .. } => None,
        }
    }
}

/// Prints what claims and denials say. `title`: streams that the advisory's title names.
pub(crate) fn print<'a>(entries: impl IntoIterator<Item = Entry<'a>>, title: &[&str]) -> String {
    let mut text = String::new();
    if !title.is_empty() {
        text.push('{');
        for (index, stream) in title.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            encode(stream, &mut text);
        }
        text.push_str("} ");
    }
    let mut is_first = true;
    for Entry { affected: entry, denied } in entries {
        let mut begin = |text: &mut String| {
            if !std::mem::take(&mut is_first) {
                text.push_str(" | ");
            }
            text.push_str(match denied {
                None => "",
                Some(Strength::Always) => "!",
                Some(Strength::UnlessNarrow) => "!?",
            });
            if !entry.module.is_empty() {
                text.push('[');
                encode(&entry.module, text);
                text.push(']');
            }
        };
        // Where nothing is introduced, nothing is affected.
        for range in entry.ranges.iter().filter(|range| begins(&range.events)) {
            begin(&mut text);
            for (index, event) in range.events.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(match event.kind {
                    EventKind::Introduced => ">=",
                    EventKind::Fixed => "<",
                    EventKind::LastAffected => "<=",
                    EventKind::Limit => "limit<",
                });
                encode(&event.version, &mut text);
            }
        }
        for (index, version) in entry.versions.iter().enumerate() {
            if index == 0 {
                begin(&mut text);
            } else {
                text.push(',');
            }
            text.push('=');
            encode(version, &mut text);
        }
    }
    text
}

fn begins(events: &[AffectedEvent]) -> bool {
    events.iter().any(|event| event.kind == EventKind::Introduced)
}

/// What an item says, and the rest; the inner `None` is a single version.
fn operator(item: &str) -> Option<(Option<EventKind>, &str)> {
    [
        (">=", Some(EventKind::Introduced)),
        ("<=", Some(EventKind::LastAffected)),
        ("<", Some(EventKind::Fixed)),
        ("limit<", Some(EventKind::Limit)),
        ("=", None),
    ]
    .into_iter()
    .find_map(|(operator, kind)| item.strip_prefix(operator).map(|rest| (kind, rest.trim_ascii_start())))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".+~^:_-!*@/".contains(&byte)
}

fn encode(version: &str, text: &mut String) {
    for byte in version.bytes() {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// `None` where a `%` is followed by no two hexadecimal digits, or the bytes are no UTF-8.
fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'%' {
            let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &behind[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_judged_as_they_are_written() {
        for (ecosystem, version, ranges, expected) in [
            ("npm", "1.1.0", ">=1.0.0,<1.2.0", Some(true)),
            ("npm", "1.2.0", ">=1.0.0,<1.2.0", Some(false)),
            ("npm", "1.1.0", "<1.2.0", Some(true)),
            ("npm", "1.2.0", "<=1.2.0", Some(true)),
            ("npm", "2.0.5", ">=1.0.0,<1.2.0 | >=2.0.0,<2.1.0", Some(true)),
            ("npm", "2.0.5", ">=1.0.0,<1.2.0,>=2.0.0,<2.1.0", Some(true)),
            ("npm", "3.0.1", ">=1.0.0,<1.2.0 | =3.0.1,=3.0.2", Some(true)),
            ("npm", "3.0.2", " >= 1.0.0 , < 1.2.0 | =3.0.1, =3.0.2", Some(true)),
            ("npm", "2.0.0", ">=0,limit<2.0.0", Some(false)),
            ("npm", "1.0.0", "", Some(false)),
            ("npm", "1.0.0", ">=0", Some(true)),
            ("npm", "1.0.0", "<x", None),
            ("npm", "x", "<1", None),
            ("npm", "1.0.0", ">1", None),
            ("npm", "1.0.0", "1", None),
            ("npm", "1.0.0", "<1 |", None),
            ("npm", "1.0.0", "<%4", None),
            ("npm", "1.0.0", "<%FF", None),
            ("npm", "1.0.0", "<%+1", None),
            ("Plan 9", "1.0.0", "<2", None),
            ("Debian", "1.1.1n-0+deb11u3", ">=0,<1.1.1n-0+deb11u4", Some(true)),
            ("Debian:11", "1.1.1n-0+deb11u4", ">=0,<1.1.1n-0+deb11u4", Some(false)),
            ("Debian", "2", "<3 | !>=2,<2.5", Some(false)),
            ("Debian", "2.5", "<3 | !>=2,<2.5", Some(true)),
            ("Debian", "2", "!>=0", Some(false)),
            ("Debian", "2", "<3 | !?>=0", Some(true)),
            ("Debian", "2", "<3 | ! >=0", Some(false)),
            ("Debian", "2", ">=0 | !?>=0", Some(false)),
            ("Red Hat", "1-1.module+el8 (nodejs:18)", "[nodejs:18]<1-2.module+el8", Some(true)),
            ("Red Hat", "1-1.module+el8 (nodejs:20)", "[nodejs:18]<1-2.module+el8", Some(false)),
            ("Red Hat", "1-1.module+el8", "[nodejs:18]<1-2.module+el8", Some(true)),
            ("Red Hat", "1-1.el8", "[nodejs:18]<1-2.module+el8", Some(false)),
            ("Red Hat", "1-1.module+el8 (nodejs:18)", "{nodejs:20} <1-2.module+el8", Some(false)),
            ("Red Hat", "1-1.module+el8 (nodejs:20)", "{nodejs:20} <1-2.module+el8", Some(true)),
            ("Red Hat", "1-1.el8", "{nodejs:20} <1-2.el8", Some(true)),
            ("Red Hat", "1-1.el8", "{nodejs:20 <1-2.el8", None),
            ("Red Hat", "1-1.el8", "[nodejs:20 <1-2.el8", None),
        ] {
            assert_eq!(
                is_affected(ecosystem, version, ranges),
                expected,
                "{ecosystem} {version} in {ranges}"
            );
        }
        let endless = "<1 | ".repeat(MAX_RANGES_BYTES / 4);
        assert!(Ranges::parse(Ecosystem::Npm, &endless).is_err());
    }

    #[test]
    fn hostile_versions_survive_print_and_parse() {
        for version in
            ["1.0", "", "=1", "1,2", "1 | <3", "%41", "größe\n", "\u{0}", "!1", "1>=2<3", "[a:b]", "{}"]
        {
            let mut entry = Affected::new(Namespace::whole(Ecosystem::Npm), String::new());
            let event = |kind| AffectedEvent { kind, version: version.to_owned() };
            entry.ranges = vec![AffectedRange {
                events: [EventKind::Introduced, EventKind::Fixed, EventKind::LastAffected, EventKind::Limit]
                    .map(event)
                    .into(),
            }];
            let mut listed = Affected::new(Namespace::whole(Ecosystem::Npm), String::new());
            listed.versions = vec![version.to_owned(), version.to_owned()];
            let mut denied = Affected { status: AffectedStatus::NotAffected, ..entry.clone() };
            denied.module = version.to_owned();
            let denial = Entry { affected: &denied, denied: Some(Strength::Always) };
            let text = print([Entry::claim(&entry), Entry::claim(&listed), denial], &[]);
            let read = Ranges::parse(Ecosystem::Npm, &text).unwrap();
            assert_eq!(read.claims, [entry, listed], "{text}");
            assert_eq!(read.denials, [denied], "{text}");
        }
    }

    #[test]
    fn a_range_that_begins_nowhere_is_not_printed() {
        let mut entry = Affected::new(Namespace::whole(Ecosystem::Npm), String::new());
        entry.ranges = vec![AffectedRange {
            events: vec![AffectedEvent { kind: EventKind::Fixed, version: "1".to_owned() }],
        }];
        assert_eq!(print([Entry::claim(&entry)], &[]), "");
        assert_eq!(print([Entry::claim(&entry)], &["nodejs:18", "a,b"]), "{nodejs:18,a%2Cb} ");
    }
}
