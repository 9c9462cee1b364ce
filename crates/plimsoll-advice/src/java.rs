//! Maven and Gradle.

use crate::action::{Draft, Step};

/// Group, artifact and version, sorted.
fn coordinates<'a>(steps: &'a [Step<'_>]) -> Vec<(&'a str, &'a str, &'a str)> {
    let mut all: Vec<_> = steps
        .iter()
        .filter_map(|step| {
            let (group, artifact) = step.name()?.split_once(':')?;
            Some((group, artifact, step.to.as_str()))
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn dependencies(steps: &[Step<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    for (group, artifact, version) in coordinates(steps) {
        lines.push("<dependency>".to_owned());
        lines.push(format!("  <groupId>{group}</groupId>"));
        lines.push(format!("  <artifactId>{artifact}</artifactId>"));
        lines.push(format!("  <version>{version}</version>"));
        lines.push("</dependency>".to_owned());
    }
    lines
}

pub(crate) fn pom(steps: &[Step<'_>]) -> Draft {
    Draft::new("maven", dependencies(steps))
        .with_remark("the version of the dependency, or of the property that it names")
}

pub(crate) fn archive(path: &str, steps: &[Step<'_>]) -> Draft {
    let path = if path.is_empty() { "the archive" } else { path };
    Draft::new("maven", dependencies(steps)).with_remark(format!(
        "in `<dependencyManagement>` of what {path} is built from, or a newer release of it"
    ))
}

pub(crate) fn folder(steps: &[Step<'_>]) -> Draft {
    Draft::new("maven", dependencies(steps))
        .with_remark("in `<dependencyManagement>` of what fills the folder, or a newer release of that")
}

pub(crate) fn gradle(steps: &[Step<'_>]) -> Draft {
    let mut lines = vec!["constraints {".to_owned()];
    let coordinates = coordinates(steps);
    let none = coordinates.is_empty();
    for (group, artifact, version) in coordinates {
        lines.push(format!("    implementation(\"{group}:{artifact}:{version}\")"));
    }
    lines.push("}".to_owned());
    Draft::new("gradle", if none { Vec::new() } else { lines })
        .with_remark("in `dependencies` of the build file, and `gradle dependencies --write-locks` after it")
}
