//! What happens after the last phase of a buildspec: variables handed on, reports, artifacts, cache.

use std::time::Instant;

use super::Build;
use crate::artifact::{collect_artifact, collect_report, report_folder};
use crate::error::Error;
use crate::log::Log;
use crate::outcome::{ExportedVariable, PhaseType};
use crate::spec::{ArtifactSet, CacheAction, ReportGroup};

impl Build<'_, '_> {
    pub(super) fn export(&mut self, log: &mut Log<'_>) -> Result<(), Error> {
        for name in &self.request.buildspec.env.exported_variables {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let refused = if name.starts_with("AWS_") {
                "its name begins with `AWS_`"
            } else if self.secret_names.contains(name) {
                "its value is secret"
            } else if name.is_empty()
                || !name.chars().all(is_word)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                "it is no name of a variable"
            } else {
                ""
            };
            if !refused.is_empty() {
                self.warn(log, &format!("variable `{name}` is not exported: {refused}"));
                continue;
            }
            let value = self.session.evaluate(&format!("${{{name}+x}}${{{name}-}}"), self.is_succeeding)?;
            match value.as_deref().and_then(|value| value.strip_prefix('x')) {
                Some(value) => {
                    let (name, value) = (name.clone(), value.to_owned());
                    self.result.exported_environment_variables.push(ExportedVariable { name, value });
                }
                None => self.warn(log, &format!("variable `{name}` is not exported: it is not set")),
            }
        }
        Ok(())
    }

    /// Reports, artifacts, cache.
    pub(super) fn upload(&mut self, log: &mut Log<'_>) -> Result<(), Error> {
        let started = Instant::now();
        let spec = self.request.buildspec;
        for group in &spec.reports {
            let mut group: ReportGroup = group.clone();
            group.files = self.expand_all(&group.files)?;
            group.base_directory = self.expand_some(group.base_directory.as_deref())?;
            let folder =
                self.request.reports.as_deref().map(|folder| folder.join(report_folder(&group.name)));
            let outcome = collect_report(log, &self.workspace, &group, folder, &self.bounds)?;
            self.result.reports.push(outcome);
        }
        let mut context = None;
        if let (Some(artifacts), Some(folder)) = (&spec.artifacts, &self.request.artifacts) {
            let primary = artifacts.primary.iter().map(|set| (None, set, folder.join("primary")));
            let secondary = artifacts.secondary.iter().map(|(identifier, set)| {
                (Some(identifier.as_str()), set, folder.join("secondary").join(identifier))
            });
            for (identifier, set, folder) in primary.chain(secondary) {
                let set = self.expand_set(set)?;
                match collect_artifact(log, &self.workspace, identifier, &set, &folder, &self.bounds)? {
                    Ok(outcome) => self.result.artifacts.push(outcome),
                    Err(wrong) => {
                        context = Some(wrong);
                        break;
                    }
                }
            }
        }
        if let (Some((caches, cache)), Some((key, _))) = (self.caches(), self.cache_keys.clone())
            && cache.action != CacheAction::Restore
        {
            if self.is_succeeding && context.is_none() {
                caches.save(log, &key, &cache.paths, &self.bounds)?;
            } else {
                log.line("Cache: not saved, since the build has failed");
            }
        }
        self.complete(log, PhaseType::UploadArtifacts, started, context);
        Ok(())
    }

    fn expand_set(&mut self, set: &ArtifactSet) -> Result<ArtifactSet, Error> {
        Ok(ArtifactSet {
            files: self.expand_all(&set.files)?,
            name: self.expand_some(set.name.as_deref())?,
            base_directory: self.expand_some(set.base_directory.as_deref())?,
            exclude_paths: self.expand_all(&set.exclude_paths)?,
            s3_prefix: self.expand_some(set.s3_prefix.as_deref())?,
            ..set.clone()
        })
    }

    fn expand_all(&mut self, texts: &[String]) -> Result<Vec<String>, Error> {
        texts.iter().map(|text| self.expand(text)).collect()
    }

    fn expand_some(&mut self, text: Option<&str>) -> Result<Option<String>, Error> {
        text.map(|text| self.expand(text)).transpose()
    }
}
