//! `ECRBuildAndPublish`: an image built from a Dockerfile by the engine of this machine, and pushed.
//!
//! Source: AWS CodePipeline User Guide, "`ECRBuildAndPublish` build action reference".

use std::io::Write;

use plimsoll_buildspec::Variable;

use super::{COMPUTE_TIMEOUT, Local, Work, ended, spec_of};
use crate::engine::{Done, Job};
use crate::state::Status;

/// What tags and names of repositories are made of; no option begins so.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && text.chars().all(fits)
}

impl Local<'_> {
    pub(super) fn build_image(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Done, String> {
        let tool = self.tool.as_ref().ok_or("expected docker, podman or buildah, found none")?;
        let registry = self.setup.registry.as_deref().ok_or("expected a registry, found none")?;
        let repository = self.required(job, "ECRRepositoryName")?;
        let tags = self.setting(job, "ImageTags")?.unwrap_or_else(|| "latest".to_owned());
        let tags: Vec<&str> = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        for name in tags.iter().copied().chain([repository.as_str()]) {
            if !is_name(name) {
                return Err(format!("expected the name of a repository or a tag, found `{name}`"));
            }
        }
        let file = self.setting(job, "DockerFilePath")?.unwrap_or_else(|| "Dockerfile".to_owned());
        let workspace = self.workspace(job, log)?;
        let file = workspace.folder.join(file.trim_start_matches('/'));
        // The template may name the folder of the Dockerfile.
        let file = if file.is_dir() { file.join("Dockerfile") } else { file };
        if !file.is_file() {
            let name = file.strip_prefix(&workspace.folder).unwrap_or(&file).display();
            return Err(format!("expected a Dockerfile at `{name}`, found none"));
        }
        let image = format!("{registry}/{repository}");
        let is_docker = tool.file_name().is_some_and(|name| name == "docker");
        // Docker takes registries of this machine without TLS by itself.
        let host = registry.split(['/', ':']).next().unwrap_or_default();
        let is_plain = !is_docker && matches!(host, "localhost" | "127.0.0.1");
        let plain = if is_plain { "--tls-verify=false " } else { "" };
        let names: Vec<String> = tags.iter().map(|tag| format!("{image}:{tag}")).collect();
        let options: Vec<String> = names.iter().map(|name| format!("--tag {name}")).collect();
        let options = options.join(" ");
        let mut commands =
            vec![format!("\"$PLIMSOLL_TOOL\" build {options} --file \"$PLIMSOLL_DOCKERFILE\" .")];
        commands.extend(names.iter().map(|name| format!("\"$PLIMSOLL_TOOL\" push {plain}{name}")));
        let spec = spec_of(&commands, &[]);
        let work = Work {
            spec: &spec,
            spec_path: format!("{}/{}", job.stage, job.action.name).into(),
            workspace: &workspace.folder,
            project_variables: Vec::new(),
            start_variables: vec![
                Variable::plain("PLIMSOLL_TOOL", tool.display().to_string()),
                Variable::plain("PLIMSOLL_DOCKERFILE", file.display().to_string()),
            ],
            identity: self.identity(job, &job.action.name, Some(&workspace)),
            artifacts: None,
            reports: None,
            cache: None,
            timeout: Self::timeout(job.action, COMPUTE_TIMEOUT),
        };
        let mut done = ended(&self.run(job, work, log)?);
        if done.status == Status::Succeeded {
            let first = names.first().ok_or("expected a tag, found none")?;
            let facts = self.outside.image(first)?;
            done.message = Some(format!("{image}@{}", facts.digest));
            done.variables =
                [("ECRImageDigestId".to_owned(), facts.digest), ("ECRRepositoryName".to_owned(), repository)]
                    .into();
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_options_and_no_commands() {
        for (text, expected) in [
            ("team/shop", true),
            ("1.2_x", true),
            ("--push", false),
            ("a;b", false),
            ("a$b", false),
            ("", false),
        ] {
            assert_eq!(is_name(text), expected, "{text}");
        }
    }
}
