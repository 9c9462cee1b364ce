//! `plimsoll pipeline run --commit`, `hook` and `init`, with git, and a builder that is a script.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plimsoll_testkit::registry::Registry;
use support::{Run, Stage, image, push};

/// Where programs of the system lie.
const SYSTEM: &str = "/usr/bin:/bin";

/// Builds by what the first line of the Dockerfile says, and gives the image that lies beside it.
const BUILDER: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/calls"
case "$1" in
version) echo 27.0 ;;
build | bud)
    case "$*" in
    *'--isolation chroot'*) ;;
    *) if [ -e "$here/no-namespaces" ]; then echo 'unshare: Operation not permitted' >&2; exit 125; fi ;;
    esac
    while [ $# -gt 0 ]; do
        case "$1" in --iidfile) id=$2 ;; esac
        folder=$1
        shift
    done
    read -r first < "$folder/Dockerfile"
    echo "dockerfile: $first"
    ls "$folder"
    case "$first" in
    CLAIM*) echo 'unshare: Operation not permitted' >&2; exit 125 ;;
    FAIL*) echo "no such step" >&2; exit 17 ;;
    HANG*) sleep 300 ;;
    FLOOD*) yes 'a line of it' | head -c 6000000 ;;
    BACKGROUND*) sleep 300 & ;;
    LIE*) echo '--rm' > "$id"; exit 0 ;;
    esac
    printf 'sha256:%064d' 1 > "$id" ;;
save) cp "$here/image.tar" "$3" ;;
push)
    case "$*" in *oci-archive:*) cp "$here/oci.tar" "${*##*oci-archive:}" ;; esac
    printf '1: digest: sha256:%064d size: 1\n' 2 ;;
esac
"#;

/// A stage with a repository of sources and a builder.
struct Commits {
    stage: Stage,
}

impl Commits {
    fn new(name: &str) -> Self {
        let commits = Self { stage: Stage::new(name) };
        let bin = commits.stage.folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("image.tar"), image().docker_archive("other:name")).unwrap();
        fs::write(bin.join("oci.tar"), image().oci_archive("name")).unwrap();
        program(&bin.join("docker"), BUILDER);
        program(&bin.join("buildah"), BUILDER);
        commits.git(&["init", "-q", "-b", "main", "source"]);
        commits
    }

    fn path(&self) -> String {
        format!("{}:{SYSTEM}", self.stage.folder.join("bin").display())
    }

    /// Writes a file of the sources.
    fn file(&self, name: &str, text: &str) {
        let path = self.stage.folder.join("source").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits all there is.
    fn commit(&self, message: &str) -> String {
        self.git(&["-C", "source", "add", "--all"]);
        self.stage.write("message", message.as_bytes());
        let words =
            ["-C", "source", "commit", "-q", "--allow-empty", "--cleanup=verbatim", "--file", "../message"];
        self.git(&words);
        self.git(&["-C", "source", "rev-parse", "HEAD"]).trim().to_owned()
    }

    fn git(&self, words: &[&str]) -> String {
        let output = self.try_git(words);
        assert!(output.status.success(), "git {words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn try_git(&self, words: &[&str]) -> Output {
        let who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgSign=false"];
        let mut command = Command::new("git");
        command.env_clear().env("PATH", self.path()).env("HOME", self.stage.folder.join("home")).args(who);
        // Hooks have what they are called with.
        command.env("TMPDIR", self.stage.folder.join("scratch")).args(words).current_dir(&self.stage.folder);
        command.output().expect("these tests need git: `apt-get install git`")
    }

    fn run(&self, words: &[&str]) -> Run {
        let scratch = self.stage.folder.join("scratch");
        fs::create_dir_all(&scratch).unwrap();
        let variables = [("PATH", &*self.path()), ("TMPDIR", &*scratch.display().to_string())];
        let run = self.stage.run_with(&[&["pipeline"], words].concat(), &variables);
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "what is left in the scratch folder");
        run
    }

    /// `pipeline run --commit HEAD` with reports in `out`.
    fn head(&self, words: &[&str]) -> Run {
        let whole =
            ["run", "--source", "source", "--commit", "HEAD", "--db", "plimsoll.db", "--reports", "out"];
        self.run(&[&whole, words].concat())
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.stage.folder.join("bin/calls")).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.stage.folder.join(name).exists()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.stage.folder.join(name)).unwrap()
    }
}

