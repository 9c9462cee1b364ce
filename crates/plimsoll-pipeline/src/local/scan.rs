//! `InspectorScan`, done by our own scanner in another process; thresholds as Inspector's.
//!
//! Source: AWS CodePipeline User Guide, "Amazon Inspector `InspectorScan` invoke action reference".

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;

use plimsoll_buildspec::Variable;
use serde::Deserialize;

use super::{COMPUTE_TIMEOUT, Local, Work, counted, ended, spec_of};
use crate::engine::{Done, Job};
use crate::place::Place;
use crate::state::Status;

/// Largest report, in bytes.
const MAX_REPORT_BYTES: u64 = 1 << 30;
/// Severities from the worst on, with the settings that bound them.
const LEVELS: [(&str, &str); 4] = [
    ("CRITICAL", "CriticalThreshold"),
    ("HIGH", "HighThreshold"),
    ("MEDIUM", "MediumThreshold"),
    ("LOW", "LowThreshold"),
];

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "Results", default)]
    results: Vec<Results>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(rename = "Vulnerabilities", default)]
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(rename = "Severity", default)]
    severity: String,
}

impl Local<'_> {
    pub(super) fn scan(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Done, String> {
        let workspace = self.workspace(job, log)?;
        let mut limits = Vec::new();
        for (level, key) in LEVELS {
            let limit = match self.setting(job, key)? {
                None => None,
                Some(text) => {
                    let number = text.parse::<u64>();
                    Some(number.map_err(|_| format!("expected a whole number as `{key}`, found `{text}`"))?)
                }
            };
            limits.push((level, key, limit));
        }
        let target = match (self.place(job), self.required(job, "InspectorRunMode")?.as_str()) {
            (Some(Place::Image(target)), _) => target.clone(),
            (_, "SourceCodeScan") => format!("dir:{}", workspace.folder.display()),
            (_, "ECRImageScan") => {
                let registry = self.setup.registry.as_deref().ok_or("expected a registry, found none")?;
                let tag = self.setting(job, "ImageTag")?.unwrap_or_else(|| "latest".to_owned());
                format!("{registry}/{}:{tag}", self.required(job, "ECRRepositoryName")?)
            }
            (_, other) => {
                let expected = "`SourceCodeScan` or `ECRImageScan` as `InspectorRunMode`";
                return Err(format!("expected {expected}, found `{other}`"));
            }
        };
        let out = job.work.join("out");
        fs::create_dir_all(&out).map_err(|error| format!("cannot make folder: {error}"))?;
        let commands = [
            "cd \"$PLIMSOLL_FOLDER\"",
            "\"$PLIMSOLL_PROGRAM\" scan \"$PLIMSOLL_TARGET\" --format json --output \"$PLIMSOLL_OUT/report.json\"",
            "\"$PLIMSOLL_PROGRAM\" sbom \"$PLIMSOLL_TARGET\" --format cyclonedx --output \"$PLIMSOLL_OUT/sbom.cdx.json\"",
        ];
        let spec = spec_of(&commands.map(str::to_owned), &[]);
        let work = Work {
            spec: &spec,
            spec_path: format!("{}/{}", job.stage, job.action.name).into(),
            workspace: &workspace.folder,
            project_variables: Vec::new(),
            start_variables: vec![
                Variable::plain("PLIMSOLL_PROGRAM", self.setup.scanner.display().to_string()),
                Variable::plain("PLIMSOLL_FOLDER", self.setup.folder.display().to_string()),
                Variable::plain("PLIMSOLL_TARGET", target.as_str()),
                Variable::plain("PLIMSOLL_OUT", out.display().to_string()),
            ],
            identity: self.identity(job, &job.action.name, Some(&workspace)),
            artifacts: None,
            reports: None,
            cache: None,
            timeout: Self::timeout(job.action, COMPUTE_TIMEOUT),
        };
        let mut done = ended(&self.run(job, work, log)?);
        let report = out.join("report.json");
        if !report.is_file() {
            return Ok(done);
        }
        let counts = counts(&report)?;
        let told =
            LEVELS.iter().zip(counts).map(|((level, _), count)| format!("{count} {}", level.to_lowercase()));
        let told = told.collect::<Vec<_>>().join(", ");
        let _ = writeln!(log, "{target}: {told}");
        let worst = LEVELS.iter().zip(counts).find(|(_, count)| *count > 0);
        let worst = worst.map_or("none".to_owned(), |((level, _), _)| level.to_lowercase());
        done.variables.insert("HighestScannedSeverity".to_owned(), worst);
        if done.status != Status::Succeeded {
            return Ok(done);
        }
        done.revision.clone_from(&workspace.revision);
        if let Some(output) = job.action.outputs.first() {
            done.artifacts.push((output.name.clone(), out));
        }
        let over = limits.iter().zip(counts).find_map(|((level, key, limit), count)| {
            let limit = limit.filter(|limit| count > *limit)?;
            let findings = counted(count, &format!("{} finding", level.to_lowercase()));
            Some(format!("{findings}, more than `{key}` {limit}"))
        });
        match over {
            Some(over) => {
                done.status = Status::Failed;
                done.message = Some(over);
            }
            None => done.message = Some(told),
        }
        Ok(done)
    }
}

/// How many findings of each level a report has.
fn counts(report: &Path) -> Result<[u64; 4], String> {
    let cannot = |error: &dyn std::fmt::Display| format!("cannot read the report of the scan: {error}");
    let file = File::open(report).map_err(|error| cannot(&error))?;
    let report: Report = serde_json::from_reader(BufReader::new(file.take(MAX_REPORT_BYTES)))
        .map_err(|error| cannot(&error))?;
    let mut counts = [0; 4];
    for finding in report.results.iter().filter_map(|results| results.vulnerabilities.as_ref()).flatten() {
        if let Some(level) = LEVELS.iter().position(|(level, _)| *level == finding.severity) {
            counts[level] += 1;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_level() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        for (text, expected) in [
            ("{}", Some([0, 0, 0, 0])),
            (r#"{"Results":[{"Vulnerabilities":null},{}]}"#, Some([0, 0, 0, 0])),
            (
                r#"{"Results":[{"Vulnerabilities":[{"Severity":"HIGH"},{"Severity":"LOW"},{"Severity":"HIGH"},{}]}]}"#,
                Some([0, 2, 0, 1]),
            ),
            ("<html>", None),
            ("", None),
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(counts(&file).ok(), expected, "{text}");
        }
    }
}
