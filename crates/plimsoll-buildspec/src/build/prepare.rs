//! What happens before the first phase of a buildspec: variables, runtimes, cache.

use std::time::Instant;

use super::Build;
use crate::cache;
use crate::environment::{self, Resolved};
use crate::error::Error;
use crate::log::Log;
use crate::outcome::{Context, PhaseType, RuntimeState};
use crate::request::Request;
use crate::runtime;
use crate::secrets::Secrets;
use crate::spec::CacheAction;

/// Shortest secret that is masked without a warning, in bytes.
const MIN_SECRET_BYTES: usize = 4;

impl Build<'_, '_> {
    /// Variables, runtimes and cache: what CodeBuild does at the end of `DOWNLOAD_SOURCE`. Answers whether to go on.
    pub(super) fn prepare(&mut self, log: &mut Log<'_>, secrets: &dyn Secrets) -> Result<bool, Error> {
        let started = Instant::now();
        let spec = self.request.buildspec;
        log.line("Phase is DOWNLOAD_SOURCE");
        log.line(&format!("CODEBUILD_SRC_DIR={}", self.workspace.display()));
        log.line(&format!("YAML location is {}", self.request.buildspec_path.display()));
        for warning in &self.result.warnings {
            log.line(&format!("[WARN] {warning}"));
        }
        log.line("Processing environment variables");
        let Request { project_variables, start_variables, .. } = self.request;
        let context = match environment::resolve(&spec.env, project_variables, start_variables, secrets) {
            Ok(resolved) => {
                self.take_variables(log, resolved);
                self.tell_settings(log);
                self.runtimes(log)?
            }
            Err(errors) => Some(secret_context(&errors)),
        };
        if context.is_none() {
            log.line(&format!("Moving to directory {}", self.workspace.display()));
            self.restore_cache(log)?;
            let phases = spec.phases.in_order();
            let found =
                phases.iter().filter(|(_, phase)| !phase.commands.is_empty() || !phase.finally.is_empty());
            log.line(&format!("Phases found in YAML: {}", found.clone().count()));
            for (phase_type, phase) in found {
                log.line(&format!(" {phase_type}: {} commands", phase.commands.len() + phase.finally.len()));
            }
        }
        let is_ready = context.is_none();
        self.complete(log, PhaseType::DownloadSource, started, context);
        Ok(is_ready)
    }

    fn take_variables(&mut self, log: &mut Log<'_>, resolved: Resolved) {
        let secret = |name: &String| resolved.values.get(name).map(String::as_str);
        log.mask_secrets(resolved.secret_names.iter().filter_map(secret));
        for name in &resolved.secret_names {
            let length = secret(name).map_or(0, |value| value.trim().len());
            if length < MIN_SECRET_BYTES {
                let odd = if length == 0 { "is empty" } else { "is short: much of the log may be masked" };
                self.warn(log, &format!("the secret value of variable `{name}` {odd}"));
            }
        }
        for warning in resolved.warnings {
            self.warn(log, &warning);
        }
        for (name, value) in resolved.values {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                self.warn(log, &format!("variable `{}` cannot be set: ignored", name.replace('\0', "?")));
                continue;
            }
            self.session.set_variable(name, value);
        }
        self.secret_names = resolved.secret_names;
    }

    fn tell_settings(&mut self, log: &mut Log<'_>) {
        let spec = self.request.buildspec;
        if spec.proxy.upload_artifacts || spec.proxy.logs {
            self.warn(log, "`proxy` means nothing here: ignored");
        }
        if spec.env.git_credential_helper {
            self.warn(log, "`git-credential-helper`: git uses the helpers it is set up with here");
        }
    }

    fn runtimes(&mut self, log: &mut Log<'_>) -> Result<Option<Context>, Error> {
        let wanted = &self.request.buildspec.phases.install.runtime_versions;
        if wanted.is_empty() {
            log.line("No runtime version selected in buildspec.");
        }
        for entry in wanted {
            let runtime = &entry.runtime;
            let version = self.expand(&entry.version)?;
            log.line(&format!(
                "Selecting '{runtime}' runtime version '{version}' based on manual selections..."
            ));
            let answer = match runtime::question(runtime) {
                Some(question) => self.session.evaluate(question, self.is_succeeding)?,
                None => None,
            };
            let outcome = runtime::compare(runtime, &version, answer.as_deref());
            let found = outcome.found.clone();
            let told = match (outcome.state, found) {
                (RuntimeState::Present, Some(found)) => {
                    log.line(&format!("Found {runtime} {found}"));
                    None
                }
                (RuntimeState::Unknown, _) => Some(format!("runtime `{runtime}` is not known: not compared")),
                (_, Some(found)) => {
                    Some(format!("runtime {runtime} is here in version {found}, not {version}"))
                }
                (_, None) => Some(format!("runtime {runtime} {version} is not here")),
            };
            self.result.runtimes.push(outcome);
            let Some(told) = told else { continue };
            if self.request.require_runtimes {
                return Ok(Some(Context::new("YAML_FILE_ERROR", told)));
            }
            self.warn(log, &told);
        }
        Ok(None)
    }

    fn restore_cache(&mut self, log: &mut Log<'_>) -> Result<(), Error> {
        let Some((caches, cache)) = self.caches() else { return Ok(()) };
        let mut key = String::new();
        if let Some(text) = &cache.key {
            let text = cache::hash_files(text, &self.workspace, &self.bounds)?;
            key = self.expand(&text)?;
        }
        let mut fallbacks = Vec::new();
        for text in &cache.fallback_keys {
            let text = cache::hash_files(text, &self.workspace, &self.bounds)?;
            fallbacks.push(self.expand(&text)?);
        }
        if cache.action != CacheAction::Save {
            caches.restore(log, &key, &fallbacks, &self.bounds)?;
        }
        self.cache_keys = Some((key, fallbacks));
        Ok(())
    }
}

/// What CodeBuild calls parameters and secrets that it cannot read.
fn secret_context(errors: &[Error]) -> Context {
    let reasons: Vec<String> = errors
        .iter()
        .map(|error| match error {
            Error::Secret { variable, source } => format!("variable `{variable}`: {source}"),
            other => other.to_string(),
        })
        .collect();
    let code = match errors.first() {
        Some(Error::Secret { source, .. }) if source.kind() == "secret" => "Secrets Manager Error",
        _ => "Decrypted Variables Error",
    };
    Context::new(code, reasons.join("; "))
}
