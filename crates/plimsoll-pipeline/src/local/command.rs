//! Commands: those of the action `Commands`, and those that stand for an action that does not run here.
//!
//! Source: AWS CodePipeline User Guide, "Commands action reference".

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use plimsoll_buildspec::{ArtifactSet, Artifacts, Variable};
use plimsoll_template::pipeline::{references, substitute};

use super::build::source_of;
use super::{COMPUTE_TIMEOUT, Local, Work, ended, spec_of};
use crate::engine::{Done, Job};
use crate::place::with_registry;
use crate::state::Status;
use crate::tree;

/// Largest file of variables that a command writes, in bytes.
const MAX_VARIABLES_BYTES: u64 = 1 << 20;

impl Local<'_> {
    pub(super) fn commands(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Done, String> {
        let workspace = self.workspace(job, log)?;
        let mut commands = Vec::new();
        for command in &job.action.commands {
            commands.push(self.for_shell(job, command.text().unwrap_or_default())?);
        }
        let mut spec = spec_of(&commands, &job.action.output_variables);
        let output = job.action.outputs.first().filter(|output| !output.files.is_empty());
        spec.artifacts = output.map(|output| Artifacts {
            primary: Some(ArtifactSet { files: output.files.clone(), ..ArtifactSet::default() }),
            secondary: Vec::new(),
        });
        let mut variables = Vec::new();
        for variable in &job.action.environment {
            let source = source_of(variable.kind, self.text(job, &variable.value)?);
            variables.push(Variable { name: variable.name.clone(), source });
        }
        let out = job.work.join("out");
        let work = Work {
            spec: &spec,
            spec_path: format!("{}/{}", job.stage, job.action.name).into(),
            workspace: &workspace.folder,
            project_variables: Vec::new(),
            start_variables: variables,
            identity: self.identity(job, &job.action.name, Some(&workspace)),
            artifacts: Some(out.clone()),
            reports: None,
            cache: None,
            timeout: Self::timeout(job.action, COMPUTE_TIMEOUT),
        };
        let mut done = ended(&self.run(job, work, log)?);
        done.revision.clone_from(&workspace.revision);
        if let Some(output) = output.filter(|_| done.status == Status::Succeeded) {
            done.artifacts.push((output.name.clone(), out.join("primary")));
        }
        Ok(done)
    }

    /// A command with the variables of actions. A value that would mean something to the shell is refused: what a commit
    /// message holds must not run.
    fn for_shell(&self, job: &Job<'_>, text: &str) -> Result<String, String> {
        for reference in references(text)? {
            let value = job.state.variable(&reference.namespace, &reference.name).unwrap_or_default();
            let is_plain = |c: char| c.is_alphanumeric() || " _-./:@%+=,#~^".contains(c);
            if !value.chars().all(is_plain) {
                return Err(format!(
                    "cannot put variable `#{{{}.{}}}` into a command: expected letters, digits and `_-./:@%+=,#~^`, found a value that the shell would read; give it to the command in `EnvironmentVariables`",
                    reference.namespace, reference.name
                ));
            }
        }
        let known = |namespace: &str, name: &str| job.state.variable(namespace, name).map(str::to_owned);
        let text = substitute(text, |reference| known(&reference.namespace, &reference.name))?;
        Ok(with_registry(&text, self.setup.registry.as_deref()))
    }

    /// `run:COMMAND`: the action's inputs are folders, its configuration variables of the environment.
    pub(super) fn command(&self, job: &Job<'_>, command: &str, log: &mut dyn Write) -> Result<Done, String> {
        let workspace = self.workspace(job, log)?;
        let mut variables = vec![
            Variable::plain("PLIMSOLL_STAGE", job.stage),
            Variable::plain("PLIMSOLL_ACTION", job.action.name.as_str()),
            Variable::plain("PLIMSOLL_EXECUTION_ID", job.state.execution_id.as_str()),
        ];
        for (key, value) in &job.action.configuration {
            // `EnvironmentVariables` is JSON, which has names of its own below.
            let name = format!("PLIMSOLL_CONFIG_{}", key.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
            variables.push(Variable::plain(name, self.text(job, value)?));
        }
        for variable in &job.action.environment {
            let source = source_of(variable.kind, self.text(job, &variable.value)?);
            variables.push(Variable { name: variable.name.clone(), source });
        }
        let cannot =
            |error: std::io::Error| format!("cannot make a folder in `{}`: {error}", job.work.display());
        let mut outputs = Vec::new();
        for output in &job.action.outputs {
            let folder = job.work.join("out").join(&output.name);
            fs::create_dir_all(&folder).map_err(cannot)?;
            let name = output.name.replace('-', "_");
            variables.push(Variable::plain(format!("PLIMSOLL_OUTPUT_{name}"), folder.display().to_string()));
            outputs.push((output.name.clone(), folder));
        }
        let set = job.work.join("variables");
        File::create(&set).map_err(cannot)?;
        variables.push(Variable::plain("PLIMSOLL_OUTPUT_VARIABLES", set.display().to_string()));
        let spec = spec_of(&[command.to_owned()], &[]);
        let work = Work {
            spec: &spec,
            spec_path: format!("{}/{}", job.stage, job.action.name).into(),
            workspace: &workspace.folder,
            project_variables: Vec::new(),
            start_variables: variables,
            identity: self.identity(job, &job.action.name, Some(&workspace)),
            artifacts: None,
            reports: None,
            cache: None,
            timeout: Self::timeout(job.action, std::time::Duration::from_hours(1)),
        };
        let mut done = ended(&self.run(job, work, log)?);
        if done.status == Status::Succeeded {
            done.variables = variables_of(&set)?;
            done.revision.clone_from(&workspace.revision);
            for (name, folder) in outputs {
                let is_filled = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
                if is_filled {
                    if job.inputs.is_empty() && done.revision.is_none() {
                        done.revision = tree::digest(&folder).ok().map(|digest| digest[..40].to_owned());
                    }
                    done.artifacts.push((name, folder));
                }
            }
        }
        Ok(done)
    }
}

/// Variables that a command wrote, `NAME=VALUE` on a line.
fn variables_of(file: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_VARIABLES_BYTES).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read the variables that the command wrote: {error}"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.trim().to_owned(), value.to_owned())).collect())
}
