//! Vectors: which version, well formed or not, and the score of their base metrics.

use std::fmt;

use cvss::{Error, v2, v3, v4};

use crate::{CvssScore, CvssVersion, Scored};

/// Longest vector that is read, in bytes. One of version 4.0 with every metric there is has fewer than 200.
pub const MAX_VECTOR_BYTES: usize = 512;

/// Most characters of a vector or of a piece of it that an error repeats.
const MAX_REPEATED_CHARS: usize = 100;

/// The metrics of versions 3.0 and 3.1 that every vector has.
const BASE_METRICS_V3: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];

/// The metrics of version 4.0 that its base score is made of.
const BASE_METRICS_V4: [&str; 11] = ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

/// A text that is no CVSS vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVector {
    /// The text, as given, cut after 100 characters.
    pub text: String,
    /// What was expected, and what was found: ``expected a value of `AV`, found `Q` ``.
    pub reason: String,
}

impl fmt::Display for InvalidVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read CVSS vector `{}`: {}", self.text, self.reason)
    }
}

impl std::error::Error for InvalidVector {}

/// The base score of a vector.
///
/// Versions 3.0, 3.1 and 4.0 begin with `CVSS:3.1/` and the like. Version 2.0 has no prefix by its specification;
/// it may stand in parentheses, as NVD prints it, or behind `CVSS2#` or `CVSS:2.0/`, as others do.
///
/// # Errors
/// [`InvalidVector`] for a version that is none of these, a metric that is unknown, missing or given twice, a value
/// its metric does not have, and a text longer than [`MAX_VECTOR_BYTES`].
///
/// Source: CVSS 2.0, section 2.4; 3.0 and 3.1, section 6; 4.0, section 7.
pub fn score(vector: &str) -> Result<Scored, InvalidVector> {
    if vector.len() > MAX_VECTOR_BYTES {
        let reason = format!("expected at most {MAX_VECTOR_BYTES} bytes, found {}", vector.len());
        return Err(InvalidVector { text: cut(vector), reason });
    }
    let trimmed = vector.trim_ascii();
    let scored = match trimmed.strip_prefix("CVSS:").and_then(|rest| rest.split_once('/')) {
        Some(("3.0", metrics)) => score_v3(trimmed, metrics, CvssVersion::V3_0),
        Some(("3.1", metrics)) => score_v3(trimmed, metrics, CvssVersion::V3_1),
        Some(("4.0", metrics)) => score_v4(trimmed, metrics),
        Some(("2.0", metrics)) => score_v2(metrics),
        Some((version, _)) => Err(format!("expected version 2.0, 3.0, 3.1 or 4.0, found `{}`", cut(version))),
        None => score_v2(without_decoration(trimmed)),
    };
    scored.map_err(|reason| InvalidVector { text: cut(vector), reason })
}

fn score_v2(metrics: &str) -> Result<Scored, String> {
    let score = metrics.parse::<v2::Vector>().map_err(|error| reason(&error))?.score().value();
    Ok(Scored { version: CvssVersion::V2_0, score: CvssScore::nearest(score) })
}

fn score_v3(vector: &str, metrics: &str, version: CvssVersion) -> Result<Scored, String> {
    let parsed = vector.parse::<v3::Vector>().map_err(|error| reason(&error))?;
    // The crate would take a missing metric for one without weight.
    let is_missing =
        |metric: &&&str| !metrics.split('/').any(|given| name(given).eq_ignore_ascii_case(metric));
    if let Some(metric) = BASE_METRICS_V3.iter().find(is_missing) {
        return Err(missing(metric));
    }
    let score = parsed.base_score().value();
    Ok(Scored { version, score: CvssScore::nearest(score) })
}

/// The score of a vector of version 4.0 takes in every metric it has, so the base metrics are scored alone.
fn score_v4(vector: &str, metrics: &str) -> Result<Scored, String> {
    vector.parse::<v4::Vector>().map_err(|error| reason(&error))?;
    let mut base = String::from("CVSS:4.0");
    for metric in metrics.split('/') {
        if BASE_METRICS_V4.iter().any(|base| base.eq_ignore_ascii_case(name(metric))) {
            base.push('/');
            base.push_str(metric);
        }
    }
    let score = base.parse::<v4::Vector>().map_err(|error| reason(&error))?.score().value();
    Ok(Scored { version: CvssVersion::V4_0, score: CvssScore::nearest(score) })
}

/// The part before the colon.
fn name(metric: &str) -> &str {
    metric.split(':').next().unwrap_or(metric)
}

/// Version 2.0 without what NVD and others put around it.
fn without_decoration(vector: &str) -> &str {
    let vector = vector.strip_prefix("CVSS2#").unwrap_or(vector);
    vector.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(vector)
}

