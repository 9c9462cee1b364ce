//! What other programs do is handed to them with the very arguments.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with the program alone, as it lies where it is installed.
struct Installed(PathBuf);

impl Installed {
    fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("handover-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("path")).unwrap();
        let own = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
        let there = folder.join("plimsoll");
        fs::hard_link(own, &there).or_else(|_| fs::copy(own, &there).map(drop)).unwrap();
        Self(folder)
    }

    /// A program that says its name and its arguments, and ends with 42.
    fn program(&self, place: &str, name: &str) {
        let file = self.0.join(place).join(name);
        let text = format!("#!/bin/sh\nprintf '%s\\n' 'from {place}' \"$@\"\nexit 42\n");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.0.join("plimsoll"));
        command.env_clear().env("PATH", self.0.join("path")).env("HOME", &self.0).current_dir(&self.0);
        command.args(arguments).output().unwrap()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // What stays is in the build's own folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn arguments_pass_unchanged_to_the_program_beside_or_on_the_path() {
    let installed = Installed::new("found");
    installed.program("path", "plimsoll-fleet");
    let output = installed.run(&["--quiet", "sql", "--help", "-x", "SELECT 1", "--", "--config"]);
    assert_eq!(output.status.code(), Some(42), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "from path\n--quiet\nsql\n--help\n-x\nSELECT 1\n--\n--config\n");

    installed.program("", "plimsoll-fleet");
    for action in ["sql", "scheduler", "executor"] {
        let output = installed.run(&[action, "--version"]);
        assert_eq!(text(&output.stdout), format!("from \n{action}\n--version\n"));
    }
    installed.program("path", "plimsolld");
    let output = installed.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(text(&output.stdout), "from path\nserve\n--listen\n127.0.0.1:0\n");
}

#[test]
fn a_program_that_is_missing_is_named_and_how_it_is_made() {
    let installed = Installed::new("missing");
    for (action, name) in [("sql", "plimsoll-fleet"), ("serve", "plimsolld")] {
        let output = installed.run(&[action]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains(&format!("cannot find the program `{name}`")), "{said}");
        assert!(said.contains("hint:") && said.contains("cargo build"), "{said}");
    }
}

#[test]
fn the_help_lists_them() {
    let installed = Installed::new("help");
    let help = text(&installed.run(&["--help"]).stdout);
    for action in ["sql", "scheduler", "executor", "serve"] {
        assert!(help.contains(&format!("  {action} ")), "{help}");
    }
}
