//! Runs the buildspec of a folder: `buildspec FOLDER [BUILDSPEC] [SECRETS]`.
//!
//! Artifacts, reports and caches go to `FOLDER.out`. Ends with 1 if the build fails, with 2 if it cannot be run.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plimsoll_buildspec::{Buildspec, Clock, LocalSecrets, NoSecrets, Request, Secrets, find, run};

struct Now;

impl Clock for Now {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match build(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("cause: {cause}");
                source = cause.source();
            }
            ExitCode::from(2)
        }
    }
}

fn build(arguments: &[PathBuf]) -> Result<bool, Box<dyn Error>> {
    let folder = arguments.first().ok_or("expected a folder")?;
    let found = find(folder, arguments.get(1).map(PathBuf::as_path))?;
    let spec = Buildspec::parse(&found.text)?;
    let secrets: Box<dyn Secrets> = match arguments.get(2) {
        Some(path) => Box::new(LocalSecrets::read(path)?),
        None => Box::new(NoSecrets),
    };
    let out = PathBuf::from(format!("{}.out", folder.display()));
    let mut request = Request::new(&spec, folder, std::env::temp_dir());
    request.buildspec_path = found.path;
    #[expect(clippy::disallowed_methods, reason = "an example is steered by its environment")]
    let environment = std::env::vars().collect();
    request.environment = environment;
    request.artifacts = Some(out.join("artifacts"));
    request.reports = Some(out.join("reports"));
    request.cache = Some(Path::new(&out).join("cache"));
    let result = run(&request, secrets.as_ref(), &Now, &mut std::io::stdout())?;
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(result.is_success())
}
