//! Other programs, run so that neither the person's settings nor their images are touched.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::surroundings::{has_home, home, path};

/// Accepts unsigned images: those here are our own.
const POLICY: &str = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;

/// A program that sees nothing of the person's settings.
pub(crate) fn tool(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path()).env("HOME", home()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command.stdin(Stdio::null());
    command
}

/// A program that fetches packages, with the person's settings for that: mirrors, proxies, certificates.
pub(crate) fn fetching_tool(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", path()).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if !has_home() {
        command.env("HOME", home());
    }
    command
}

/// `skopeo`, told which signatures to ask for: none.
pub(crate) fn skopeo() -> Command {
    let mut command = tool("skopeo");
    command.arg("--policy").arg(policy());
    command
}

/// The file that says that images need no signature.
pub(crate) fn policy() -> std::path::PathBuf {
    let file = home().join("policy.json");
    if !file.exists() {
        write_file(&file, POLICY.as_bytes());
    }
    file
}

/// Runs it to its end and gives what it wrote to stdout.
///
/// # Panics
///
/// Where it cannot be started or fails, with what it wrote to stderr.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    run_with_input(command, &[])
}

/// As [`run`], with bytes on stdin. They are few: the program gets them before its output is read.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let shown = shown(command);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(
            |error| panic!("cannot start `{shown}`: {error}\nhint: `sh tests/real/setup.sh`"),
        );
    let mut stdin = child.stdin.take().expect("stdin was asked for");
    // A program that does not read its input closes it.
    drop(stdin.write_all(input));
    drop(stdin);
    let output =
        child.wait_with_output().unwrap_or_else(|error| panic!("cannot wait for `{shown}`: {error}"));
    assert!(
        output.status.success(),
        "`{shown}` failed: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Writes a whole file by way of a rename, so that no test sees half of it.
pub(crate) fn write_file(file: &Path, content: &[u8]) {
    let part = file.with_added_extension(format!("{}.part", std::process::id()));
    fs::write(&part, content)
        .and_then(|()| fs::rename(&part, file))
        .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", file.display()));
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) {
    fs::create_dir_all(folder)
        .unwrap_or_else(|error| panic!("cannot make folder `{}`: {error}", folder.display()));
}

/// The whole text of a small file of our own.
pub(crate) fn read_text(file: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a file that this package has just made")]
    fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", file.display()))
}
