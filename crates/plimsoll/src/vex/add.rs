//! `plimsoll vex add`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::anyhow;
use plimsoll_model::Digest;
use plimsoll_vex::{
    Component, Header, MAX_DOCUMENT_BYTES, Product, Statement, Status, append, openvex, read,
};
use sha2::{Digest as _, Sha256};

use super::args::{AddArgs, StatusWord};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// How the name of a document begins for which none was given; vexctl's do so as well.
const DOCUMENT_ID: &str = "https://openvex.dev/docs/public/vex-";
/// What writes it.
const TOOLING: &str = concat!("plimsoll ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(arguments: &AddArgs, environment: &Environment) -> Result<Exit, Failure> {
    let statement = statement(arguments)?;
    let now = environment.instant();
    let there = match &arguments.output {
        Some(path) => existing(path)?,
        None => None,
    };
    let text = if let Some((bytes, name)) = there {
        let known = read(&bytes, &name).map_err(|error| Failure::new(Exit::Usage, error))?;
        if let Some(other) = arguments.author.as_ref().filter(|author| author.trim() != known.author.trim()) {
            let what =
                format!("cannot add to `{name}`: expected its author `{}`, found `{other}`", known.author);
            return Err(usage(what).hint("write another document, or leave `--author` away"));
        }
        if arguments.document_id.as_ref().is_some_and(|id| *id != known.id) {
            let what = format!("cannot add to `{name}`: expected its own name `{}`", known.id);
            return Err(usage(what).hint("leave `--document-id` away"));
        }
        append(&bytes, &name, &[statement], &now)
    } else {
        let author =
            arguments.author.clone().filter(|author| !author.trim().is_empty()).ok_or_else(|| {
                usage("cannot write a VEX document: expected its author, found none".to_owned())
                    .hint("say who speaks with `--author 'ACME <security@acme.example>'`")
            })?;
        let id = arguments.document_id.clone().unwrap_or_else(|| document_id(&author, &now, &statement));
        openvex(&Header { id, author, timestamp: now, tooling: TOOLING.to_owned() }, &[statement])
    };
    let text = text.map_err(|error| Failure::new(Exit::Usage, error))?;
    output::write(arguments.output.as_deref(), text.as_bytes())?;
    Ok(Exit::Passed)
}

/// The statement of the flags.
fn statement(arguments: &AddArgs) -> Result<Statement, Failure> {
    let status = status(arguments)?;
    let subcomponents: Vec<Component> =
        arguments.subcomponents.iter().map(|text| component(text)).collect::<Result<_, _>>()?;
    let products = arguments
        .products
        .iter()
        .map(|text| Ok(Product { component: component(text)?, subcomponents: subcomponents.clone() }))
        .collect::<Result<_, Failure>>()?;
    if arguments.aliases.iter().any(|alias| alias.trim().is_empty()) {
        let what = "expected another name with `--alias`, found none";
        return Err(usage(format!("cannot write VEX statement on `{}`: {what}", arguments.id)));
    }
    let mut vulnerability = vec![arguments.id.clone()];
    vulnerability.extend(arguments.aliases.iter().filter(|alias| **alias != arguments.id).cloned());
    Ok(Statement { at: String::new(), vulnerability, products, status, timestamp: String::new() })
}

/// The status of the flags, each of which belongs to one status alone. What is missing is told here by the flag's name;
/// the writer would refuse it as well.
fn status(arguments: &AddArgs) -> Result<Status, Failure> {
    let AddArgs { justification, impact, action, .. } = arguments;
    let what = format!("cannot write VEX statement on `{}`", arguments.id);
    let is_not_affected = arguments.status == StatusWord::NotAffected;
    let is_affected = arguments.status == StatusWord::Affected;
    for (flag, is_given, is_apt, word) in [
        ("--justification", justification.is_some(), is_not_affected, "not_affected"),
        ("--impact", impact.is_some(), is_not_affected, "not_affected"),
        ("--action", action.is_some(), is_affected, "affected"),
    ] {
        if is_given && !is_apt {
            return Err(usage(format!("{what}: expected `{flag}` with `--status {word}` only")));
        }
    }
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    Ok(match arguments.status {
        StatusWord::NotAffected if justification.is_none() && said(impact).is_none() => {
            let why = "expected a justification or an impact statement beside `not_affected`, found none";
            return Err(usage(format!("{what}: {why}"))
                .hint("say why with `--justification WORD` or `--impact TEXT`"));
        }
        StatusWord::NotAffected => {
            Status::NotAffected { justification: *justification, impact: said(impact).unwrap_or_default() }
        }
        StatusWord::Affected => Status::Affected {
            action: said(action).ok_or_else(|| {
                usage(format!("{what}: expected an action statement beside `affected`, found none"))
                    .hint("say what to do with `--action TEXT`")
            })?,
        },
        StatusWord::Fixed => Status::Fixed,
        StatusWord::UnderInvestigation => Status::UnderInvestigation,
    })
}

fn component(text: &str) -> Result<Component, Failure> {
    Component::named(text).ok_or_else(|| {
        usage(format!(
            "cannot read product `{text}`: expected a package URL, the name of an image or a digest, found none of them"
        ))
    })
}

/// The document that is there, and its name; `None` where none is.
fn existing(path: &Path) -> Result<Option<(Vec<u8>, String)>, Failure> {
    let name = path.display().to_string();
    let failed = |error: io::Error| {
        let what = format!("cannot read VEX document `{name}`");
        Failure::new(Exit::Usage, anyhow::Error::new(error).context(what))
    };
    // What is no file holds nothing to add to, and a pipe would never end: `/dev/stdout`.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file() || metadata.is_dir());
    if path.exists() && !is_file {
        return Ok(None);
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    // One byte more than is read: a document that is too large is refused by its reader.
    let bytes = plimsoll_http::read_up_to(file, MAX_DOCUMENT_BYTES as u64 + 1).map_err(failed)?;
    Ok((!bytes.is_empty()).then_some((bytes, name)))
}

/// A name that follows from what the document says: said again by the same author at another time it is another one.
fn document_id(author: &str, now: &str, statement: &Statement) -> String {
    let mut hasher = Sha256::new();
    let said = format!("{:?} {:?} {:?}", statement.vulnerability, statement.products, statement.status);
    for part in [author, now, &said] {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    format!("{DOCUMENT_ID}{}", Digest::sha256(&hasher.finalize().into()).hex())
}

fn usage(what: String) -> Failure {
    Failure::new(Exit::Usage, anyhow!(what))
}
