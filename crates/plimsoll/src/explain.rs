//! `plimsoll explain`: why a flaw holds for a package, or does not.

use std::fmt::Write as _;

use anyhow::anyhow;
use plimsoll_match::Holds;
use plimsoll_model::{Inventory, OsRelease, Purl, SeveritySource};
use plimsoll_report::{os_from_purl, package_from_purl, printable};

use crate::args::ExplainArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::scan::open_database;
use crate::settings::Settings;

pub(crate) fn run(
    arguments: &ExplainArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let purl: Purl = arguments.purl.parse().map_err(|error: plimsoll_model::InvalidPurl| {
        Failure::new(Exit::Usage, error)
            .hint("write it as in `pkg:deb/debian/openssl@1.1.1n-0+deb11u3` or `pkg:pypi/flask@1.0`")
    })?;
    let package = package_from_purl(&purl, "purl").ok_or_else(|| {
        let what = format!(
            "cannot explain `{purl}`: expected a type whose advisories are read, found `{}`",
            purl.kind
        );
        Failure::new(Exit::Usage, anyhow!(what))
    })?;
    if package.version.is_empty() {
        let what = format!("cannot explain `{purl}`: expected a version behind `@`, found none");
        return Err(Failure::new(Exit::Usage, anyhow!(what)));
    }
    let os = match &arguments.distro {
        Some(text) => Some(distro(text)?),
        None => os_from_purl(&purl),
    };
    if package.kind.is_os() && os.is_none() {
        let what = format!("cannot explain `{purl}`: expected the distribution release, found none");
        return Err(Failure::new(Exit::Usage, anyhow!(what))
            .hint("add --distro debian:11, or `?distro=debian-11` to the package URL"));
    }
    let database = open_database(arguments.db.as_deref(), settings, environment)?;
    let inventory = Inventory { os, packages: vec![package], ..Inventory::default() };
    let text = explain(&inventory, &purl, &arguments.id, &database)
        .map_err(|error| Failure::new(Exit::NoAdvisories, error).hint("build the database again"))?;
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

/// `debian:11`, `alpine:3.18`.
fn distro(text: &str) -> Result<OsRelease, Failure> {
    match text.split_once(':') {
        Some((id, version)) if !id.is_empty() && !version.is_empty() => Ok(OsRelease {
            id: id.to_ascii_lowercase(),
            version_id: version.to_owned(),
            pretty_name: format!("{id} {version}"),
            ..OsRelease::default()
        }),
        // Some distributions have no releases: `wolfi`.
        None if !text.is_empty() => Ok(OsRelease { id: text.to_ascii_lowercase(), ..OsRelease::default() }),
        _ => Err(Failure::new(
            Exit::Usage,
            anyhow!("cannot read --distro `{text}`: expected ID:VERSION as in `debian:11`"),
        )),
    }
}

fn explain(
    inventory: &Inventory,
    purl: &Purl,
    id: &str,
    database: &plimsoll_db::Database,
) -> Result<String, plimsoll_model::LookupError> {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&printable(&line));
        text.push('\n');
    };
    let explanations = plimsoll_match::explain(inventory, database, id)?;
    let matches = plimsoll_match::evaluate(inventory, database)?;
    let is_asked = |known: &str, others: &[String]| known == id || others.iter().any(|other| other == id);
    line(format!("{id} in {purl}"));
    for one in &explanations {
        let mut said =
            format!("  {} on `{}` of {}, against {}: ", one.advisory, one.name, one.namespace, one.version);
        match &one.holds {
            Holds::Yes { range, fixed } => {
                let fixed =
                    fixed.as_ref().map_or("no fix is named".to_owned(), |fixed| format!("fixed in {fixed}"));
                write!(said, "in the range {range}; {fixed}")
            }
            Holds::No { bounds } if bounds.is_empty() => write!(said, "in none of its ranges"),
            Holds::No { bounds } => write!(said, "in none of its ranges (bounds: {})", bounds.join(", ")),
            Holds::OtherModuleStream => write!(said, "speaks of another stream of the module"),
            Holds::Undetermined { reason } => write!(said, "cannot be said: {reason}"),
        }
        .expect("a string takes every text");
        line(said);
    }
    for gap in &matches.gaps {
        line(format!("  gap: {}", gap.reason));
    }
    let finding = matches
        .findings
        .iter()
        .find(|finding| is_asked(&finding.id, &finding.aliases) || is_asked("", &finding.advisories));
    let undetermined = matches.undetermined.iter().find(|one| one.id == id || one.advisory == id);
    if let Some(finding) = finding {
        let from = match &finding.severity.source {
            SeveritySource::Word(source) => format!("the word of {source}"),
            SeveritySource::Cvss { source, vector, score } => {
                format!("{}.{} computed from {vector} of {source}", score / 10, score % 10)
            }
            SeveritySource::Score { source, score } => {
                format!("the score {}.{} of {source}", score / 10, score % 10)
            }
            SeveritySource::Nobody => "nobody has said".to_owned(),
        };
        line(format!("  severity {}: {from}", finding.severity.severity));
        line("affected".to_owned());
    } else if let Some(undetermined) = undetermined {
        line(format!("  {}", undetermined.reason));
        line("undetermined".to_owned());
    } else if explanations.is_empty() && !matches.gaps.is_empty() {
        line("undetermined: no advisories for it are in the database".to_owned());
    } else if explanations.is_empty() {
        line(
            "not affected, as far as the database knows: no advisory of this flaw names the package"
                .to_owned(),
        );
    } else {
        line("not affected".to_owned());
    }
    Ok(text)
}
