//! The severity words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad a flaw is, as a word. Ordered: `Unknown` is lowest. Written in upper case in reports, as Trivy does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Nobody has said.
    #[default]
    Unknown,
    /// CVSS 0.0, or a distribution's `negligible`.
    Negligible,
    /// CVSS 0.1 to 3.9.
    Low,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 9.0 to 10.0.
    Critical,
}

impl Severity {
    /// All, the worst first.
    pub const WORST_FIRST: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Negligible, Self::Unknown];

    /// The word in upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Negligible => "NEGLIGIBLE",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that no source is known to use for a severity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read severity `{text}`: expected critical, high, medium, low, negligible or unknown")]
pub struct UnknownSeverity {
    /// The text, as given.
    pub text: String,
}

/// Reads the words that sources use, in any case: `important` is high, `moderate` medium, `none`, `unimportant`
/// and `minor` negligible.
impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        match text.to_ascii_lowercase().as_str() {
            "critical" => Ok(Self::Critical),
            "high" | "important" => Ok(Self::High),
            "medium" | "moderate" => Ok(Self::Medium),
            "low" => Ok(Self::Low),
            "negligible" | "unimportant" | "minor" | "none" => Ok(Self::Negligible),
            "unknown" | "unspecified" => Ok(Self::Unknown),
            _ => Err(UnknownSeverity { text: text.chars().take(100).collect() }),
        }
    }
}
