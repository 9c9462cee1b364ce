//! What is written of a scan: in which formats, and where.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_model::{Scan, Verdict};
use plimsoll_report::{AwsAccount, GithubCommit, MAX_TEMPLATE_BYTES, Report, TableOptions, Template};
use plimsoll_store::KeyFields;

use crate::args::{Format, ReportArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::store::{self, ObjectPlace, Sending};

/// Columns of a table in a file.
const FILE_WIDTH: usize = 80;

/// The reports of one scan, checked before it begins.
#[derive(Debug)]
pub(crate) struct Reports {
    planned: Vec<(Format, Destination)>,
    /// How reports are sent; only where one goes to a bucket.
    sending: Option<Sending>,
    template: Option<Template>,
    aws: Option<Aws>,
    github: Option<Github>,
    instant: String,
    width: usize,
    color: bool,
}

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Destination {
    Stdout,
    File(PathBuf),
    Object(ObjectPlace),
}

impl Destination {
    fn object(&self) -> Option<&ObjectPlace> {
        match self {
            Self::Object(place) => Some(place),
            Self::Stdout | Self::File(_) => None,
        }
    }
}

/// The account that findings are imported into.
#[derive(Debug)]
struct Aws {
    account: String,
    region: String,
    product_arn: Option<String>,
}

/// The commit that an image was built from, and the job that built it.
#[derive(Debug)]
struct Github {
    sha: String,
    reference: String,
    run: String,
    job: String,
    run_url: Option<String>,
}

impl Reports {
    /// What the flags ask for. Wrong is here what could not be written, whatever the scan finds.
    pub(crate) fn plan(
        arguments: &ReportArgs,
        certificates: &[PathBuf],
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let planned = planned(arguments, settings).map_err(|error| Failure::new(Exit::Usage, error))?;
        let writes = |name: &str| planned.iter().any(|(format, _)| format.name() == name);
        let template = match &arguments.template {
            Some(file) if writes(Format::TEMPLATE) => Some(template(file)?),
            Some(file) => {
                let error = anyhow!(
                    "cannot use template `{}`: expected `--format template` or `--output template=FILE`, found neither",
                    file.display()
                );
                return Err(Failure::new(Exit::Usage, error));
            }
            None if writes(Format::TEMPLATE) => {
                return Err(missing(Format::TEMPLATE, "--template FILE", "the template"));
            }
            None => None,
        };
        let aws = writes("asff").then(|| aws(arguments, environment)).transpose()?;
        let github = writes("github-snapshot").then(|| github(arguments, environment)).transpose()?;
        let instant = environment.instant();
        let (width, color) = (environment.width, environment.color);
        let places: Vec<&ObjectPlace> = planned.iter().filter_map(|(_, to)| to.object()).collect();
        let sending = if places.is_empty() {
            None
        } else {
            let (objects, if_absent) = (&arguments.objects, arguments.if_absent);
            let sending = Sending::new(objects, if_absent, certificates, settings, environment)?;
            for place in places {
                place.open(&sending).map_err(|error| store::failure(error, Exit::Usage))?;
            }
            Some(sending)
        };
        let reports = Self { planned, sending, template, aws, github, instant, width, color };
        reports.rehearse()?;
        Ok(reports)
    }

    /// Whether any of them says something of flaws.
    pub(crate) fn show_findings(&self) -> bool {
        self.planned.iter().any(|(format, _)| match format {
            Format::Known(format) => format.shows_findings,
            Format::Template => true,
        })
    }

    /// Writes all of them. One that cannot be written does not keep back the others; the first failure is returned, the
    /// others are told. `version` is that of the tool that scanned; `exit` what the verdict comes to.
    pub(crate) fn write(
        &self,
        scan: &Scan,
        version: Option<&str>,
        exit: Option<Exit>,
        bars: &Bars,
    ) -> Result<(), Failure> {
        if !self.planned.iter().any(|(_, to)| *to == Destination::Stdout) && exit.is_some() {
            match scan.decision.verdict {
                Verdict::Passed => {}
                Verdict::Failed => bars.note(&format!(
                    "the gate failed: {} of {} findings",
                    scan.decision.failures().count(),
                    scan.findings.len()
                )),
                Verdict::Undecided => bars.note("undecided: not all could be read or compared"),
            }
        }
        bars.finish().iter().for_each(|note| eprintln!("{note}"));
        let mut first = None;
        // Files before stdout, whose reader may go away.
        let (stdout, files): (Vec<_>, Vec<_>) = self
            .planned
            .iter()
            .filter(|(_, to)| to.object().is_none())
            .partition(|(_, to)| *to == Destination::Stdout);
        for (format, to) in files.into_iter().chain(stdout) {
            let file = match to {
                Destination::File(file) => Some(file.as_path()),
                Destination::Stdout | Destination::Object(_) => None,
            };
            let mut bytes = Vec::new();
            let written = self
                .render(*format, file.is_some(), scan, version, exit, &mut bytes)
                .and_then(|()| output::write(file, &bytes));
            if let Err(failure) = written {
                match first {
                    None => first = Some(failure),
                    Some(_) => eprintln!("{failure}"),
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// The report that would go to stdout, as it is for a file; nothing where none would. For a caller that writes many.
    pub(crate) fn document(&self, scan: &Scan, exit: Exit) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        for (format, _) in self.planned.iter().filter(|(_, to)| *to == Destination::Stdout) {
            self.render(*format, true, scan, None, Some(exit), &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Uploads those that go to buckets, when the verdict is said and what is local is written. One that cannot be sent
    /// is kept in the current folder, and does not keep back the others.
    pub(crate) fn upload(
        &self,
        scan: &Scan,
        version: Option<&str>,
        exit: Option<Exit>,
        now: jiff::Timestamp,
    ) -> Vec<Failure> {
        let Some(sending) = &self.sending else { return Vec::new() };
        let subject = store::image_subject(&scan.inventory);
        let mut failures = Vec::new();
        for (format, to) in &self.planned {
            let Some(place) = to.object() else { continue };
            let fields = KeyFields {
                subject: &subject,
                time: now,
                format: format.name(),
                extension: format.extension(),
                verdict: store::verdict_word(scan),
            };
            let mut bytes = Vec::new();
            let sent = self
                .render(*format, true, scan, version, exit, &mut bytes)
                .and_then(|()| place.send(&fields, bytes, sending));
            failures.extend(sent.err());
        }
        failures
    }

    fn render(
        &self,
        format: Format,
        into_file: bool,
        scan: &Scan,
        version: Option<&str>,
        exit: Option<Exit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let nothing = Report::new(scan);
        let needs_instant = match format {
            Format::Known(format) => format.needs_instant,
            Format::Template => true,
        };
        let report = Report {
            table: TableOptions {
                width: if into_file { FILE_WIDTH } else { self.width },
                color: self.color && !into_file,
                exit_status: exit.map(|exit| exit as u8),
            },
            created: needs_instant.then_some(self.instant.as_str()),
            tool_version: version.unwrap_or(nothing.tool_version),
            aws: self.aws.as_ref().map(|aws| AwsAccount {
                account: &aws.account,
                region: &aws.region,
                product_arn: aws.product_arn.as_deref(),
            }),
            github: self.github.as_ref().map(|github| GithubCommit {
                sha: &github.sha,
                reference: &github.reference,
                job_id: &github.run,
                job_correlator: &github.job,
                job_url: github.run_url.as_deref(),
            }),
            ..nothing
        };
        let written = match (format, &self.template) {
            (Format::Known(format), _) => (format.write)(&report, out),
            (Format::Template, Some(template)) => template.write(&report, out),
            (Format::Template, None) => Ok(()),
        };
        written.map_err(|error| {
            let is_template = matches!(error, plimsoll_report::Error::Template { .. });
            Failure::new(if is_template { Exit::Usage } else { Exit::CouldNotScan }, error)
        })
    }

    /// Writes each format of an empty scan, for which it must take what it is given: an account of eleven digits is told
    /// before an image is pulled. Not the template, which may expect something of what is found.
    fn rehearse(&self) -> Result<(), Failure> {
        let nothing = Scan::default();
        for (format, _) in self.planned.iter().filter(|(format, _)| matches!(format, Format::Known(_))) {
            self.render(*format, true, &nothing, None, None, &mut Vec::new())
                .map_err(|failure| Failure { exit: Exit::Usage, ..failure })?;
        }
        Ok(())
    }
}

/// Formats and their destinations, in the order of the flags; what goes to stdout because nothing else was said is last.
fn planned(arguments: &ReportArgs, settings: &Settings) -> anyhow::Result<Vec<(Format, Destination)>> {
    let of_template = arguments.template.as_ref().map(|_| Format::Template);
    let default = arguments.format.or(of_template).or(settings.format).unwrap_or_default();
    let mut planned = Vec::new();
    let mut takes_default = false;
    for text in &arguments.output {
        let (format, to) = destination(text)?;
        takes_default |= format.is_none();
        planned.push((format.unwrap_or(default), to));
    }
    // A format that was asked for and has no file is for the terminal.
    if planned.is_empty() || (arguments.format.is_some() && !takes_default) {
        planned.push((default, Destination::Stdout));
    }
    let mut stdout =
        planned.iter().filter(|(_, to)| *to == Destination::Stdout).map(|(format, _)| format.name());
    if let (Some(first), Some(second)) = (stdout.next(), stdout.next()) {
        return Err(anyhow!(
            "cannot write reports: expected one at most for stdout, found `{first}` and `{second}`"
        ));
    }
    let mut files = BTreeSet::new();
    for (format, to) in &planned {
        let (place, name) = match to {
            Destination::File(file) => (output::place(file), file.display().to_string()),
            Destination::Object(place) => {
                (PathBuf::from(place.example(format.name(), format.extension())), place.to_string())
            }
            Destination::Stdout => continue,
        };
        if !files.insert(place) {
            return Err(anyhow!("cannot write reports: expected a file for each, found `{name}` twice"));
        }
    }
    Ok(planned)
}

/// Reads `FORMAT=FILE`, `FORMAT=-`, `FILE` or `-`.
fn destination(text: &str) -> anyhow::Result<(Option<Format>, Destination)> {
    let to = |file: &str| {
        if let Some(place) = ObjectPlace::parse(file, "results")? {
            return Ok(Destination::Object(place));
        }
        anyhow::Ok(if file == "-" || output::is_stdout(&output::place(Path::new(file))) {
            Destination::Stdout
        } else {
            Destination::File(PathBuf::from(file))
        })
    };
    match text.split_once('=') {
        Some((word, file)) if is_word(word) => {
            let format = Format::try_from(word.to_owned()).map_err(|expected| {
                anyhow!("cannot write report `{text}`: {expected}; for a file of that name write `./{text}`")
            })?;
            if file.is_empty() {
                return Err(anyhow!("cannot write report `{text}`: expected a file behind `=`, found none"));
            }
            Ok((Some(format), to(file)?))
        }
        _ if text.is_empty() => Err(anyhow!("cannot write report: expected a file's name, found none")),
        _ => Ok((None, to(text)?)),
    }
}

/// Whether it can be meant as a format: letters, digits and `-`.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn aws(arguments: &ReportArgs, environment: &Environment) -> Result<Aws, Failure> {
    let context = &arguments.context;
    let account = context.aws_account.as_ref().or(environment.aws_account.as_ref());
    let region = context.aws_region.as_ref().or(environment.aws_region.as_ref());
    Ok(Aws {
        account: account.cloned().ok_or_else(|| missing("asff", "--aws-account", "an AWS account"))?,
        region: region
            .cloned()
            .ok_or_else(|| missing("asff", "--aws-region or AWS_REGION", "the account's region"))?,
        product_arn: context.aws_product_arn.clone(),
    })
}

fn github(arguments: &ReportArgs, environment: &Environment) -> Result<Github, Failure> {
    let (context, job) = (&arguments.context, &environment.github);
    let needed = |flag: &Option<String>, variable: &Option<String>, names: &str, what: &str| {
        flag.as_ref().or(variable.as_ref()).cloned().ok_or_else(|| missing("github-snapshot", names, what))
    };
    Ok(Github {
        sha: needed(&context.github_sha, &job.sha, "--github-sha or GITHUB_SHA", "the commit")?,
        reference: needed(
            &context.github_ref,
            &job.reference,
            "--github-ref or GITHUB_REF",
            "the branch or tag",
        )?,
        run: needed(&context.github_run, &job.run, "--github-run or GITHUB_RUN_ID", "the run")?,
        job: needed(&context.github_job, &job.job, "--github-job or GITHUB_JOB", "the job")?,
        run_url: context.github_run_url.clone().or_else(|| job.run_url.clone()),
    })
}

fn missing(format: &str, flags: &str, what: &str) -> Failure {
    let error = anyhow!("cannot write report `{format}`: expected {what}, found none");
    Failure::new(Exit::Usage, error).hint(format!("give it with {flags}"))
}

/// Reads and compiles a template. Those that it includes must lie in its folder.
fn template(file: &Path) -> Result<Template, Failure> {
    let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
    let text =
        text_of(file).with_context(|| format!("cannot read template `{}`", file.display())).map_err(usage)?;
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| usage(error.into()))?;
    let name = file.display().to_string();
    let load = move |name: &str| {
        let file = folder.join(name).canonicalize().ok()?;
        file.starts_with(&folder).then(|| text_of(&file).ok())?
    };
    Template::new(&name, &text, load).map_err(|error| usage(error.into()))
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_TEMPLATE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TEMPLATE_BYTES {
        return Err(anyhow!("expected at most {MAX_TEMPLATE_BYTES} bytes, found more"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(format: Option<&str>, outputs: &[&str], setting: Option<&str>) -> Result<Vec<String>, String> {
        let format_of = |word: Option<&str>| word.map(|word| Format::try_from(word.to_owned()).unwrap());
        let arguments = ReportArgs {
            format: format_of(format),
            output: outputs.iter().map(|&text| text.to_owned()).collect(),
            ..ReportArgs::default()
        };
        let mut settings = Settings::default();
        settings.format = format_of(setting);
        let planned = planned(&arguments, &settings).map_err(|error| error.to_string())?;
        let line = |(format, to): (Format, Destination)| match to {
            Destination::Stdout => format!("{} -", format.name()),
            Destination::File(file) => format!("{} {}", format.name(), file.display()),
            Destination::Object(place) => format!("{} {place}", format.name()),
        };
        Ok(planned.into_iter().map(line).collect())
    }

    #[test]
    fn flags_say_what_goes_where() {
        for (format, outputs, setting, expected) in [
            (None, &[][..], None, &["table -"][..]),
            (None, &[], Some("json"), &["json -"]),
            (Some("json"), &[], Some("table"), &["json -"]),
            (Some("json"), &["a.json"], None, &["json a.json"]),
            (None, &["a.txt"], Some("markdown"), &["markdown a.txt"]),
            (None, &["junit=a", "SARIF=b"], None, &["junit a", "sarif b"]),
            (None, &["csv=a", "sarif=b"], Some("json"), &["csv a", "sarif b"]),
            (Some("table"), &["csv=a"], None, &["csv a", "table -"]),
            (Some("table"), &["csv=a", "b"], None, &["csv a", "table b"]),
            (None, &["table=-", "csv=a"], None, &["table -", "csv a"]),
            (Some("json"), &["-"], None, &["json -"]),
            (Some("json"), &["./a=b.json"], None, &["json ./a=b.json"]),
            (None, &["a.b=c"], None, &["table a.b=c"]),
            (None, &["json=a=b"], None, &["json a=b"]),
            (None, &["s3://b/a=b.json"], Some("json"), &["json s3://b/a=b.json"]),
            (None, &["json=s3://b/{tag}", "csv=a"], None, &["json s3://b/{tag}", "csv a"]),
        ] {
            assert_eq!(plan(format, outputs, setting).unwrap(), expected, "{outputs:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        for (format, outputs, part) in [
            (None, &["tabel=a"][..], "found `tabel`; for a file of that name write `./tabel=a`"),
            (None, &["json="], "expected a file behind `=`, found none"),
            (None, &[""], "expected a file's name, found none"),
            (Some("table"), &["json=-"], "expected one at most for stdout, found `json` and `table`"),
            (None, &["json=s3://b/{image}"], "expected a placeholder among {registry}"),
            (None, &["s3://"], "found no bucket"),
            (None, &["json=s3://b/a", "csv=s3://b/a"], "found `s3://b/a` twice"),
            (None, &["json=a", "csv=./a"], "expected a file for each, found `./a` twice"),
        ] {
            let error = plan(format, outputs, None).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