fn program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn images_are_built_from_the_commit_scanned_and_counted() {
    let commits = Commits::new("commit-built");
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.file("docker/shop/files/of it.txt", "a");
    commits.file("docker/org/name/Dockerfile", "FROM a\n");
    let commit = commits.commit("Fixed yum for image ::shop:1.2, and ::org/name\n\nSigned-off-by: A");
    // What is not committed is not built.
    commits.file("docker/shop/Dockerfile", "FROM elsewhere\n");
    commits.file("docker/shop/dirty", "");

    let run = commits.head(&["--upload", "kept"]);
    assert_eq!(run.status, 0, "{run:?}");
    let expected = format!(
        "\
commit {}  Fixed yum for image ::shop:1.2, and ::org/name

REPORT           VERDICT  TOTAL UNKN LOW MED HIGH CRIT FIXABLE EXPLOITED
shop:1.2         passed       4    2   0   1    0    1       3         1
org/name:latest  passed       4    2   0   1    0    1       3         1
2 reports        passed       8    4   0   2    0    2       6         2

shop:1.2: passed; built from docker/shop with docker
  out/shop_1.2_results.json
  kept/shop_1.2_results.json
org/name:latest: passed; built from docker/org/name with docker
  out/org_name_latest_results.json
  kept/org_name_latest_results.json
",
        &commit[..12]
    );
    assert_eq!(run.stdout, expected, "{run:?}");
    assert!(run.stderr.contains("  dockerfile: FROM scratch\n  Dockerfile\n  files\n"), "{run:?}");
    assert!(!run.stderr.contains("dirty"), "{run:?}");
    let report: serde_json::Value = serde_json::from_str(&commits.read("out/shop_1.2_results.json")).unwrap();
    assert_eq!(report["ArtifactName"], "shop:1.2");
    assert_eq!(commits.read("kept/shop_1.2_results.json"), commits.read("out/shop_1.2_results.json"));
    let calls = commits.calls();
    assert!(calls.contains(&format!("--label org.opencontainers.image.revision={commit}")), "{calls}");
    assert!(calls.contains("build --tag shop:1.2 "), "{calls}");

    // The gate.
    let run = commits.head(&["--fail-on", "critical", "--quiet"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("shop:1.2: failed the gate; built"), "{run:?}");
    assert_eq!(run.stderr, "", "{run:?}");
    // Other flags of a scan go behind `--`, and are looked at before anything is built.
    let before = commits.calls();
    let run = commits.head(&["--", "--no-such-flag"]);
    assert_eq!((run.status, &commits.calls()), (2, &before), "{run:?}");
    assert!(run.stderr.contains("--no-such-flag"), "{run:?}");
    let run = commits.head(&["--", "--format", "csv"]);
    assert!(run.stdout.contains("CVE-2021-3711"), "{run:?}");
}

#[test]
fn a_hostile_message_runs_nothing_and_is_told_where() {
    let commits = Commits::new("commit-hostile");
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.commit("::$(touch pwned):x\n::shop;touch pwned ::../../etc `::-x` ::shop");
    let run = commits.head(&["--dry-run"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert_eq!(run.stderr.matches("error: cannot run `::").count(), 4, "{run:?}");
    assert!(run.stderr.contains("(line 2, column 1)"), "{run:?}");
    assert!(run.stdout.contains("shop:latest: would be built from docker/shop\n"), "{run:?}");
    assert_eq!(commits.calls(), "");
    // What is well is run, what is not fails the run.
    let run = commits.head(&[]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stdout.contains("shop:latest: passed;"), "{run:?}");
    assert!(!commits.has("pwned") && !commits.has("source/pwned"));

    commits.commit(&format!("::shop\n{}", "x".repeat(1 << 20)));
    let run = commits.head(&[]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("expected at most 65536 bytes, found 10485"), "{run:?}");
}

#[test]
fn a_message_without_images_is_told_and_passes() {
    let commits = Commits::new("commit-none");
    commits.commit("Use ::std::vec\n\n# ::shop");
    let run = commits.head(&["--upload", "s3://never-asked/x"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.ends_with("the message names no image as `::name:tag`: nothing to do\n"), "{run:?}");
    assert!(run.stderr.contains("note: `::std::vec` (line 1, column 5) is code, no image"), "{run:?}");
    assert!(run.stderr.contains("note: `::shop` (line 3, column 3) is a comment, no image"), "{run:?}");
    assert!(!commits.has("out"));
}

#[test]
fn what_has_no_dockerfile_is_taken_from_the_registry() {
    let commits = Commits::new("commit-pulled");
    let registry = Registry::start();
    let image = image();
    push(&registry, &image, "team/redis", "7");
    let digest = image.digest();
    // An image that is named by its digest is not built anew.
    commits.file("docker/team/redis/Dockerfile", "FAIL\n");
    let host = registry.host();
    commits.commit(&format!("::redis:7 ::{host}/team/redis@{digest} ::gone:1"));
    let prefix = format!("{host}/team");
    let run = commits.head(&["--registry", &prefix, "--push"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stdout.contains(&format!("redis:7: passed; taken from {host}\n  out/redis_7")), "{run:?}");
    assert!(run.stdout.contains("gone:1: not scanned\n"), "{run:?}");
    assert!(run.stderr.contains(&format!("cannot find image `{prefix}/gone:1`")), "{run:?}");
    let name = format!("out/team_redis_{}_results.json", digest.replace(':', "_"));
    assert!(commits.has(&name), "{run:?}");
    assert!(!commits.has("out/gone_1_results.json"));
    // Nothing was built, so no builder was looked for.
    assert_eq!(commits.calls(), "");
    let run = commits.head(&["--registry", "not a host"]);
    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn a_build_that_fails_hangs_or_never_ends_its_output_fails_the_run_and_not_the_others() {
    let commits = Commits::new("commit-failing");
    for (name, first) in [
        ("broken", "FAIL"),
        ("loud", "FLOOD"),
        ("leaving", "BACKGROUND"),
        ("lying", "LIE"),
        ("good", "FROM scratch"),
    ] {
        commits.file(&format!("docker/{name}/Dockerfile"), first);
    }
    commits.commit("::broken ::loud ::leaving ::lying ::good");
    // One of an earlier run is not taken for this one's.
    fs::create_dir_all(commits.stage.folder.join("out")).unwrap();
    commits.stage.write("out/broken_latest_results.json", b"{}");
    let run = commits.head(&[]);
    assert_eq!(run.status, 3, "{run:?}");
    for line in [
        "broken:latest: not built\n",
        "loud:latest: passed; built",
        "leaving:latest: passed; built",
        "lying:latest: not built\n",
        "good:latest: passed; built",
    ] {
        assert!(run.stdout.contains(line), "{line}: {}", run.stdout);
    }
    assert!(!commits.has("out/broken_latest_results.json"));
    assert!(run.stderr.contains("because: it ended with status 17"), "{}", run.stderr.len());
    assert!(run.stderr.contains("expected the ID of an image, found `--rm`"));
    assert!(run.stderr.contains("is left out") && run.stderr.len() < 4_000_000, "{}", run.stderr.len());
    // When it is quiet, what the builder said last is part of the error.
    let run = commits.head(&["--quiet"]);
    assert!(run.stderr.contains("  no such step"), "{run:?}");

    commits.file("docker/slow/Dockerfile", "HANG");
    commits.commit("::slow");
    let run = commits.head(&["--timeout", "2s"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stdout.contains("slow:latest: not built\n"), "{run:?}");
    assert!(run.stderr.contains("because: `docker` took longer than 2 s"), "{run:?}");
}

#[test]
fn nothing_that_a_repository_brings_along_is_run_or_followed() {
    let commits = Commits::new("commit-repository");
    let pwned = commits.stage.folder.join("pwned");
    let script = commits.stage.folder.join("evil.sh");
    program(&script, &format!("#!/bin/sh\ntouch {}\ncat\n", pwned.display()));
    let evil = script.display().to_string();
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.file("docker/shop/data.bin", "data");
    commits.file(".gitattributes", "* filter=evil diff=evil export-ignore\n");
    symlink("/etc", commits.stage.folder.join("source/docker/link")).unwrap();
    fs::create_dir_all(commits.stage.folder.join("source/docker/inner")).unwrap();
    symlink("/etc/passwd", commits.stage.folder.join("source/docker/inner/Dockerfile")).unwrap();
    symlink("/etc/passwd", commits.stage.folder.join("source/docker/shop/out")).unwrap();
    commits.commit("::shop ::link ::inner");
    for (name, value) in [
        ("filter.evil.smudge", &*evil),
        ("filter.evil.process", &*evil),
        ("diff.evil.textconv", &*evil),
        ("diff.external", &*evil),
        ("core.fsmonitor", &*evil),
        ("core.pager", &*evil),
        ("pager.log", &*evil),
        ("gpg.program", &*evil),
        ("log.showSignature", "true"),
        ("core.hooksPath", &*commits.stage.folder.display().to_string()),
        ("core.sshCommand", &*evil),
        ("format.pretty", "raw"),
        ("alias.log", &format!("!{evil}")),
    ] {
        commits.git(&["-C", "source", "config", name, value]);
    }
    fs::remove_file(&pwned).ok();
    let run = commits.head(&[]);
    assert!(!pwned.exists(), "{run:?}");
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stdout.contains("shop:latest: passed;"), "{run:?}");
    // Byte for byte, whatever attributes say; links stay links.
    assert!(run.stderr.contains("  Dockerfile\n  data.bin\n  out\n"), "{run:?}");
    assert!(
        run.stderr.contains("cannot build from `docker/link` of commit")
            && run.stderr.contains("expected a folder, found a symbolic link"),
        "{run:?}"
    );
    assert!(run.stderr.contains("`docker/inner/Dockerfile`") && !run.stdout.contains("inner:latest: passed"));
    let run = commits.head(&["--docker-dir", "../../etc"]);
    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn revisions_and_surroundings_that_are_wrong_are_told() {
    let commits = Commits::new("commit-wrong");
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.commit("::shop");
    for revision in ["nowhere", "--output=pwned", "-x", "", "HEAD:docker", "HEAD\n"] {
        let run = commits.run(&["run", "--source", "source", &format!("--commit={revision}")]);
        assert_eq!(run.status, 2, "{revision:?}: {run:?}");
    }
    assert!(!commits.has("pwned") && !commits.has("source/pwned"));
    let run = commits.run(&["run", "--commit", "HEAD", "--source", "nowhere"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("hint: name the folder of a repository with `--source`"), "{run:?}");
    // Flags of one way to run mean nothing in another.
    for words in [
        &["run", "--fail-on", "high"][..],
        &["run", "--commit", "HEAD", "--push"],
        &["run", "--commit", "a", "--buildspec", "b"],
        &["run", "--commit", "a", "--env", "A=b"],
        &["run", "--commit", "a", "--result", "r.json"],
    ] {
        assert_eq!(commits.run(words).status, 2, "{words:?}");
    }
    fs::remove_file(commits.stage.folder.join("bin/docker")).unwrap();
    let run = commits.head(&["--builder", "docker"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("because: `docker` is not on the PATH"), "{run:?}");
}

#[test]
fn what_passed_is_pushed_and_only_to_the_registry_that_was_named() {
    let commits = Commits::new("commit-push");
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.commit("::shop:1 ::other.example/shop:1");
    let words = ["--registry", "registry.example/team", "--push"];
    let run = commits.head(&words);
    assert_eq!(run.status, 2, "{run:?}");
    let digest = format!("{:064}", 2);
    let pushed = format!("  pushed to registry.example/team/shop:1@sha256:{digest}\n");
    assert!(run.stdout.contains(&pushed), "{run:?}");
    assert!(run.stderr.contains("cannot push `other.example/shop:1`"), "{run:?}");
    // Two images of one name in two registries have two reports.
    assert!(run.stderr.contains("note: `shop_1_results.json` is another image's"), "{run:?}");
    assert!(commits.has("out/shop_1_2_results.json"));
    let count = || commits.calls().lines().filter(|call| call.starts_with("push")).count();
    assert_eq!(count(), 1);
    let run = commits.head(&[&words[..], &["--fail-on", "low"]].concat());
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("  not pushed\n"), "{run:?}");
    assert_eq!(count(), 1);
}

#[test]
fn a_push_runs_what_its_commits_ask_for_and_tells_the_pusher() {
    let commits = Commits::new("commit-hook");
    fs::create_dir_all(commits.stage.folder.join("scratch")).unwrap();
    commits.git(&["init", "-q", "--bare", "shop.git"]);
    let run = commits.run(&["init", "--hook", "shop.git"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.starts_with("wrote shop.git/hooks/post-receive\n"), "{run:?}");
    let db = commits.stage.folder.join("plimsoll.db");
    for value in [format!("--db={}", db.display()), "--fail-on=critical".to_owned()] {
        commits.git(&["-C", "shop.git", "config", "--add", "plimsoll.flag", &value]);
    }
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.commit("one ::shop:1");
    commits.commit("two, none");
    commits.commit("three ::shop:3 ::$(touch pwned)");
    let push = |refs: &[&str]| {
        let output = commits.try_git(&[&["-C", "source", "push", "-q", "../shop.git"], refs].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let hostile = "HEAD:refs/heads/a;$(touch${IFS}pwned)`touch${IFS}pwned`";
    let said = push(&["main", hostile]);
    let of_main = said.find("one ::shop:1").unwrap();
    assert!(of_main < said.find("three ::shop:3").unwrap(), "{said}");
    assert_eq!(said.matches("remote: commit ").count(), 2, "each commit once: {said}");
    assert!(said.contains("remote: shop:1: failed the gate; built from docker/shop with docker"), "{said}");
    assert!(said.contains("remote: error: cannot run `::$(touch`"), "{said}");
    for folder in ["", "source/", "shop.git/"] {
        assert!(!commits.has(&format!("{folder}pwned")), "{folder}");
    }
    assert!(commits.has("shop.git/plimsoll/shop_1_results.json"));

    // A branch of what is known already, a tag, a branch that goes, and one that is not wanted.
    assert!(!push(&["main:refs/heads/b", "main:refs/tags/v1"]).contains("remote: commit"));
    assert!(!push(&[":refs/heads/b"]).contains("remote: commit"));
    commits.git(&["-C", "shop.git", "config", "--add", "plimsoll.branches", "release/*"]);
    commits.commit("four ::shop:4");
    let said = push(&["main"]);
    assert!(
        said.contains("branch `main` is none of `plimsoll.branches`") && !said.contains("commit"),
        "{said}"
    );
    commits.commit("five ::shop:5");
    let said = push(&["main:refs/heads/release/1"]);
    assert!(said.contains("five ::shop:5") && !said.contains("one ::shop:1"), "{said}");

    // Input that is none.
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["pipeline", "hook", "--repository", "shop.git"]).current_dir(&commits.stage.folder);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let zeros = "0".repeat(40);
    let lines = format!("x\n-a -b -c\n{zeros} {} refs/heads/release/gone\n", "a".repeat(40));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn hooks_of_others_are_left_alone() {
    let commits = Commits::new("commit-hooks");
    commits.git(&["init", "-q", "--bare", "shop.git"]);
    let hook = commits.stage.folder.join("shop.git/hooks/post-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    program(&hook, "#!/bin/sh\necho mine\n");
    let run = commits.run(&["init", "--hook", "shop.git", "--github"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("hint: let that hook call `plimsoll pipeline hook`"), "{run:?}");
    assert!(!commits.has(".github") && commits.read("shop.git/hooks/post-receive").contains("mine"));
    let run = commits.run(&["init", "--hook", "shop.git", "--force"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(commits.read("shop.git/hooks/post-receive.before-plimsoll-0").contains("mine"));
    // Our own is renewed.
    assert_eq!(commits.run(&["init", "--hook", "shop.git"]).status, 0);
    assert!(!commits.has("shop.git/hooks/post-receive.before-plimsoll-1"));
    // One folder of hooks for several repositories is nobody's own.
    commits.git(&["-C", "shop.git", "config", "core.hooksPath", "/usr/share/hooks"]);
    let run = commits.run(&["init", "--hook", "shop.git"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("`core.hooksPath` leads there"), "{run:?}");
    let run = commits.run(&["init", "--hook", "bin"]);
    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn files_are_written_where_they_belong_and_never_over_others() {
    let commits = Commits::new("commit-init");
    let all = ["init", "--github", "--gitlab", "--jenkins", "--buildspec", "--aws", "--output", "new"];
    let run = commits.run(&all);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{run:?}");
    for file in [
        ".github/workflows/plimsoll.yml",
        ".github/actions/plimsoll/action.yml",
        ".gitlab/plimsoll.gitlab-ci.yml",
        "Jenkinsfile",
        "buildspec.yml",
        "deploy/aws/pipeline.yml",
    ] {
        assert!(commits.has(&format!("new/{file}")), "{file}");
    }
    let run = commits.run(&all);
    assert!(run.status == 0 && run.stdout.contains("new/Jenkinsfile is there already\n"), "{run:?}");
    commits.stage.write("new/Jenkinsfile", b"mine");
    fs::remove_file(commits.stage.folder.join("new/buildspec.yml")).unwrap();
    let run = commits.run(&all);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(commits.read("new/Jenkinsfile") == "mine" && !commits.has("new/buildspec.yml"), "all or nothing");
    assert_eq!(commits.run(&[&all[..], &["--force"]].concat()).status, 0);
    assert!(commits.read("new/Jenkinsfile").contains("plimsoll pipeline run"));
    assert_eq!(commits.run(&["init"]).status, 2);
    // All that lies beside a template is written with it.
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/aws");
    let mut folders = vec![own.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("new/deploy/aws/{}", path.strip_prefix(&own).unwrap().display());
            assert!(commits.has(&name), "{name}");
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    // What is written is well-formed to our own eyes.
    let run = commits.run(&["check", "new/buildspec.yml"]);
    assert_eq!(
        (run.status, run.stdout.lines().last()),
        (0, Some("0 errors, 0 warnings, 0 notes")),
        "{run:?}"
    );
}

#[test]
fn a_run_that_is_stopped_ends_its_builder_and_cleans_up() {
    let commits = Commits::new("commit-stopped");
    commits.file("docker/slow/Dockerfile", "HANG");
    commits.commit("::slow ::slow:2");
    let scratch = commits.stage.folder.join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["pipeline", "run", "--source", "source", "--commit", "HEAD", "--db", "plimsoll.db"]);
    command
        .env_clear()
        .env("PATH", commits.path())
        .env("TMPDIR", &scratch)
        .current_dir(&commits.stage.folder);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = std::time::Instant::now();
    while !commits.calls().contains("build ") {
        assert!(start.elapsed().as_secs() < 60, "the builder was never called");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let stopped = Command::new("/bin/kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    // Its pipes are closed, so nothing that it started is left.
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("the run was stopped by a signal"));
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert_eq!(commits.calls().matches("build ").count(), 1);
}

#[test]
fn what_cannot_be_scanned_is_told_before_anything_is_built() {
    let commits = Commits::new("commit-early");
    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.commit("::shop");
    let source = ["run", "--source", "source", "--commit", "HEAD"];
    for (words, status) in [
        (&["--db", "nowhere", "--", "--offline"][..], 5),
        (&["--db", "plimsoll.db", "--policy", "nowhere.toml"], 2),
        (&["--db", "plimsoll.db", "--upload", "s3://"], 2),
        (&["--db", "plimsoll.db", "--", "--attest"], 2),
        (&["--db", "plimsoll.db", "--registry", "registry.example", "--push", "--attest"], 2),
    ] {
        let run = commits.run(&[&source[..], words].concat());
        assert_eq!(run.status, status, "{words:?}: {run:?}");
    }
    assert_eq!(commits.calls(), "");
}

#[test]
fn images_of_the_registry_are_attested_there() {
    let commits = Commits::new("commit-attested");
    let registry = Registry::start();
    let prefix = format!("{}/team", registry.host());
    push(&registry, &image(), "team/redis", "7");
    commits.commit("::redis:7");
    assert_eq!(commits.stage.run(&["db", "keygen", "--output", "own.key"]).status, 0);
    let words = ["--registry", &prefix, "--attest", "--sign-key", "own.key", "--fail-on", "critical"];
    let run = commits.head(&words);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("redis:7: failed the gate; taken from"), "{run:?}");
    assert!(run.stdout.contains("  attested there\n"), "{run:?}");
    let target = format!("{prefix}/redis:7");
    let verified = commits.stage.run(&["verify", &target, "--key", "own.key.pub"]);
    assert_eq!(verified.status, 1, "{verified:?}");
    let run = commits.head(&[
        "--registry",
        &prefix,
        "--attest",
        "--sign-key",
        "own.key",
        "--policy",
        "strict",
        "--",
        "--ignore-unfixed",
    ]);
    assert!(run.stdout.contains("  attested there\n"), "{run:?}");
}

#[test]
fn less_isolation_is_for_machines_that_have_no_more_and_not_for_dockerfiles_to_choose() {
    let commits = Commits::new("commit-isolation");
    commits.file("docker/claim/Dockerfile", "CLAIM\n");
    commits.commit("::claim");
    let run = commits.head(&["--builder", "buildah"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(!commits.calls().contains("--isolation"), "{}", commits.calls());

    commits.file("docker/shop/Dockerfile", "FROM scratch\n");
    commits.commit("::shop");
    commits.stage.write("bin/no-namespaces", b"");
    let run = commits.head(&["--builder", "buildah"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("note: `buildah` cannot run commands in namespaces here"), "{run:?}");
    assert!(run.stdout.contains("shop:latest: passed; built from docker/shop with buildah"), "{run:?}");
    assert_eq!(commits.calls().matches("--isolation chroot").count(), 1, "{}", commits.calls());
}
