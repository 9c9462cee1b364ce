//! Sources: what stands for a repository, an object or an image, copied into an artifact.
//!
//! Source: AWS CodePipeline User Guide, "Action structure reference" (a page for each), "Variables reference",
//! "imageDetail.json file for Amazon ECS blue/green deployment actions".

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_buildspec::{BuildResult, Variable};
use plimsoll_template::pipeline::Role;

use super::{Local, Work, counted, ended, spec_of, tell};
use crate::engine::{Done, Job};
use crate::place::Place;
use crate::state::Status;
use crate::{tree, zip};

/// How long a source may take to arrive.
const FETCH_TIMEOUT: Duration = Duration::from_hours(1);
/// What a commit says of itself, each variable with the command that gives it.
const ABOUT_COMMIT: [(&str, &str); 4] = [
    ("CommitId", "git rev-parse HEAD"),
    ("CommitMessage", "git log -1 --format=%B"),
    ("AuthorDate", "git log -1 --format=%aI"),
    ("CommitterDate", "git log -1 --format=%cI"),
];
/// Hexadecimal digits of a commit, and of what stands for one.
const COMMIT_DIGITS: usize = 40;

impl Local<'_> {
    pub(super) fn source(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Done, String> {
        let place = self.place(job).ok_or("expected a place that stands for it, found none")?.clone();
        let output = job.action.outputs.first().ok_or("expected an output artifact, found none")?;
        let folder = job.work.join("source");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make folder: {error}"))?;
        let mut variables = BTreeMap::new();
        match &place {
            Place::Git { url, reference } => {
                self.clone(job, url, reference.as_deref(), &folder, &mut variables, log)?;
            }
            Place::Folder(path) => self.folder(job, path, &folder, &mut variables, log)?,
            Place::Zip(path) => {
                tell(log, &zip::unpack(path, &folder).map_err(|error| error.whole())?);
            }
            Place::File(path) => {
                let name = path.file_name().unwrap_or_default();
                fs::copy(path, folder.join(name))
                    .map_err(|error| format!("cannot copy `{}`: {error}", path.display()))?;
            }
            Place::Object(address) => self.object(job, address, &folder, &mut variables, log)?,
            Place::Image(reference) => self.image(job, reference, &folder, &mut variables)?,
            Place::Command(_) => return Err("expected sources, found a command".to_owned()),
        }
        let known = variables.get("CommitId").or_else(|| variables.get("ImageDigest")).cloned();
        let revision = if let Some(revision) = known {
            revision
        } else {
            let digest = tree::digest(&folder).map_err(|error| error.whole())?;
            let digest = digest[..COMMIT_DIGITS].to_owned();
            if job.action.provider.role == Role::Repository {
                let _ = writeln!(log, "no commit is known: CommitId is a digest of the files, {digest}");
            }
            digest
        };
        self.about(job, &revision, &mut variables)?;
        let files = tree::files(&folder).map_err(|error| error.whole())?.len();
        let short: String = revision.trim_start_matches("sha256:").chars().take(12).collect();
        Ok(Done {
            status: Status::Succeeded,
            message: Some(format!("{}, {short}", counted(files as u64, "file"))),
            variables,
            artifacts: vec![(output.name.clone(), folder)],
            revision: Some(revision),
        })
    }

    /// What the provider's variables say that nothing fetched says.
    fn about(
        &self,
        job: &Job<'_>,
        revision: &str,
        variables: &mut BTreeMap<String, String>,
    ) -> Result<(), String> {
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                variables.entry(name.to_owned()).or_insert(value);
            }
        };
        match job.action.provider.role {
            Role::Repository => {
                let branch = self.branch(job)?;
                set("BranchName", branch);
                set("CommitId", Some(revision.to_owned()));
                for name in ["CommitMessage", "AuthorDate", "CommitterDate"] {
                    set(name, Some(String::new()));
                }
                set("ConnectionArn", self.setting(job, "ConnectionArn")?);
                let full = self.setting(job, "FullRepositoryId")?;
                set("FullRepositoryName", full.clone());
                let name = self.setting(job, "RepositoryName")?.or(self.setting(job, "Repo")?).or(full);
                if let (Some(owner), Some(repository)) = (self.setting(job, "Owner")?, &name) {
                    let url = format!("https://github.com/{owner}/{repository}/commit/{revision}");
                    set("CommitUrl", Some(url));
                }
                set("RepositoryName", name);
            }
            Role::Object => {
                set("BucketName", self.setting(job, "S3Bucket")?);
                set("ObjectKey", self.setting(job, "S3ObjectKey")?);
                set("ETag", Some(revision.to_owned()));
                set("VersionId", Some(revision.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn branch(&self, job: &Job<'_>) -> Result<Option<String>, String> {
        Ok(self.setting(job, "BranchName")?.or(self.setting(job, "Branch")?))
    }

    /// Whether a build wants the repository itself, not its files alone.
    fn wants_clone(&self, job: &Job<'_>) -> Result<bool, String> {
        Ok(self.setting(job, "OutputArtifactFormat")?.as_deref() == Some("CODEBUILD_CLONE_REF"))
    }

    fn folder(
        &self,
        job: &Job<'_>,
        path: &Path,
        to: &Path,
        variables: &mut BTreeMap<String, String>,
        log: &mut dyn Write,
    ) -> Result<(), String> {
        let wants_clone = self.wants_clone(job)?;
        let executions = job.folder.parent();
        let without = tree::Without { git: !wants_clone, folder: executions };
        let copied = tree::copy(path, to, without).map_err(|error| error.whole())?;
        let files = counted(copied.files, "file");
        let _ = writeln!(log, "{}: {files}, {}", path.display(), counted(copied.bytes, "byte"));
        tell(log, &copied.left_out);
        if job.action.provider.role == Role::Repository && path.join(".git").exists() {
            let result = self.git(job, path, &["git status --porcelain"], &mut io::sink());
            match result {
                Ok((result, about)) if result.is_success() => {
                    variables.extend(about);
                    let status = job.work.join("changed");
                    if fs::metadata(status).is_ok_and(|metadata| metadata.len() > 0) {
                        let _ = writeln!(log, "the folder has changes that are in no commit");
                    }
                }
                _ => {
                    let _ = writeln!(log, "git does not say which commit this is");
                }
            }
        }
        Ok(())
    }

    fn clone(
        &self,
        job: &Job<'_>,
        url: &str,
        reference: Option<&str>,
        folder: &Path,
        variables: &mut BTreeMap<String, String>,
        log: &mut dyn Write,
    ) -> Result<(), String> {
        let branch = match reference {
            Some(reference) => reference.to_owned(),
            None => self.branch(job)?.ok_or("expected a branch, found none")?,
        };
        if branch.starts_with('-') {
            return Err(format!("expected the name of a branch, found `{branch}`"));
        }
        let is_commit = branch.len() == COMMIT_DIGITS && branch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let clone = if is_commit {
            "git clone --quiet \"$PLIMSOLL_GIT_URL\" . && git checkout --quiet --detach \"$PLIMSOLL_GIT_REF\""
        } else {
            "git clone --quiet --single-branch --branch \"$PLIMSOLL_GIT_REF\" \"$PLIMSOLL_GIT_URL\" ."
        };
        let mut commands = vec![clone.to_owned()];
        commands.extend(about_commit());
        let spec = spec_of(&commands, &names());
        let start_variables = vec![
            Variable::plain("PLIMSOLL_GIT_URL", url),
            Variable::plain("PLIMSOLL_GIT_REF", branch.as_str()),
            Variable::plain("GIT_TERMINAL_PROMPT", "0"),
        ];
        let work = Work {
            spec: &spec,
            spec_path: format!("{}/{}", job.stage, job.action.name).into(),
            workspace: folder,
            project_variables: Vec::new(),
            start_variables,
            identity: self.identity(job, &job.action.name, None),
            artifacts: None,
            reports: None,
            cache: None,
            timeout: FETCH_TIMEOUT,
        };
        let result = self.run(job, work, log)?;
        if !result.is_success() {
            let why = ended(&result).message.unwrap_or_default();
            return Err(format!("cannot clone `{}` at `{branch}`: {why}", without_password(url)));
        }
        variables.extend(exported(&result));
        variables.insert("BranchName".to_owned(), branch);
        if self.wants_clone(job)? {
            let _ = writeln!(log, "CODEBUILD_CLONE_REF: builds are given the repository itself");
            return Ok(());
        }
        let git = folder.join(".git");
        fs::remove_dir_all(&git).map_err(|error| format!("cannot remove `{}`: {error}", git.display()))
    }

    /// Asks git about a folder's commit; what the commands say goes to `changed` in the work folder.
    fn git(
        &self,
        job: &Job<'_>,
        folder: &Path,
        commands: &[&str],
        log: &mut dyn Write,
    ) -> Result<(BuildResult, BTreeMap<String, String>), String> {
        let mut all: Vec<String> =
            commands.iter().map(|command| format!("{command} >\"$PLIMSOLL_GIT_CHANGED\"")).collect();
        all.extend(about_commit());
        let spec = spec_of(&all, &names());
        let changed = job.work.join("changed");
        let work = Work {
            spec: &spec,
            spec_path: PathBuf::from("git"),
            workspace: folder,
            project_variables: Vec::new(),
            start_variables: vec![
                Variable::plain("PLIMSOLL_GIT_CHANGED", changed.display().to_string()),
                // Not even the times that its index remembers are to change.
                Variable::plain("GIT_OPTIONAL_LOCKS", "0"),
            ],
            identity: self.identity(job, "git", None),
            artifacts: None,
            reports: None,
            cache: None,
            timeout: FETCH_TIMEOUT,
        };
        let result = self.run(job, work, log)?;
        let about = exported(&result);
        Ok((result, about))
    }

    fn object(
        &self,
        job: &Job<'_>,
        address: &str,
        folder: &Path,
        variables: &mut BTreeMap<String, String>,
        log: &mut dyn Write,
    ) -> Result<(), String> {
        let into = job.work.join("fetched");
        let fetched = self.outside.fetch(address, &into)?;
        if job.action.provider.role == Role::Object
            && let Some(e_tag) = fetched.e_tag
        {
            variables.insert("ETag".to_owned(), e_tag.trim_matches('"').to_owned());
        }
        let Some(name) = fetched.file else {
            tree::copy(&into, folder, tree::Without::default()).map_err(|error| error.whole())?;
            return Ok(());
        };
        let file = into.join(&name);
        if Path::new(&name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
            tell(log, &zip::unpack(&file, folder).map_err(|error| error.whole())?);
        } else {
            fs::rename(&file, folder.join(&name))
                .map_err(|error| format!("cannot move `{name}`: {error}"))?;
        }
        Ok(())
    }

    fn image(
        &self,
        job: &Job<'_>,
        reference: &str,
        folder: &Path,
        variables: &mut BTreeMap<String, String>,
    ) -> Result<(), String> {
        let facts = self.outside.image(reference)?;
        let tag = facts.tag.or(self.setting(job, "ImageTag")?).unwrap_or_else(|| "latest".to_owned());
        let uri = format!("{}@{}", facts.name, facts.digest);
        let repository = self.setting(job, "RepositoryName")?.unwrap_or(facts.repository);
        let detail = serde_json::json!({
            "ImageDigest": facts.digest,
            "Version": "1.0",
            "RegistryId": self.setup.account,
            "RepositoryName": repository,
            "ImageURI": uri,
            "ImageTags": [tag],
        });
        let file = folder.join("imageDetail.json");
        fs::write(&file, format!("{detail}\n"))
            .map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
        for (name, value) in [
            ("ImageDigest", facts.digest),
            ("ImageTag", tag),
            ("ImageURI", uri),
            ("RegistryId", self.setup.account.clone()),
            ("RepositoryName", repository),
        ] {
            variables.insert(name.to_owned(), value);
        }
        Ok(())
    }
}

fn names() -> Vec<String> {
    ABOUT_COMMIT.iter().map(|(name, _)| (*name).to_owned()).chain(["BranchName".to_owned()]).collect()
}

fn about_commit() -> Vec<String> {
    let each = ABOUT_COMMIT.iter().map(|(name, command)| format!("{name}=$({command})"));
    // Without a branch there is none: what the template says counts then.
    each.chain(["BranchName=$(git symbolic-ref --quiet --short HEAD || :)".to_owned()]).collect()
}

fn exported(result: &BuildResult) -> BTreeMap<String, String> {
    let variables = result.exported_environment_variables.iter();
    let filled = variables.filter(|variable| !variable.value.is_empty());
    filled.map(|variable| (variable.name.clone(), variable.value.clone())).collect()
}

/// An address without what stands before `@` in its host.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_addresses_are_not_told() {
        for (url, expected) in [
            ("https://user:hunter2@host/a.git", "https://host/a.git"),
            ("https://host/a@b.git", "https://host/a@b.git"),
            ("/srv/a.git", "/srv/a.git"),
        ] {
            assert_eq!(without_password(url), expected);
        }
    }
}
