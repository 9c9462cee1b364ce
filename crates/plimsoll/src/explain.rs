//! `plimsoll explain`: why a flaw holds for a package, or does not.

use anyhow::anyhow;
use plimsoll_model::{Inventory, OsRelease, Purl};
use plimsoll_report::{os_from_purl, package_from_purl};

use crate::args::ExplainArgs;
use crate::database::ScanDatabase;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::scan::match_options;
use crate::settings::Settings;

pub(crate) fn run(
    arguments: &ExplainArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
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
    let database = ScanDatabase::find(&arguments.database, &arguments.ca_cert, settings, environment)?;
    let options = match_options(&[], settings)?;
    let inventory = Inventory { os, packages: vec![package], ..Inventory::default() };
    let (snapshot, _) = database.open(&plimsoll_match::needed(&inventory), bars)?;
    let explained = plimsoll_match::explain(&inventory, &snapshot, &arguments.id, &options)
        .map_err(|error| Failure::new(Exit::NoAdvisories, error).hint("get the database again"))?;
    let text = plimsoll_report::write_explanation(&explained, &inventory, environment.width);
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
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
