//! A folder, a buildspec, a build.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plimsoll_buildspec::{BuildResult, Buildspec, FixedClock, LocalSecrets, PhaseType, Request, run};

/// What a build left: its result, its log without times, its workspace.
pub(crate) struct Ran {
    pub(crate) result: BuildResult,
    pub(crate) log: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Ran {
    /// The phases that were entered, with their states: `INSTALL SUCCEEDED, …`.
    pub(crate) fn phases(&self) -> String {
        let shown =
            self.result.phases.iter().map(|phase| format!("{} {}", phase.phase_type, phase.phase_status));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// The lines that commands wrote.
    pub(crate) fn output(&self) -> Vec<&str> {
        self.log.lines().filter(|line| !line.starts_with("[Container]") && !line.is_empty()).collect()
    }

    pub(crate) fn statuses(&self, phase: PhaseType) -> Vec<i32> {
        let phase = self.result.phase(phase).expect("it was entered");
        phase.commands.iter().map(|command| command.exit_status).collect()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }
}

pub(crate) const SECRETS: &str =
    "[parameters]\n\"/login\" = \"hunter2-hunter2\"\n[secrets.db]\npassword = \"correct horse\"\n";

pub(crate) fn environment(home: &Path) -> BTreeMap<String, String> {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    BTreeMap::from([
        ("PATH".to_owned(), path.to_owned()),
        ("HOME".to_owned(), home.display().to_string()),
        ("LC_ALL".to_owned(), "C".to_owned()),
    ])
}

/// Runs a buildspec in a folder with these files.
pub(crate) fn build_with(spec: &str, files: &[(&str, &str)], change: impl FnOnce(&mut Request<'_>)) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder");
    let workspace = folder.path().join("src");
    for (path, text) in files {
        let path = workspace.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    fs::create_dir_all(&workspace).expect("a folder");
    fs::create_dir_all(folder.path().join("home")).expect("a folder");
    let spec = Buildspec::parse(spec).expect("a buildspec");
    let mut request = Request::new(&spec, &workspace, folder.path().join("scratch"));
    request.environment = environment(&folder.path().join("home"));
    request.artifacts = Some(folder.path().join("artifacts"));
    request.reports = Some(folder.path().join("reports"));
    request.cache = Some(folder.path().join("cache"));
    change(&mut request);
    let secrets = LocalSecrets::parse(SECRETS, "secrets.toml").expect("secrets");
    let clock = FixedClock("2026-11-22T20:54:28.5Z".parse().expect("a time"));
    let mut log = Vec::new();
    let result = run(&request, &secrets, &clock, &mut log).expect("a build");
    let mut log = String::from_utf8(log).expect("text");
    // Of a command of several lines the log shows all: here only the first.
    for command in result.phases.iter().flat_map(|phase| &phase.commands) {
        if let Some((first, _)) = command.command.split_once('\n') {
            log = log.replace(&command.command, &format!("{first}…"));
        }
    }
    let log = log.replace("[Container] 2026/11/22 20:54:28.500000 ", "[Container] ");
    let left = fs::read_dir(folder.path().join("scratch")).expect("a folder").count();
    assert_eq!(left, 0, "nothing of ours is left in the scratch folder");
    Ran { result, log, folder }
}

pub(crate) fn build(spec: &str) -> Ran {
    build_with(spec, &[], |_| {})
}

/// A buildspec of version 0.2 for this shell with these commands in `build`.
pub(crate) fn spec_of(shell: &str, commands: &[&str]) -> String {
    let mut spec = format!("version: 0.2\nenv:\n  shell: {shell}\nphases:\n  build:\n    commands:\n");
    for command in commands {
        spec.push_str("      - |\n");
        for line in command.lines() {
            spec.push_str("        ");
            spec.push_str(line);
            spec.push('\n');
        }
    }
    spec
}
