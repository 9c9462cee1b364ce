//! A git repository of sources, and a builder whose store is its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::image::image;
use crate::surroundings::{Scratch, path, program};
use crate::tool::{make_folder, run, tool, write_file};

/// Sources, repositories, and what `buildah` needs to build upon the [`image()`] without a network.
#[derive(Debug)]
pub struct Sources {
    folder: Scratch,
}

impl Sources {
    /// An empty repository `source`.
    pub fn new() -> Self {
        let sources = Self { folder: Scratch::new() };
        let home = sources.path("home/.config/containers");
        make_folder(&home);
        write_file(&home.join("policy.json"), br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
        // Images of ours are written into a store of this test's own; that of the image is read.
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n[storage.options]\nadditionalimagestores = [\"{}\"]\n",
            sources.path("store").display(),
            sources.path("run").display(),
            image().store().display()
        );
        write_file(&sources.path("storage.conf"), storage.as_bytes());
        sources.git(&["init", "--quiet", "--initial-branch=main", "source"]);
        sources
    }

    /// A path beside the repository.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Writes a file of the sources.
    pub fn file(&self, name: &str, text: &str) {
        let file = self.path("source").join(name);
        make_folder(file.parent().expect("it lies in the repository"));
        write_file(&file, text.as_bytes());
    }

    /// Commits all there is and gives the hash.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["-C", "source", "add", "--all"]);
        self.git(&["-C", "source", "commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["-C", "source", "rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Runs git in the folder of the repositories and gives what it wrote: stdout, and, of a push, what hooks said.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub fn git(&self, words: &[&str]) -> String {
        let mut command = tool("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(words);
        self.surround(&mut command);
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("cannot start `git`: {error}\nhint: `sh tests/real/setup.sh`"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "`git {words:?}` failed:\n{}", text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    }

    /// Variables for whatever builds: the program under test too.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("HOME", self.path("home").into_os_string()),
            ("CONTAINERS_STORAGE_CONF", self.path("storage.conf").into_os_string()),
            ("PATH", path()),
        ]
    }

    /// The same, with the program under test on the path.
    pub fn variables_with_program(&self) -> Vec<(&'static str, OsString)> {
        let mut path = program().parent().expect("it lies in a folder").as_os_str().to_owned();
        path.push(":");
        let mut variables = self.variables();
        for (_, value) in variables.iter_mut().filter(|(name, _)| *name == "PATH") {
            path.push(&*value);
            value.clone_from(&path);
        }
        variables
    }

    fn surround(&self, command: &mut Command) {
        command.envs(self.variables()).current_dir(self.path(""));
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

/// What the programs of a place where pipelines run have to say of one of its files; empty where all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineFile {
    /// A workflow of GitHub, by its schema.
    GithubWorkflow,
    /// An action of GitHub, by its schema.
    GithubAction,
    /// A file of GitLab CI, by its schema.
    Gitlab,
    /// A `Jenkinsfile`, by the grammar of Groovy.
    Jenkinsfile,
}

impl PipelineFile {
    /// What is wrong with a file.
    ///
    /// # Panics
    ///
    /// Where the program that knows cannot be started.
    pub fn violations(self, file: &Path) -> String {
        let schema = match self {
            Self::GithubWorkflow => "vendor.github-workflows",
            Self::GithubAction => "vendor.github-actions",
            Self::Gitlab => "vendor.gitlab-ci",
            Self::Jenkinsfile => return groovy(file),
        };
        let mut command = tool(crate::surroundings::work_folder().join("ci/bin/check-jsonschema"));
        command.args(["--builtin-schema", schema]).arg(file);
        said(&mut command)
    }
}

/// What `actionlint` says of the workflows of a repository.
///
/// # Panics
///
/// Where it cannot be started.
pub fn actionlint(repository: &Path) -> String {
    let mut command = tool(crate::surroundings::work_folder().join("ci/bin/actionlint"));
    // Shells are looked at by whoever has those programs; what is said must not depend on it.
    command.args(["-no-color", "-shellcheck=", "-pyflakes="]).current_dir(repository);
    said(&mut command)
}

/// What a command writes where it fails; nothing where it ends well.
fn said(command: &mut Command) -> String {
    let shown = crate::tool::shown(command);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start `{shown}`: {error}\nhint: `sh tests/real/setup.sh`"));
    if output.status.success() {
        return String::new();
    }
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Parses it, and runs nothing of it.
fn groovy(file: &Path) -> String {
    // Debian's start script looks for Java where another package would put it.
    let java = run(tool("sh").args(["-c", "readlink -f \"$(command -v java)\""]));
    let java = PathBuf::from(String::from_utf8_lossy(&java).trim());
    let home = java.ancestors().nth(2).expect("`bin/java` lies in a folder");
    let mut command = tool("groovy");
    command.env("JAVA_HOME", home).args(["-e", "new GroovyShell().parse(new File(args[0]))"]).arg(file);
    said(&mut command)
}

/// Whether the program's own command line takes these words: it says what is wrong with them before it does anything.
///
/// # Panics
///
/// Where it cannot be started.
pub fn is_taken(words: &[String]) -> bool {
    let scratch = Scratch::new();
    make_folder(&scratch.path("empty"));
    // Help ends all else, but not before the words in front of it were understood.
    let mut command = tool(program());
    command.args(words).arg("--help").current_dir(scratch.path("empty"));
    command.output().expect("the program under test can be started").status.success()
}

/// Lines of a file, those that go on put together.
pub fn whole_lines(file: &Path) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "a file of the project")]
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", file.display()));
    text.replace("\\\n", " ").lines().map(str::to_owned).collect()
}
