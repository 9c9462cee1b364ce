//! A scan for `lacework`: made here, or by a server.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use plimsoll_http::Secret;
use plimsoll_model::{Scan, Severity};
use plimsoll_report::{Report, format_named};

use super::super::decide;
use super::super::words::{Given, usage};
use super::gate::Gate;
use super::print::Shown;
use super::rows::{Asked, ImageInfo, context, rows, word};
use super::server::{Credential, Server};
use super::{SERVER, decided, print};
use crate::args::{Action, Command};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::scan::{Guise, Writing, run_as};
use crate::settings::Settings;

/// The scan, decided by the flags, and kept.
struct Kept<'a> {
    gate: &'a Gate,
    scan: Option<Scan>,
}

impl Guise for Kept<'_> {
    fn decide(&mut self, scan: &mut Scan) -> bool {
        if !self.gate.asks() {
            return false;
        }
        decide(scan, &self.gate.words(), &|finding| {
            self.gate.fails(word(finding.severity.severity), finding.fix.version().is_some())
        });
        true
    }

    fn view(&mut self, scan: &Scan, _bars: &Bars) -> Option<Scan> {
        self.scan = Some(scan.clone());
        None
    }

    fn writing(&self) -> Writing {
        Writing::Done
    }
}

/// Scans here.
pub(super) fn here(
    given: &Given,
    asked: &Asked<'_>,
    shown: &Shown,
    gate: &Gate,
    environment: &Environment,
    bars: &Bars,
) -> Result<u8, Failure> {
    let sign = if asked.tag.starts_with("sha256:") { '@' } else { ':' };
    let target = format!("registry:{}/{}{sign}{}", asked.registry, asked.repository, asked.tag);
    let command = Command::try_parse_from(["plimsoll", "scan", "--format", "json", "--output", "-", &target])
        .map_err(|error| usage(error.to_string().trim().to_owned()))?;
    let settings = Settings::read(command.common.config.as_deref())?;
    let Action::Scan(arguments) = &command.action else {
        unreachable!("the words of a scan were made above")
    };
    let mut kept = Kept { gate, scan: None };
    let ended = run_as(arguments, &settings, environment, bars, &mut kept);
    let Some(scan) = kept.scan else {
        return ended.map(|_| 0);
    };
    let unrated =
        scan.findings.iter().filter(|finding| finding.severity.severity == Severity::Unknown).count();
    if unrated > 0 {
        bars.note(&format!("note: lacework: vulnerabilities that nobody has rated count as Info: {unrated}"));
    }
    let open = scan.undetermined.len() + scan.match_gaps.len() + scan.inventory.gaps.len();
    if open > 0 {
        bars.note(&format!(
            "note: lacework: not all could be read or compared: {open}; `plimsoll scan` lists what"
        ));
    }
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let rows = rows(&scan, asked);
    let image = context(&scan, asked);
    let mut text = String::new();
    if !given.is_on("json") {
        requested(&image.scan_request_props.request_id, &mut text);
        if shown.html && !rows.is_empty() {
            page(given, &scan, &image.image_info, environment, &mut text)?;
        }
    }
    print(given.is_on("json"), &image.image_info, &rows, shown, &mut text)?;
    let status = decided(gate, &rows);
    // What could not be stored fails what else had passed.
    match ended {
        Err(failure) if status != 0 => {
            eprintln!("{failure}");
            Ok(status)
        }
        Err(failure) => Err(failure),
        Ok(_) => Ok(status),
    }
}

