//! A document to a buildspec: what is wrong is refused with its place, what is unknown is told.

mod section;

use plimsoll_template::document::{self, Node, Place};

use crate::error::SpecError;
use crate::failure::OnFailure;
use crate::find::MAX_BUILDSPEC_BYTES;
use crate::spec::{
    ArtifactSet, Artifacts, Buildspec, Cache, CacheAction, Command, Env, Phase, Phases, Proxy, ReportFormat,
    ReportGroup, RuntimeVersion, Shell, Version, Warning,
};
use section::Section;

/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 16;
/// Most values of a file, aliases unfolded.
const MAX_NODES: usize = 50_000;
/// Most bytes of all values together, aliases unfolded.
const MAX_SCALAR_BYTES: usize = 4 << 20;
/// Most fall-back keys of a cache.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference*, `cache/fallback-keys`.
const MAX_FALLBACK_KEYS: usize = 5;
/// Most groups of reports.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference*, `reports`.
const MAX_REPORT_GROUPS: usize = 5;

impl Buildspec {
    /// Reads a buildspec.
    ///
    /// # Errors
    /// [`SpecError`] with the place, of what CodeBuild refuses as well, and of batch builds.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let limits = document::Limits {
            max_bytes: usize::try_from(MAX_BUILDSPEC_BYTES).unwrap_or(usize::MAX),
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_scalar_bytes: MAX_SCALAR_BYTES,
        };
        let node = document::parse(text, &limits).map_err(|error| {
            let wrong = SpecError::new(error.place, "", error.reason);
            match error.hint {
                Some(hint) => wrong.with_hint(hint),
                None => wrong,
            }
        })?;
        Reader { warnings: Vec::new() }.buildspec(&node)
    }
}

/// Collects what is odd.
struct Reader {
    warnings: Vec<Warning>,
}

