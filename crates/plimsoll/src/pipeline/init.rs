//! `plimsoll pipeline init`: files that run Plimsoll elsewhere, written where they belong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, anyhow};

use super::commit::git::Git;
use crate::args::InitArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::texts::text_if_there;

/// Files of one place where pipelines run.
struct Kit {
    /// Where each goes, and what is in it.
    files: &'static [(&'static str, &'static str)],
    /// What is to be set before they do anything.
    then: &'static str,
}

const GITHUB: Kit = Kit {
    files: &[
        (".github/workflows/plimsoll.yml", include_str!("../../../../deploy/github/plimsoll.yml")),
        (".github/actions/plimsoll/action.yml", include_str!("../../../../deploy/github/action.yml")),
    ],
    then: "\
Set variables of the repository: PLIMSOLL_URL and PLIMSOLL_SHA256, where the
program is fetched from, and what its archive's digest must be;
PLIMSOLL_DATABASE, an advisory database in a registry; PLIMSOLL_PUBLIC_KEY, the
text of the key that it is signed with.
",
};
const GITLAB: Kit = Kit {
    files: &[(
        ".gitlab/plimsoll.gitlab-ci.yml",
        include_str!("../../../../deploy/gitlab/plimsoll.gitlab-ci.yml"),
    )],
    then: "\
Add to .gitlab-ci.yml:
  include:
    - local: .gitlab/plimsoll.gitlab-ci.yml
Set CI/CD variables: PLIMSOLL_URL and PLIMSOLL_SHA256, where the program is
fetched from, and what its archive's digest must be; PLIMSOLL_DATABASE, an
advisory database in a registry; PLIMSOLL_PUBLIC_KEY, of type file, the key that
it is signed with.
",
};
const JENKINS: Kit = Kit {
    files: &[("Jenkinsfile", include_str!("../../../../deploy/jenkins/Jenkinsfile"))],
    then: "\
The agent needs `plimsoll` on its PATH, git, and one of docker, podman and
buildah. Set PLIMSOLL_DB, the path of an advisory database, in the environment
of the agent or of the folder; the parameters of the job are in the file.
",
};
const BUILDSPEC: Kit = Kit {
    files: &[("buildspec.yml", include_str!("../../../../deploy/buildspec/buildspec.yml"))],
    then: "\
Set variables of the CodeBuild project: PLIMSOLL_URL, PLIMSOLL_SHA256,
PLIMSOLL_DATABASE and REPORTS, as the file says; its source must be a clone of
the repository. Try it here:
  plimsoll pipeline run --buildspec buildspec.yml --dry-run
",
};
const AWS: Kit = Kit {
    files: &[
        ("deploy/aws/README.md", include_str!("../../../../deploy/aws/README.md")),
        ("deploy/aws/storage.yml", include_str!("../../../../deploy/aws/storage.yml")),
        ("deploy/aws/pipeline.yml", include_str!("../../../../deploy/aws/pipeline.yml")),
        ("deploy/aws/watch.yml", include_str!("../../../../deploy/aws/watch.yml")),
        (
            "deploy/aws/buildspecs/build-scan-push.yml",
            include_str!("../../../../deploy/aws/buildspecs/build-scan-push.yml"),
        ),
        ("deploy/aws/buildspecs/deploy.yml", include_str!("../../../../deploy/aws/buildspecs/deploy.yml")),
        ("deploy/aws/buildspecs/promote.yml", include_str!("../../../../deploy/aws/buildspecs/promote.yml")),
        (
            "deploy/aws/buildspecs/scan-iac.yml",
            include_str!("../../../../deploy/aws/buildspecs/scan-iac.yml"),
        ),
        (
            "deploy/aws/buildspecs/scan-production-image.yml",
            include_str!("../../../../deploy/aws/buildspecs/scan-production-image.yml"),
        ),
        (
            "deploy/aws/buildspecs/scan-staging-config.yml",
            include_str!("../../../../deploy/aws/buildspecs/scan-staging-config.yml"),
        ),
        (
            "deploy/aws/buildspecs/scan-staging-image.yml",
            include_str!("../../../../deploy/aws/buildspecs/scan-staging-image.yml"),
        ),
    ],
    then: "\
Three stacks: storage.yml, watch.yml, pipeline.yml, in this order; how they are
made, and what to set, stands in deploy/aws/README.md. Try the pipeline here:
  plimsoll pipeline check deploy/aws/pipeline.yml
",
};
/// The hook; the word between `@` is replaced.
const HOOK: &str = include_str!("../../../../deploy/git/post-receive");
const PROGRAM: &str = "@PLIMSOLL@";
/// A line by which a hook is known as ours.
const MARK: &str = "# plimsoll post-receive";
/// Names that are tried for a hook that was there.
const MAX_KEPT: usize = 100;

