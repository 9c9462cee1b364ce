//! The only place that looks at the environment and the machine.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use plimsoll_http::Secret;

/// What the surroundings of the command say.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Columns of the terminal on stdout; 80 where it is none, or does not say.
    pub(crate) width: usize,
    /// Whether stdout takes colour.
    pub(crate) color: bool,
    /// Whether stderr may show progress bars.
    pub(crate) progress: bool,
    /// Where results of layers are kept by default.
    pub(crate) cache_folder: PathBuf,
    /// Where what one call leaves for the next is kept: baselines.
    pub(crate) state_folder: PathBuf,
    /// Where the advisory database is looked for by default.
    pub(crate) database: PathBuf,
    /// Where results are stored by default.
    pub(crate) store: PathBuf,
    /// Where the system keeps temporary files.
    pub(crate) temporary_folder: PathBuf,
    /// The time at which the command was called. The only clock there is: no result depends on it but whether a
    /// database is too old, and reports of formats that must bear an instant.
    pub(crate) now: jiff::Timestamp,
    /// The instant that such reports bear instead: `SOURCE_DATE_EPOCH`, in seconds since 1970.
    ///
    /// Source: reproducible-builds.org, "`SOURCE_DATE_EPOCH` specification".
    pub(crate) source_date: Option<jiff::Timestamp>,
    /// Threads the machine runs at once.
    pub(crate) threads: usize,
    /// The AWS account that a build runs in, from `CODEBUILD_BUILD_ARN`.
    pub(crate) aws_account: Option<String>,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`.
    pub(crate) aws_region: Option<String>,
    /// The job of GitHub Actions.
    pub(crate) github: GithubJob,
    /// The build that calls.
    pub(crate) build: Build,
    /// `COSIGN_PASSWORD`, which opens keys that cosign has encrypted.
    pub(crate) cosign_password: Option<Secret>,
}

/// What a build service says of the build that calls.
///
/// Source: AWS `CodeBuild`, "Environment variables in build environments"; GitHub, "Variables reference"; GitLab,
/// "Predefined CI/CD variables reference"; Jenkins, "Using environment variables".
#[derive(Clone, Debug, Default)]
pub(crate) struct Build {
    /// `CODEBUILD_BUILD_ID`, `GITHUB_RUN_ID`, `CI_JOB_ID` or else `CI_JOB_URL`, `BUILD_TAG`: the first that is there.
    pub(crate) id: String,
    /// Its page: `CODEBUILD_BUILD_URL`, GitHub's run, `CI_JOB_URL`, `BUILD_URL`.
    pub(crate) url: String,
    /// The service.
    pub(crate) service: &'static str,
}

/// What GitHub Actions says of the job that calls.
///
/// Source: GitHub documentation, "Variables reference", default environment variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct GithubJob {
    /// `GITHUB_SHA`.
    pub(crate) sha: Option<String>,
    /// `GITHUB_REF`.
    pub(crate) reference: Option<String>,
    /// `GITHUB_RUN_ID`.
    pub(crate) run: Option<String>,
    /// `GITHUB_JOB`.
    pub(crate) job: Option<String>,
    /// The run's page, made of `GITHUB_SERVER_URL`, `GITHUB_REPOSITORY` and `GITHUB_RUN_ID`.
    pub(crate) run_url: Option<String>,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
    pub(crate) fn read() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = |name: &str, default: &str| {
            variable(name).map_or_else(|| home.join(default), PathBuf::from).join("plimsoll")
        };
        let plain = variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|term| term == "dumb");
        let ci = variable("CI").is_some();
        let stdout = std::io::stdout();
        let columns = variable("COLUMNS").and_then(|text| text.to_str()?.parse().ok());
        let width = match columns {
            Some(columns) => columns,
            None if stdout.is_terminal() => console_width(),
            None => 80,
        };
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let run_url = || {
            let server = text("GITHUB_SERVER_URL")?;
            Some(format!("{server}/{}/actions/runs/{}", text("GITHUB_REPOSITORY")?, text("GITHUB_RUN_ID")?))
        };
        Self {
            width,
            color: stdout.is_terminal() && !plain && !ci,
            progress: std::io::stderr().is_terminal() && !ci,
            cache_folder: folder("XDG_CACHE_HOME", ".cache"),
            state_folder: folder("XDG_STATE_HOME", ".local/state"),
            database: folder("XDG_DATA_HOME", ".local/share"),
            store: folder("XDG_DATA_HOME", ".local/share").join("store"),
            temporary_folder: std::env::temp_dir(),
            now: jiff::Timestamp::now(),
            source_date: variable("SOURCE_DATE_EPOCH")
                .and_then(|text| jiff::Timestamp::from_second(text.to_str()?.parse().ok()?).ok()),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            // arn:aws:codebuild:REGION:ACCOUNT:build/…
            aws_account: text("CODEBUILD_BUILD_ARN").and_then(|arn| {
                arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned)
            }),
            aws_region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
            github: GithubJob {
                sha: text("GITHUB_SHA"),
                reference: text("GITHUB_REF"),
                run: text("GITHUB_RUN_ID"),
                job: text("GITHUB_JOB"),
                run_url: run_url(),
            },
            build: build(&text, run_url()),
            // An empty one opens keys that were made with an empty one.
            cosign_password: std::env::var("COSIGN_PASSWORD").ok().map(Secret::new),
        }
    }

    /// The instant for a report that must bear one: `2026-01-31T12:00:00Z`.
    pub(crate) fn instant(&self) -> String {
        let instant = self.source_date.unwrap_or(self.now);
        jiff::Timestamp::from_second(instant.as_second()).unwrap_or(instant).to_string()
    }
}

/// The first service that says that this is a build of its own.
fn build(text: &dyn Fn(&str) -> Option<String>, github: Option<String>) -> Build {
    for (service, id, url) in [
        ("AWS CodeBuild", "CODEBUILD_BUILD_ID", "CODEBUILD_BUILD_URL"),
        ("GitHub Actions", "GITHUB_RUN_ID", ""),
        ("GitLab CI", "CI_JOB_ID", "CI_JOB_URL"),
        ("GitLab CI", "CI_JOB_URL", "CI_JOB_URL"),
        ("Jenkins", "BUILD_TAG", "BUILD_URL"),
    ] {
        if let Some(id) = text(id) {
            let url = if url.is_empty() { github } else { text(url) };
            return Build { id, url: url.unwrap_or_default(), service };
        }
    }
    Build::default()
}

/// The time now, for logs of what takes long; no result depends on it.
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// All variables that are text, for builds, whose commands have them as those of a shell would.
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
pub(crate) fn variables() -> std::collections::BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Whether somebody sits there who can be asked.
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
pub(crate) fn can_ask() -> bool {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !in_ci
}

fn console_width() -> usize {
    usize::from(console::Term::stdout().size().1)
}