impl Reader {
    fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push(Warning { place, message: message.into() });
    }

    /// Tells the keys that nothing asked for.
    fn done(&mut self, section: &Section<'_>) {
        for (place, key) in section.unknown() {
            self.warn(place, format!("unknown key `{key}`: ignored"));
        }
    }

    fn buildspec(mut self, node: &Node) -> Result<Buildspec, SpecError> {
        let mut top = Section::of(node, "")?;
        let version = version(&mut top)?;
        if let Some((key, _)) = top.take("batch") {
            let error =
                SpecError::new(key.place, "batch", "expected a build of one part, found a batch build");
            return Err(error.with_hint("run the parts one by one, each with a buildspec of its own"));
        }
        let run_as = top.text("run-as")?;
        let env = self.env(&mut top, version)?;
        let proxy = match top.section("proxy")? {
            None => Proxy::default(),
            Some(mut section) => {
                let proxy = Proxy {
                    upload_artifacts: section.flag("upload-artifacts")?,
                    logs: section.flag("logs")?,
                };
                self.done(&section);
                proxy
            }
        };
        let phases = self.phases(&mut top)?;
        let reports = self.reports(&mut top)?;
        let artifacts = self.artifacts(&mut top)?;
        let cache = self.cache(&mut top)?;
        self.done(&top);
        self.warnings.sort_by_key(|warning| warning.place);
        let warnings = self.warnings;
        Ok(Buildspec { version, run_as, env, proxy, phases, reports, artifacts, cache, warnings })
    }

    fn env(&mut self, top: &mut Section<'_>, version: Version) -> Result<Env, SpecError> {
        let mut env = Env::default();
        if let Some(mut section) = top.section("environment_variables")? {
            if version == Version::V0_2 {
                self.warn(section.place, "`environment_variables` is called `env` in version 0.2: ignored");
                return Ok(env);
            }
            env.variables = self.variables(&mut section, "plaintext")?;
            self.done(&section);
        }
        let Some(mut section) = top.section("env")? else { return Ok(env) };
        env.shell = shell(&mut section)?;
        env.variables.extend(self.variables(&mut section, "variables")?);
        env.parameter_store = self.variables(&mut section, "parameter-store")?;
        env.secrets_manager = self.variables(&mut section, "secrets-manager")?;
        env.exported_variables = section.texts("exported-variables")?.unwrap_or_default();
        env.git_credential_helper = section.flag("git-credential-helper")?;
        self.done(&section);
        Ok(env)
    }

    fn variables(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
    ) -> Result<Vec<(String, String)>, SpecError> {
        let Some(section) = section.section(key)? else { return Ok(Vec::new()) };
        let mut variables = Vec::new();
        for (name, value) in section.entries() {
            let text = name.scalar().unwrap_or_default();
            let path = section.path_of(text);
            if text.is_empty() || text.contains(['=', '\0']) {
                return Err(SpecError::new(name.place, &path, "expected a name of a variable"));
            }
            let value = match value.scalar() {
                Some(value) if value.contains('\0') => {
                    return Err(SpecError::new(name.place, &path, "expected a text without a zero byte"));
                }
                Some(value) => value.to_owned(),
                None if value.is_null() => String::new(),
                None => return Err(SpecError::new(value.place, &path, expected("a text", value))),
            };
            if text.starts_with("CODEBUILD_") {
                self.warn(
                    name.place,
                    format!("variable `{text}`: names with `CODEBUILD_` are reserved: ignored"),
                );
                continue;
            }
            variables.push((text.to_owned(), value));
        }
        Ok(variables)
    }

    fn phases(&mut self, top: &mut Section<'_>) -> Result<Phases, SpecError> {
        let Some(mut section) = top.section("phases")? else {
            return Err(SpecError::new(top.place, "phases", "expected phases, found none"));
        };
        let phases = Phases {
            install: self.phase(&mut section, "install")?,
            pre_build: self.phase(&mut section, "pre_build")?,
            build: self.phase(&mut section, "build")?,
            post_build: self.phase(&mut section, "post_build")?,
        };
        if let Some((place, key)) = section.unknown().first() {
            let reason = format!("expected `install`, `pre_build`, `build` or `post_build`, found `{key}`");
            return Err(SpecError::new(*place, "phases", reason));
        }
        Ok(phases)
    }

    fn phase(&mut self, phases: &mut Section<'_>, name: &str) -> Result<Phase, SpecError> {
        let Some(mut section) = phases.section(name)? else { return Ok(Phase::default()) };
        let mut phase = Phase { run_as: section.text("run-as")?, ..Phase::default() };
        if let Some((key, value)) = section.take("on-failure") {
            let path = section.path_of("on-failure");
            let Some(text) = value.scalar() else {
                return Err(SpecError::new(key.place, &path, expected("a text", value)));
            };
            phase.on_failure =
                OnFailure::parse(text).map_err(|reason| SpecError::new(value.place, &path, reason))?;
        }
        if let Some(versions) = section.section("runtime-versions")? {
            if name != "install" {
                self.warn(
                    versions.place,
                    format!("`runtime-versions` belongs to `install`, not `{name}`: ignored"),
                );
            }
            for (runtime, version) in versions.entries() {
                let runtime = runtime.scalar().unwrap_or_default();
                let Some(text) = version.scalar() else {
                    let path = versions.path_of(runtime);
                    return Err(SpecError::new(version.place, &path, expected("a version", version)));
                };
                let (runtime, place) = (runtime.to_owned(), version.place);
                if name == "install" {
                    let version = text.to_owned();
                    phase.runtime_versions.push(RuntimeVersion { runtime, version, place });
                }
            }
        }
        phase.commands = self.commands(&mut section, "commands")?;
        phase.finally = self.commands(&mut section, "finally")?;
        self.done(&section);
        Ok(phase)
    }

    fn commands(&mut self, section: &mut Section<'_>, key: &str) -> Result<Vec<Command>, SpecError> {
        let Some((_, list)) = section.take(key) else { return Ok(Vec::new()) };
        let path = section.path_of(key);
        if list.is_null() {
            return Ok(Vec::new());
        }
        let Some(items) = list.items() else {
            return Err(SpecError::new(list.place, &path, expected("a list of commands", list)));
        };
        let mut commands = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let path = format!("{path}/{number}");
            match item.scalar() {
                Some(text) if text.contains('\0') => {
                    return Err(SpecError::new(item.place, &path, "expected a text without a zero byte"));
                }
                Some(text) => commands.push(Command { text: text.to_owned(), place: item.place }),
                None if item.is_null() => self.warn(item.place, format!("`{path}` is empty: ignored")),
                None => {
                    let error = SpecError::new(item.place, &path, expected("a command", item));
                    return Err(
                        error.with_hint("put a command that holds `: ` or begins with `{` or `[` in quotes")
                    );
                }
            }
        }
        Ok(commands)
    }

    fn reports(&mut self, top: &mut Section<'_>) -> Result<Vec<ReportGroup>, SpecError> {
        let Some(section) = top.section("reports")? else { return Ok(Vec::new()) };
        let mut groups = Vec::new();
        for (name, node) in section.entries() {
            let name_text = name.scalar().unwrap_or_default().to_owned();
            let mut group = Section::of(node, &section.path_of(&name_text))?;
            let format = match group.take("file-format") {
                None => ReportFormat(ReportFormat::NAMES[0]),
                Some((_, value)) => {
                    let upper = value.scalar().unwrap_or_default().to_ascii_uppercase();
                    let known = ReportFormat::NAMES.iter().find(|known| **known == upper);
                    let Some(known) = known else {
                        let reason =
                            format!("expected one of {}, found `{upper}`", ReportFormat::NAMES.join(", "));
                        return Err(SpecError::new(value.place, &group.path_of("file-format"), reason));
                    };
                    ReportFormat(known)
                }
            };
            let Some(files) = group.texts("files")? else {
                return Err(SpecError::new(
                    group.place,
                    &group.path_of("files"),
                    "expected files, found none",
                ));
            };
            groups.push(ReportGroup {
                name: name_text,
                files,
                base_directory: group.text("base-directory")?,
                discard_paths: group.flag("discard-paths")?,
                format,
            });
            self.done(&group);
        }
        if groups.len() > MAX_REPORT_GROUPS {
            let most = format!("CodeBuild takes at most {MAX_REPORT_GROUPS} groups of reports");
            self.warn(section.place, format!("{most}, found {}", groups.len()));
        }
        Ok(groups)
    }

    fn artifacts(&mut self, top: &mut Section<'_>) -> Result<Option<Artifacts>, SpecError> {
        let Some(mut section) = top.section("artifacts")? else { return Ok(None) };
        let mut artifacts = Artifacts::default();
        if let Some(others) = section.section("secondary-artifacts")? {
            for (name, node) in others.entries() {
                let name_text = name.scalar().unwrap_or_default();
                let path = others.path_of(name_text);
                let is_identifier = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                if name_text.is_empty() || !name_text.chars().all(is_identifier) {
                    let reason = "expected an identifier of letters, digits, `_` and `-`";
                    return Err(SpecError::new(name.place, &path, reason));
                }
                let mut set = Section::of(node, &path)?;
                let Some(read) = self.artifact_set(&mut set)? else {
                    return Err(SpecError::new(
                        set.place,
                        &set.path_of("files"),
                        "expected files, found none",
                    ));
                };
                artifacts.secondary.push((name_text.to_owned(), read));
            }
        }
        artifacts.primary = self.artifact_set(&mut section)?;
        if artifacts.primary.is_none() {
            self.warn(
                section.place,
                "`artifacts` has no `files`, which CodeBuild wants: there is no primary artifact",
            );
        }
        Ok(Some(artifacts))
    }

    /// One artifact; `None` if it names no files.
    fn artifact_set(&mut self, section: &mut Section<'_>) -> Result<Option<ArtifactSet>, SpecError> {
        let files = section.texts("files")?;
        let set = ArtifactSet {
            files: files.clone().unwrap_or_default(),
            name: section.text("name")?,
            discard_paths: section.flag("discard-paths")?,
            base_directory: section.text("base-directory")?,
            exclude_paths: section.texts("exclude-paths")?.unwrap_or_default(),
            enable_symlinks: section.flag("enable-symlinks")?,
            s3_prefix: section.text("s3-prefix")?,
        };
        self.done(section);
        Ok(files.map(|_| set))
    }

    fn cache(&mut self, top: &mut Section<'_>) -> Result<Option<Cache>, SpecError> {
        let Some(mut section) = top.section("cache")? else { return Ok(None) };
        let action = match section.take("action") {
            None => CacheAction::Both,
            Some((_, value)) => match value.scalar() {
                Some("restore") => CacheAction::Restore,
                Some("save") => CacheAction::Save,
                _ => {
                    let path = section.path_of("action");
                    let reason = "expected `restore` or `save`, found something else";
                    return Err(SpecError::new(value.place, &path, reason));
                }
            },
        };
        let mut cache = Cache {
            paths: section.texts("paths")?.unwrap_or_default(),
            key: section.text("key")?,
            fallback_keys: section.texts("fallback-keys")?.unwrap_or_default(),
            action,
        };
        if cache.key.is_none() && !cache.fallback_keys.is_empty() {
            self.warn(section.place, "`fallback-keys` mean nothing without `key`: ignored");
            cache.fallback_keys.clear();
        }
        if cache.fallback_keys.len() > MAX_FALLBACK_KEYS {
            let reason =
                format!("expected at most {MAX_FALLBACK_KEYS} keys, found {}", cache.fallback_keys.len());
            return Err(SpecError::new(section.place, &section.path_of("fallback-keys"), reason));
        }
        if cache.paths.is_empty() {
            self.warn(section.place, "`cache` has no `paths`: nothing is cached");
        }
        self.done(&section);
        Ok(Some(cache))
    }
}