fn reason(error: &Error) -> String {
    match error {
        Error::InvalidComponent { component } => {
            format!("expected `metric:value`, found `{}`", cut(component))
        }
        Error::InvalidMetricV2 { metric_type, value } => bad_value(metric_type.name(), value),
        Error::InvalidMetricV3 { metric_type, value } => bad_value(metric_type.name(), value),
        Error::InvalidMetricV4 { metric_type, value } => bad_value(metric_type.name(), value),
        Error::DuplicateMetricV2 { metric_type } => duplicate(metric_type.name()),
        Error::DuplicateMetricV3 { metric_type } => duplicate(metric_type.name()),
        Error::DuplicateMetricV4 { metric_type } => duplicate(metric_type.name()),
        Error::MissingMandatoryMetricV2 { metric_type } => missing(metric_type.name()),
        Error::MissingMandatoryMetricV4 { metric_type } => missing(metric_type.name()),
        Error::UnknownMetric { name } => format!("expected a metric of its version, found `{}`", cut(name)),
        other => format!("expected a CVSS vector, found one with {}", cut(&other.to_string())),
    }
}

fn bad_value(metric: &str, value: &str) -> String {
    format!("expected a value of `{metric}`, found `{}`", cut(value))
}

fn duplicate(metric: &str) -> String {
    format!("expected each metric once, found `{metric}` twice")
}

fn missing(metric: &str) -> String {
    format!("expected the metric `{metric}`, found none")
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_REPEATED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(vector: &str, expected: &str) {
        let found = match score(vector) {
            Ok(scored) => format!("{} {} {}", scored.version, scored.score, scored.band()),
            Err(error) => error.reason,
        };
        assert_eq!(found, expected, "{vector}");
    }

    #[test]
    fn version_2_may_wear_what_others_put_around_it() {
        for vector in [
            "AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "(AV:N/AC:L/Au:N/C:P/I:P/A:P)",
            "CVSS2#AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "CVSS2#(AV:N/AC:L/Au:N/C:P/I:P/A:P)",
            "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P",
            " AV:N/AC:L/Au:N/C:P/I:P/A:P\n",
        ] {
            check(vector, "2.0 7.5 high");
        }
    }

    #[test]
    fn only_base_metrics_count() {
        check("AV:N/AC:L/Au:N/C:P/I:P/A:P/E:U/RL:OF/RC:UC", "2.0 7.5 high");
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U/MAV:P", "3.1 9.8 critical");
        let base = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
        check(base, "4.0 9.3 critical");
        check(&format!("{base}/E:U/MAV:P/CR:L/S:P/AU:Y/R:I/V:C/RE:H/U:Red"), "4.0 9.3 critical");
        check(
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:H/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:X/CR:X/IR:X/AR:X/MAV:X/MAC:X/MAT:X\
             /MPR:X/MUI:X/MVC:X/MVI:X/MVA:X/MSC:X/MSI:X/MSA:X/S:X/AU:X/R:X/V:X/RE:X/U:X",
            "4.0 7.5 high",
        );
    }

    #[test]
    fn a_vector_without_impact_scores_nothing() {
        check("AV:N/AC:L/Au:N/C:N/I:N/A:N", "2.0 0.0 low");
        check("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "3.0 0.0 none");
        check("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", "4.0 0.0 none");
    }

    #[test]
    fn an_error_says_what_was_expected_and_found() {
        for (vector, reason) in [
            ("", "expected `metric:value`, found ``"),
            ("CVSS:3.1", "expected a metric of its version, found `CVSS`"),
            ("CVSS:3.1/", "expected `metric:value`, found ``"),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", "expected the metric `A`, found none"),
            ("CVSS:3.1/AV:Q/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "expected a value of `AV`, found `Q`"),
            (
                "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                "expected each metric once, found `AV` twice",
            ),
            ("CVSS:3.1/AV:N/XX:N", "expected a metric of its version, found `XX`"),
            ("CVSS:3.1/AV:N:N", "expected `metric:value`, found `AV:N:N`"),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N",
                "expected the metric `SA`, found none",
            ),
            ("CVSS:4.0/AV:N/AV:L", "expected each metric once, found `AV` twice"),
            ("CVSS:5.0/AV:N", "expected version 2.0, 3.0, 3.1 or 4.0, found `5.0`"),
            ("AV:N/AC:L/Au:N/C:P/I:P", "expected the metric `A`, found none"),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P/A:P", "expected each metric once, found `A` twice"),
            ("(AV:N/AC:L/Au:N/C:P/I:P/A:P", "expected a metric of its version, found `(AV`"),
            ("9.8", "expected `metric:value`, found `9.8`"),
        ] {
            check(vector, reason);
        }
    }

    #[test]
    fn a_vector_without_end_is_not_read() {
        let endless = format!("CVSS:3.1{}", "/AV:N".repeat(100_000));
        check(&endless, "expected at most 512 bytes, found 500008");
        assert!(score(&endless).unwrap_err().to_string().len() < 300);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_is_a_panic(text in ".*", version in "(CVSS:[234]\\.[01]/)?", metrics in "([ACEIPRSUVXHLNMT]{1,3}:[HLNMPCXAU]/){0,14}") {
            let _ = score(&text);
            let _ = score(&format!("{version}{metrics}"));
        }
    }
}
