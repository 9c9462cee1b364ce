//! `plimsoll registry list`.

use std::fmt::Write as _;

use indicatif::DecimalBytes;
use plimsoll_oci::Kind;
use serde_json::{Value, json};

use super::args::{ListArgs, TableOrJson};
use super::columns::{number, text, word, written};
use super::table::{count, counted, short, unread};
use super::walk::{Found, LeftOut, Walk, walk};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::reach_registry;

pub(super) fn run(
    arguments: &ListArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let options = reach_registry(&arguments.reach, settings)?;
    let walk = walk(&arguments.selection, &options, bars)?;
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let written = match arguments.format {
        TableOrJson::Table => as_table(&walk, environment.width),
        TableOrJson::Json => {
            let text = serde_json::to_string_pretty(&as_json(&walk))
                .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
            format!("{text}\n")
        }
    };
    output::write(arguments.output.as_deref(), written.as_bytes())?;
    Ok(if walk.unread.is_empty() { Exit::Passed } else { Exit::CouldNotScan })
}

fn as_table(walk: &Walk, width: usize) -> String {
    let is_pushed = walk.found.iter().any(|found| found.pushed.is_some());
    let columns = [
        text("REPOSITORY"),
        text("TAGS"),
        word("DIGEST"),
        text("PLATFORMS"),
        number("SIZE"),
        word(if is_pushed { "PUSHED" } else { "BUILT" }),
    ];
    let rows: Vec<Vec<String>> = walk
        .found
        .iter()
        .map(|found| {
            let time = if is_pushed { found.pushed.as_deref() } else { found.created() };
            vec![
                found.repository.clone(),
                found.tags.join(", "),
                short(&found.survey.digest),
                what(found),
                match found.survey.kind {
                    Kind::Artifact(_) => String::new(),
                    Kind::Image | Kind::Index => DecimalBytes(found.survey.size_bytes).to_string(),
                },
                time.map_or_else(|| "-".to_owned(), |time| time.chars().take(10).collect()),
            ]
        })
        .collect();
    let mut out = String::new();
    if !rows.is_empty() {
        out = written(&columns, &rows, width);
        out.push('\n');
    }
    unread(&mut out, "could not be read", &walk.unread, width);
    let tags: usize = walk.found.iter().map(|found| found.tags.len()).sum();
    let _ = writeln!(
        out,
        "{} under {} in {} of {}",
        counted(walk.found.len(), "digest"),
        counted(tags, "tag"),
        count(walk.repositories, "repository", "repositories"),
        walk.registry
    );
    let left = left_out(&walk.left_out);
    if !left.is_empty() {
        let _ = writeln!(out, "left out: {left}");
    }
    crate::exit::printable(&out)
}

/// Platforms, without `linux/`, which nearly all have; of what is no image its type.
fn what(found: &Found) -> String {
    if let Kind::Artifact(kind) = &found.survey.kind {
        return if kind.is_empty() { "no image".to_owned() } else { format!("no image: {kind}") };
    }
    let names = found.survey.members.iter().map(|member| {
        let name = member.platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        name.strip_prefix("linux/").map_or(name.clone(), str::to_owned)
    });
    names.collect::<Vec<_>>().join(", ")
}

/// What was left out, in words; empty where nothing was.
pub(super) fn left_out(left: &LeftOut) -> String {
    let parts = [
        (left.statements, "tag of signatures and attestations", "tags of signatures and attestations"),
        (left.unselected, "tag that was not asked for", "tags that were not asked for"),
        (left.older, "older image", "older images"),
        (left.artifacts, "tag of what is no image", "tags of what is no image"),
        (left.other_platforms, "image of another platform", "images of other platforms"),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    parts.map(|(number, one, many)| count(number, one, many)).collect::<Vec<_>>().join(", ")
}

pub(super) fn left_out_json(left: &LeftOut) -> Value {
    json!({
        "statements": left.statements,
        "unselected": left.unselected,
        "older": left.older,
        "artifacts": left.artifacts,
        "other_platforms": left.other_platforms,
    })
}

fn as_json(walk: &Walk) -> Value {
    let images = walk.found.iter().map(|found| {
        let (kind, artifact_type) = match &found.survey.kind {
            Kind::Image => ("image", None),
            Kind::Index => ("index", None),
            Kind::Artifact(kind) => ("artifact", Some(kind)),
        };
        json!({
            "repository": found.repository,
            "tags": found.tags,
            "digest": found.survey.digest,
            "kind": kind,
            "artifact_type": artifact_type,
            "images": found.survey.members.iter().map(|member| json!({
                "digest": member.digest,
                "platform": member.platform.as_ref().map(ToString::to_string),
                "created": member.created,
            })).collect::<Vec<_>>(),
            "size_bytes": found.survey.size_bytes,
            "pushed": found.pushed,
        })
    });
    json!({
        "registry": walk.registry,
        "images": images.collect::<Vec<_>>(),
        "unread": walk.unread.iter().map(|one| json!({"what": one.what, "reason": one.reason})).collect::<Vec<_>>(),
        "left_out": left_out_json(&walk.left_out),
    })
}
