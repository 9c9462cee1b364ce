//! Scores, and the words for them.

use std::fmt;

/// A score, kept as tenths: 98 is 9.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CvssScore(u8);

impl CvssScore {
    /// The highest there is, 10.0.
    pub const MAX: Self = Self(100);

    /// The score of so many tenths; none above 100.
    pub fn from_tenths(tenths: u8) -> Option<Self> {
        (tenths <= Self::MAX.0).then_some(Self(tenths))
    }

    /// The tenths, from 0 to 100.
    pub fn tenths(self) -> u8 {
        self.0
    }

    /// The word that `version` has for it.
    ///
    /// From 3.0 on: none 0.0, low to 3.9, medium to 6.9, high to 8.9, critical to 10.0. Version 2.0 has no words of
    /// its own; NVD's are used: low to 3.9, medium to 6.9, high to 10.0.
    ///
    /// Source: CVSS 3.1, section 5; CVSS 4.0, section 6; NVD, "Vulnerability Metrics".
    pub fn band(self, version: CvssVersion) -> Band {
        match (version, self.0) {
            (CvssVersion::V3_0 | CvssVersion::V3_1 | CvssVersion::V4_0, 0) => Band::None,
            (_, ..=39) => Band::Low,
            (_, 40..=69) => Band::Medium,
            (CvssVersion::V2_0, _) | (_, ..=89) => Band::High,
            _ => Band::Critical,
        }
    }

    /// The score nearest to `value`, which lies from 0 to 10.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=100 just before")]
    #[expect(clippy::cast_sign_loss, reason = "clamped to 0..=100 just before; no number is 0")]
    pub(crate) fn nearest(value: f64) -> Self {
        Self((value * 10.0).round().clamp(0.0, 100.0) as u8)
    }
}

/// `9.8`, with one digit behind the point.
impl fmt::Display for CvssScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// The versions of CVSS. Their scores are not measured with one yardstick: compare words, not numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CvssVersion {
    /// 2.0, of 2007.
    V2_0,
    /// 3.0, of 2015.
    V3_0,
    /// 3.1, of 2019.
    V3_1,
    /// 4.0, of 2023.
    V4_0,
}

impl CvssVersion {
    /// `3.1`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V3_0 => "3.0",
            Self::V3_1 => "3.1",
            Self::V4_0 => "4.0",
        }
    }
}

impl fmt::Display for CvssVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word for a score, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Band {
    /// 0.0, but not in version 2.0.
    None,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9; to 10.0 in version 2.0.
    High,
    /// 9.0 to 10.0, but not in version 2.0.
    Critical,
}

impl Band {
    /// `critical`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a vector comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scored {
    /// The version it is written in.
    pub version: CvssVersion,
    /// The base score.
    pub score: CvssScore,
}

impl Scored {
    /// The word for the score, in the vector's version.
    pub fn band(self) -> Band {
        self.score.band(self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_begin_and_end_where_the_specifications_say() {
        use CvssVersion::{V2_0, V3_0, V3_1, V4_0};
        for (tenths, two, later) in [
            (0, Band::Low, Band::None),
            (1, Band::Low, Band::Low),
            (39, Band::Low, Band::Low),
            (40, Band::Medium, Band::Medium),
            (69, Band::Medium, Band::Medium),
            (70, Band::High, Band::High),
            (89, Band::High, Band::High),
            (90, Band::High, Band::Critical),
            (100, Band::High, Band::Critical),
        ] {
            let score = CvssScore::from_tenths(tenths).unwrap();
            assert_eq!(score.band(V2_0), two, "{score}");
            for version in [V3_0, V3_1, V4_0] {
                assert_eq!(score.band(version), later, "{score}");
            }
        }
        assert_eq!(CvssScore::from_tenths(101), None);
    }

    #[test]
    fn a_score_is_printed_with_one_digit() {
        for (value, text) in
            [(0.0, "0.0"), (9.8, "9.8"), (10.0, "10.0"), (0.1 + 0.2, "0.3"), (f64::NAN, "0.0")]
        {
            assert_eq!(CvssScore::nearest(value).to_string(), text);
        }
    }
}
