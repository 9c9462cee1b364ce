//! CodeBuild: a project's build, in a copy of its sources.
//!
//! Source: AWS CodePipeline User Guide, "AWS CodeBuild build and test action reference".

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_buildspec::{Buildspec, Found, Variable, VariableSource, find};
use plimsoll_template::pipeline::{self, Project, VariableKind};

use super::{Local, Work, ended};
use crate::engine::{Done, Job};
use crate::folder::as_name;
use crate::place::with_registry;
use crate::state::Status;

impl Local<'_> {
    pub(super) fn build_project(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Done, String> {
        let project =
            self.plan.project(job.action).ok_or("expected the project in the template, found none")?;
        let workspace = self.workspace(job, log)?;
        let (spec, spec_path) = self.buildspec(project, &workspace.folder, &job.work)?;
        let name = project.name.text().unwrap_or(&project.logical_id).to_owned();
        let mut identity = self.identity(job, &name, Some(&workspace));
        if let Some(image) = project.environment.image.as_ref().and_then(|image| image.text()) {
            image.clone_into(&mut identity.image);
        }
        if let Some(key) = project.encryption_key.as_ref().and_then(|key| key.text()) {
            identity.kms_key = Some(key.to_owned());
        }
        let registry = self.setup.registry.as_deref();
        let of_project = project.environment.variables.iter().map(|variable| {
            let text = with_registry(variable.value.text().unwrap_or_default(), registry);
            Variable { name: variable.name.clone(), source: source_of(variable.kind, text) }
        });
        let of_project = of_project.collect();
        let mut of_action = Vec::new();
        for variable in &job.action.environment {
            let text = self.text(job, &variable.value)?;
            of_action.push(Variable { name: variable.name.clone(), source: source_of(variable.kind, text) });
        }
        let out = job.work.join("out");
        // Caches are of the project, not of the execution.
        let caches = job.folder.parent().map(|folder| folder.join("cache").join(as_name(&name)));
        let minutes = Duration::from_mins(u64::from(project.timeout_minutes));
        let work = Work {
            spec: &spec,
            spec_path,
            workspace: &workspace.folder,
            project_variables: of_project,
            start_variables: of_action,
            identity,
            artifacts: Some(out.clone()),
            reports: Some(
                job.folder.join("reports").join(as_name(job.stage)).join(as_name(&job.action.name)),
            ),
            cache: caches.filter(|_| project.cache.is_some()),
            timeout: Self::timeout(job.action, minutes),
        };
        let result = self.run(job, work, log)?;
        let mut done = ended(&result);
        done.revision.clone_from(&workspace.revision);
        if done.status == Status::Succeeded {
            done.artifacts = artifacts(job, &out);
        }
        Ok(done)
    }

    /// The buildspec of a project, read where the project says it is.
    fn buildspec(
        &self,
        project: &Project,
        workspace: &Path,
        work: &Path,
    ) -> Result<(Buildspec, PathBuf), String> {
        let Found { path, text } = match &project.source.buildspec {
            Some(pipeline::Buildspec::Inline(text)) => {
                let path = PathBuf::from(format!("{} in the template", project.logical_id));
                let registry = self.setup.registry.as_deref();
                Found { path, text: with_registry(text.text().unwrap_or_default(), registry) }
            }
            Some(pipeline::Buildspec::Object(arn)) => {
                let arn = arn.text().unwrap_or_default();
                let key = arn.split_once(":s3:::").map_or(arn, |(_, key)| key);
                let address = format!("s3://{key}");
                let folder = work.join("buildspec");
                let fetched = self.outside.fetch(&address, &folder)?;
                let name = fetched.file.ok_or_else(|| format!("expected an object at `{address}`"))?;
                find(&folder, Some(Path::new(&name))).map_err(|error| error.to_string())?
            }
            Some(pipeline::Buildspec::File(name)) => {
                let name = name.text().unwrap_or_default();
                find(workspace, Some(Path::new(name))).map_err(|error| error.to_string())?
            }
            None => find(workspace, None).map_err(|error| error.to_string())?,
        };
        let spec = Buildspec::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((spec, path))
    }
}

pub(super) fn source_of(kind: VariableKind, text: String) -> VariableSource {
    match kind {
        VariableKind::Plain => VariableSource::Plain(text),
        VariableKind::ParameterStore => VariableSource::ParameterStore(text),
        VariableKind::SecretsManager => VariableSource::SecretsManager(text),
    }
}

/// Which of the build's artifacts the action's are: the only one is the primary, several go by their identifiers.
///
/// Source: AWS CodeBuild User Guide, "AWS CodePipeline integration with CodeBuild and multiple input sources and
/// output artifacts sample".
fn artifacts(job: &Job<'_>, out: &Path) -> Vec<(String, PathBuf)> {
    let outputs = &job.action.outputs;
    let mut made = Vec::new();
    for output in outputs {
        let secondary = out.join("secondary").join(&output.name);
        let primary = out.join("primary");
        if secondary.is_dir() {
            made.push((output.name.clone(), secondary));
        } else if outputs.len() == 1 && primary.is_dir() {
            made.push((output.name.clone(), primary));
        }
    }
    made
}