/// Has a server scan.
pub(super) fn by_server(
    url: &str,
    given: &Given,
    asked: &Asked<'_>,
    shown: &Shown,
    gate: &Gate,
    environment: &Environment,
    bars: &Bars,
) -> Result<u8, Failure> {
    if shown.html {
        return Err(usage("cannot write a page of a server's scan: leave out `--html`".to_owned())
            .hint("`plimsoll scan --format html` writes one of a scan made here"));
    }
    let interval = given.text("poll_interval").map(interval).transpose()?;
    let settings = Settings::read(None)?;
    let mut options = plimsoll_http::Options::from_env();
    options.insecure_http.extend(settings.insecure_http.iter().cloned());
    options.ca_certificates.extend(settings.certificates(&[])?);
    bars.say(format!("asking {url}"));
    let server = Server::open(url, credential(given)?, given.text("subaccount"), &options)?;
    let requested_scan = server.request(asked)?;
    let is_json = given.is_on("json");
    let mut text = String::new();
    if !is_json {
        requested(&requested_scan.id, &mut text);
    }
    // A gate that is asked for is waited for.
    if !given.is_on("poll") && !gate.asks() {
        if is_json {
            let value =
                serde_json::json!({ "requestId": requested_scan.id, "status": requested_scan.status });
            let _ = writeln!(text, "{value:#}");
        } else {
            text.push_str("Add '--poll' to wait for its result.\n");
        }
        return output::write(None, text.as_bytes()).map(|()| 0);
    }
    if !given.is_on("poll") {
        bars.note("note: lacework: the result is waited for, as with `--poll`: a gate asks for it");
    }
    bars.say(format!("waiting for scan {}", requested_scan.id));
    let guid = server.wait(&requested_scan.id, interval)?;
    let rows = server.rows(&guid, &requested_scan.id, asked, environment.now)?;
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let image = rows.first().map_or_else(
        || ImageInfo {
            registry: asked.registry.to_owned(),
            repo: asked.repository.to_owned(),
            tags: vec![asked.tag.to_owned()],
            ..ImageInfo::default()
        },
        |row| row.eval_ctx.image_info.clone(),
    );
    print(is_json, &image, &rows, shown, &mut text)?;
    Ok(decided(gate, &rows))
}

fn requested(id: &str, text: &mut String) {
    let id = plimsoll_report::printable(id);
    let _ = write!(text, "A new vulnerability scan has been requested. (request_id: {id})\n\n");
}

fn credential(given: &Given) -> Result<Credential, Failure> {
    if let Some(token) = given.text("api_token") {
        return Ok(Credential::Token(Secret::new(token)));
    }
    match (given.text("api_key"), given.text("api_secret")) {
        (Some(id), Some(secret)) => Ok(Credential::Key { id: id.to_owned(), secret: Secret::new(secret) }),
        _ => Err(usage(format!("cannot ask the server of {SERVER}: one or more settings missing"))
            .hint("set LW_API_KEY and LW_API_SECRET, or LW_API_TOKEN")),
    }
}

/// `5`, `5s`, `1m`.
fn interval(text: &str) -> Result<Duration, Failure> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(number) => (number, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u32>().ok().filter(|seconds| *seconds > 0);
    seconds.map(|seconds| Duration::from_secs(u64::from(seconds) * unit)).ok_or_else(|| {
        usage(format!(
            "cannot read `--poll_interval` of lacework: expected seconds, as in `5`, found `{text}`"
        ))
    })
}

/// The page, beside what is printed.
fn page(
    given: &Given,
    scan: &Scan,
    image: &ImageInfo,
    environment: &Environment,
    text: &mut String,
) -> Result<(), Failure> {
    let default = format!("{}-{}.html", image.repo.replace('/', "-"), image.digest);
    let file = given.text("html_file").unwrap_or(&default);
    write_page(scan, Path::new(file), environment)?;
    let _ = write!(text, "The container vulnerability assessment was stored at '{file}'\n\n");
    Ok(())
}

/// Our own page of a scan, in a file.
pub(in crate::facade) fn write_page(
    scan: &Scan,
    file: &Path,
    environment: &Environment,
) -> Result<(), Failure> {
    let format = format_named("html").expect("it is one of the formats");
    let instant = environment.instant();
    let report = Report { created: Some(&instant), ..Report::new(scan) };
    let mut bytes = Vec::new();
    (format.write)(&report, &mut bytes).map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
    output::write(Some(file), &bytes)
}