pub(super) fn run(arguments: &InitArgs) -> Result<Exit, Failure> {
    let kits = [
        (arguments.github, &GITHUB),
        (arguments.gitlab, &GITLAB),
        (arguments.jenkins, &JENKINS),
        (arguments.buildspec, &BUILDSPEC),
        (arguments.aws, &AWS),
    ];
    let kits: Vec<&Kit> = kits.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, kit)| kit).collect();
    let hook =
        arguments.hook.as_deref().map(|repository| Hook::plan(repository, arguments.force)).transpose()?;
    // All is looked at before anything is written.
    let mut files = Vec::new();
    for (name, text) in kits.iter().flat_map(|kit| kit.files) {
        let path = arguments.output.join(name);
        let there = text_if_there(&path).transpose()?;
        match there {
            Some(there) if there == *text => say(&format!("{} is there already\n", path.display()))?,
            Some(_) if !arguments.force => {
                let what =
                    anyhow!("cannot write `{}`: expected no file or our own, found another", path.display());
                return Err(Failure::new(Exit::Usage, what).hint(
                    "write elsewhere with `--output`, and take over what you need; `--force` replaces it",
                ));
            }
            _ => files.push((path, *text)),
        }
    }
    for (path, text) in files {
        make_folder_of(&path)?;
        output::write(Some(&path), text.as_bytes())?;
        say(&format!("wrote {}\n", path.display()))?;
    }
    if let Some(hook) = hook {
        hook.write()?;
    }
    for kit in kits {
        say(&format!("\n{}", kit.then))?;
    }
    Ok(Exit::Passed)
}

/// A hook that is to be written.
struct Hook {
    path: PathBuf,
    text: String,
    /// Where one of somebody else's is kept.
    kept: Option<PathBuf>,
}

impl Hook {
    fn plan(repository: &Path, is_forced: bool) -> Result<Self, Failure> {
        let stop = AtomicBool::new(false);
        let (folder, own) = Git { source: repository, stop: &stop }.hooks_folder()?;
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // The folder of hooks may be missing, its own never is.
        if !whole(&folder).starts_with(whole(&own)) && folder.parent().map(whole) != Some(whole(&own)) {
            let what = anyhow!(
                "cannot write a hook for `{}`: expected hooks in the repository, found them in `{}`",
                repository.display(),
                folder.display()
            );
            return Err(Failure::new(Exit::Usage, what)
                .hint("`core.hooksPath` leads there; other repositories may have the same: put `plimsoll pipeline hook` into that hook"));
        }
        let path = folder.join("post-receive");
        let text = HOOK.replace(PROGRAM, &program());
        let there = text_if_there(&path).transpose();
        let is_foreign = match &there {
            Ok(Some(there)) => !there.lines().any(|line| line.starts_with(MARK)),
            Ok(None) => path.symlink_metadata().is_ok(),
            // No text.
            Err(_) => true,
        };
        let kept = if is_foreign {
            if !is_forced {
                let what = anyhow!(
                    "cannot write the hook `{}`: expected none or our own, found another",
                    path.display()
                );
                return Err(Failure::new(Exit::Usage, what).hint(
                    "let that hook call `plimsoll pipeline hook` with its input (`tee` gives it to both); `--force` puts it aside",
                ));
            }
            let names = (0..MAX_KEPT).map(|number| path.with_extension(format!("before-plimsoll-{number}")));
            let free = names.into_iter().find(|name| name.symlink_metadata().is_err());
            Some(
                free.ok_or_else(|| {
                    Failure::new(Exit::Usage, anyhow!("too many hooks are put aside already"))
                })?,
            )
        } else {
            None
        };
        Ok(Self { path, text, kept })
    }

    fn write(self) -> Result<(), Failure> {
        make_folder_of(&self.path)?;
        let cannot = |error: std::io::Error, what: &str| {
            let what = format!("cannot {what} the hook `{}`", self.path.display());
            Failure::new(Exit::CouldNotScan, anyhow!(error).context(what))
        };
        if let Some(kept) = &self.kept {
            fs::rename(&self.path, kept).map_err(|error| cannot(error, "put aside"))?;
            say(&format!("put aside {}\n", kept.display()))?;
        }
        // Complete and to be run before it has its name: a push may come at any time.
        let part = self.path.with_extension(format!("part-{}", std::process::id()));
        fs::write(&part, &self.text)
            .and_then(|()| fs::set_permissions(&part, fs::Permissions::from_mode(0o755)))
            .and_then(|()| fs::rename(&part, &self.path))
            .map_err(|error| cannot(error, "write"))?;
        say(&format!(
            "wrote {}\n
Pushes now run what their commits ask for as `::name:tag`; the pusher reads the
result. A push is not refused: it has happened when the hook runs.
Settings of the repository, each may be added more than once:
  git config --add plimsoll.branches 'release/*'    branches; all by default
  git config --add plimsoll.flag --fail-on=high     flags of `pipeline run`
  git config --add plimsoll.flag --upload=s3://bucket/reports
",
            self.path.display()
        ))
    }
}

/// This program, as a word of a shell.
fn program() -> String {
    let own = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    let own = own.unwrap_or_else(|| "plimsoll".to_owned());
    format!("'{}'", own.replace('\'', "'\\''"))
}

fn make_folder_of(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))
        .map_err(|error| Failure::new(Exit::Usage, error))
}

fn say(text: &str) -> Result<(), Failure> {
    output::write(None, text.as_bytes())
}