fn expected(what: &str, found: &Node) -> String {
    format!("expected {what}, found {}", found.kind())
}

fn version(top: &mut Section<'_>) -> Result<Version, SpecError> {
    let Some((_, value)) = top.take("version") else {
        let error = SpecError::new(top.place, "version", "expected a version, found none");
        return Err(error.with_hint("begin the file with `version: 0.2`"));
    };
    match value.scalar() {
        Some("0.1") => Ok(Version::V0_1),
        Some("0.2") => Ok(Version::V0_2),
        found => {
            let found = found.map_or(value.kind().to_owned(), |text| format!("`{}`", section::short(text)));
            Err(SpecError::new(value.place, "version", format!("expected 0.1 or 0.2, found {found}")))
        }
    }
}

fn shell(section: &mut Section<'_>) -> Result<Shell, SpecError> {
    let Some((_, value)) = section.take("shell") else { return Ok(Shell::Sh) };
    let path = section.path_of("shell");
    let Some(text) = value.scalar() else {
        return Err(SpecError::new(value.place, &path, expected("a shell", value)));
    };
    let base = text.rsplit('/').next().unwrap_or_default();
    match (text, base) {
        ("sh" | "/bin/sh", _) => Ok(Shell::Sh),
        ("bash" | "/bin/bash", _) => Ok(Shell::Bash),
        (_, "sh" | "bash" | "dash" | "ash" | "ksh" | "mksh" | "zsh") => Ok(Shell::Other(text.to_owned())),
        _ => {
            let reason = format!("expected a shell of POSIX's kind, found `{}`", section::short(text));
            Err(SpecError::new(value.place, &path, reason).with_hint("`bash` and `/bin/sh` are CodeBuild's"))
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
