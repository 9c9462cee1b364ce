//! What arguments and settings hold: ages, days, formats, levels.

use clap::ValueEnum;
use clap::builder::{BoolishValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use plimsoll_model::Severity;
use plimsoll_report::{DIFF_FORMATS, FORMATS, ReportFormat, format_named};

/// Reads a switch's variable: `1`, `true`, `yes`, `on`, and their contraries.
pub(crate) fn switch() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// An instant: `2026-03-31`, or `2026-03-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AsOf(pub(crate) jiff::Timestamp);

impl std::str::FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || {
            let day: jiff::civil::Date = text.parse().ok()?;
            Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        // A date's parser takes the date of a longer text; with a time, that counts.
        let instant = if text.len() > 10 { text.parse().ok() } else { day() };
        let expected = "expected a day as `2026-03-31` or an instant as `2026-03-31T12:00:00Z`";
        instant.map(Self).ok_or_else(|| format!("{expected}, found `{text}`"))
    }
}

/// A span of time: `90m`, `24h`, `5d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Age {
    pub(crate) seconds: i64,
}

impl std::str::FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(char, i64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
        let read = || {
            let unit = UNITS.iter().find(|(letter, _)| text.ends_with(*letter))?;
            let number: u32 = text[..text.len() - 1].parse().ok()?;
            Some(Self { seconds: i64::from(number) * unit.1 })
        };
        read().ok_or_else(|| format!("expected a number and s, m, h, d or w, as in `24h`, found `{text}`"))
    }
}

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// How the result of a scan is written.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Format {
    /// One of [`FORMATS`].
    Known(&'static ReportFormat),
    /// The user's own template.
    Template,
}

impl Format {
    /// The name of [`Self::Template`].
    pub(crate) const TEMPLATE: &str = "template";

    /// What a person types.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Known(format) => format.name,
            Self::Template => Self::TEMPLATE,
        }
    }

    /// How files of it end: `json`.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Known(format) => format.extension,
            Self::Template => "txt",
        }
    }

    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        let known = FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
        let template =
            PossibleValue::new(Self::TEMPLATE).help("what `--template FILE` makes of the JSON report");
        PossibleValuesParser::new(known.chain([template])).try_map(Self::try_from)
    }
}

impl Default for Format {
    fn default() -> Self {
        Self::Known(&FORMATS[0])
    }
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.eq_ignore_ascii_case(Self::TEMPLATE) {
            return Ok(Self::Template);
        }
        format_named(&text).map(Self::Known).ok_or_else(|| {
            let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
            format!("expected a format among {}, {}, found `{text}`", names.join(", "), Self::TEMPLATE)
        })
    }
}

/// How a difference is written: one of [`DIFF_FORMATS`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiffFormat(pub(crate) &'static plimsoll_report::DiffFormat);

impl DiffFormat {
    pub(super) fn parser() -> impl TypedValueParser<Value = Self> {
        let values = DIFF_FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
        PossibleValuesParser::new(values).map(|name| {
            let found = DIFF_FORMATS.iter().find(|format| format.name == name);
            Self(found.expect("the parser takes no other names"))
        })
    }
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How a bill of materials is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomFormat {
    /// CycloneDX 1.6, JSON.
    Cyclonedx,
    /// SPDX 2.3, JSON. Names the instant of the call, or `SOURCE_DATE_EPOCH`.
    Spdx,
}

/// The severities that a gate can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub(crate) enum Level {
    Critical,
    High,
    Medium,
    Low,
}

/// As it is typed.
impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value().expect("no level is left out");
        f.write_str(value.get_name())
    }
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Critical => Self::Critical,
            Level::High => Self::High,
            Level::Medium => Self::Medium,
            Level::Low => Self::Low,
        }
    }
}
