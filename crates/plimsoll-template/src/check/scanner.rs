//! Scanners by their commands: which are gates, and what makes them fail.

use super::shell::Command;

/// What is known of a scanner's command.
struct Scanner {
    name: &'static str,
    /// Words behind the name with which it scans; one of them must stand there, unless there are none.
    verbs: &'static [&'static str],
    /// The verbs that take an image.
    image_verbs: &'static [&'static str],
    /// Without one of these flags no finding makes it fail; empty where it fails by itself.
    fails_with: &'static [&'static str],
    /// Flags with which it never fails.
    off: &'static [&'static str],
}

const fn fails_itself(
    name: &'static str,
    verbs: &'static [&'static str],
    off: &'static [&'static str],
) -> Scanner {
    Scanner { name, verbs, image_verbs: &[], fails_with: &[], off }
}

/// Source: the manuals of these programs.
const SCANNERS: &[Scanner] = &[
    Scanner {
        name: "plimsoll",
        verbs: &["scan"],
        image_verbs: &["scan"],
        fails_with: &["--fail-on", "--policy", "--strict", "--preset"],
        off: &[],
    },
    Scanner {
        name: "trivy",
        verbs: &[
            "image",
            "i",
            "fs",
            "filesystem",
            "rootfs",
            "repo",
            "repository",
            "config",
            "conf",
            "sbom",
            "k8s",
            "vm",
        ],
        image_verbs: &["image", "i"],
        fails_with: &["--exit-code"],
        off: &[],
    },
    Scanner { name: "grype", verbs: &[], image_verbs: &[""], fails_with: &["--fail-on", "-f"], off: &[] },
    Scanner {
        name: "lacework",
        verbs: &["vulnerability", "vuln", "iac", "compliance"],
        image_verbs: &["vulnerability", "vuln"],
        fails_with: &["--fail_on_severity", "--fail_on_fixable", "--fail", "--hard-fail", "--policy"],
        off: &["--noninteractive-soft-fail"],
    },
    Scanner {
        name: "lw-scanner",
        verbs: &["image", "evaluate"],
        image_verbs: &["image", "evaluate"],
        fails_with: &["--fail-on-violation-exit-code", "--policy", "--critical-violation-exit-code"],
        off: &[],
    },
    Scanner {
        name: "snyk",
        verbs: &["test", "container", "iac", "code"],
        image_verbs: &["container"],
        fails_with: &[],
        off: &[],
    },
    fails_itself("osv-scanner", &[], &[]),
    fails_itself("checkov", &[], &["--soft-fail", "-s"]),
    fails_itself("tfsec", &[], &["--soft-fail", "-s"]),
    fails_itself("terrascan", &["scan"], &[]),
    fails_itself("kics", &["scan"], &[]),
    fails_itself("hadolint", &[], &["--no-fail"]),
    fails_itself("cfn-lint", &[], &[]),
    fails_itself("cfn_nag_scan", &[], &[]),
    fails_itself("cfn_nag", &[], &[]),
    fails_itself("cfn-guard", &["validate"], &[]),
    fails_itself("dockle", &[], &[]),
    fails_itself("gitleaks", &["detect", "git", "dir", "protect"], &[]),
    fails_itself("pip-audit", &[], &[]),
    fails_itself("safety", &["check", "scan"], &[]),
    fails_itself("bandit", &[], &["--exit-zero"]),
    Scanner {
        name: "semgrep",
        verbs: &["scan", "ci"],
        image_verbs: &[],
        fails_with: &["--error", "ci"],
        off: &[],
    },
    fails_itself("kubesec", &["scan"], &[]),
    fails_itself(
        "soluble",
        &["iac-scan", "code-scan", "image-scan", "cloudformation-scan", "terraform-scan"],
        &[],
    ),
    fails_itself("clair-scanner", &[], &[]),
];

/// Words that ask a scanner about itself.
const NO_SCAN: [&str; 14] = [
    "--version",
    "-v",
    "-V",
    "version",
    "--help",
    "-h",
    "help",
    "--download-db-only",
    "plugin",
    "configure",
    "auth",
    "login",
    "db",
    "completion",
];

/// Flags of scanners behind which a value stands.
const WITH_VALUE: &[&str] = &[
    "--as-of",
    "--attest-output",
    "--aws-account",
    "--aws-product-arn",
    "--aws-region",
    "--base",
    "--baseline",
    "--build-id",
    "--build-plan",
    "--ca-cert",
    "--cache-dir",
    "--compliance",
    "--config",
    "--data-directory",
    "--db",
    "--db-digest",
    "--docker-host",
    "--exit-code",
    "--exit-on-eol",
    "--fail-on",
    "--fail-on-violation-exit-code",
    "--fail_on_severity",
    "--file",
    "--format",
    "--github-job",
    "--github-ref",
    "--github-run",
    "--github-run-url",
    "--github-sha",
    "--html-file",
    "--html_file",
    "--ignore-policy",
    "--ignorefile",
    "--image-src",
    "--input",
    "--insecure-http",
    "--max-age",
    "--name",
    "--output",
    "--password",
    "--pkg-types",
    "--platform",
    "--policy",
    "--policy-id",
    "--poll_interval",
    "--profile",
    "--registry-token",
    "--scanners",
    "--security-checks",
    "--severity",
    "--severity-order",
    "--severity-threshold",
    "--sign-key",
    "--skip-dirs",
    "--skip-files",
    "--store",
    "--tags",
    "--template",
    "--threads",
    "--timeout",
    "--username",
    "--vex",
    "--vex-key",
    "--vuln-type",
    "--waivers",
    "-c",
    "-f",
    "-o",
    "-s",
    "-t",
];

/// A command that scans.
pub(super) struct Scan {
    pub(super) name: &'static str,
    /// Whether it scans an image.
    pub(super) is_image: bool,
    /// The words behind its verb.
    pub(super) arguments: Vec<String>,
    /// The flags of which one would make it fail, where none of them is there.
    pub(super) never_fails: &'static [&'static str],
    /// The flag with which it never fails.
    pub(super) off: Option<&'static str>,
}

impl Scan {
    /// The words that are neither flags nor values of flags.
    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        let mut is_value = false;
        self.arguments.iter().map(String::as_str).filter(move |word| {
            let was_value = std::mem::replace(&mut is_value, WITH_VALUE.contains(word));
            !was_value && !word.starts_with('-')
        })
    }
}

/// The words of a command without what stands before a program: assignments, `if`, `sudo`, `env`, `timeout 5m`.
pub(super) fn program(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some(first) = rest.first() {
        let is_assignment = first.split_once('=').is_some_and(|(name, _)| is_name(name));
        let skipped = match first.as_str() {
            "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "}" | "sudo" | "env"
            | "command" | "exec" | "time" | "nice" | "nohup" => 1,
            "timeout" => 2,
            _ if is_assignment => 1,
            _ => return rest,
        };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    rest
}

/// Whether this is the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The name of a program or image: `/usr/bin/trivy`, `aquasec/trivy:0.50`.
pub(super) fn base(word: &str) -> &str {
    let word = word.rsplit('/').next().unwrap_or(word);
    word.split([':', '@']).next().unwrap_or(word)
}

/// Whether a program of this name is a scanner.
pub(super) fn is_scanner(name: &str) -> bool {
    SCANNERS.iter().any(|scanner| scanner.name == name) || name == "cfn-nag"
}

/// The scan that a command is.
pub(super) fn scan(command: &Command) -> Option<Scan> {
    let words = program(&command.words);
    let (first, mut rest) = words.split_first()?;
    let mut name = base(first);
    if matches!(name, "docker" | "podman" | "nerdctl") {
        if rest.first().is_some_and(|word| word == "scout") && rest.get(1).is_some_and(|word| word == "cves")
        {
            return Some(found("docker scout", true, rest[2..].to_vec(), &["--exit-code", "-e"], &[]));
        }
        if rest.first().is_none_or(|word| word != "run") {
            return None;
        }
        // The image is the first word that is a scanner's name.
        let at = rest.iter().position(|word| !word.starts_with('-') && is_scanner(base(word)))?;
        name = base(&rest[at]);
        rest = &rest[at + 1..];
    }
    if matches!(name, "npm" | "yarn" | "pnpm") && rest.first().is_some_and(|word| word == "audit") {
        return Some(found("npm audit", false, rest[1..].to_vec(), &[], &[]));
    }
    let scanner = SCANNERS.iter().find(|scanner| scanner.name == name)?;
    if rest.iter().take(2).any(|word| NO_SCAN.contains(&word.as_str())) {
        return None;
    }
    let verb = rest.iter().position(|word| scanner.verbs.contains(&word.as_str()));
    // Trivy once took an image without a verb, and some still write it so.
    let is_old_trivy =
        scanner.name == "trivy" && verb.is_none() && rest.iter().any(|word| !word.starts_with('-'));
    if !scanner.verbs.is_empty() && verb.is_none() && !is_old_trivy {
        return None;
    }
    let verb_name = verb.map_or("", |at| rest[at].as_str());
    // `lacework` lists, shows and configures with the same verbs.
    let is_lacework_other = scanner.name == "lacework"
        && !rest.iter().any(|word| word == "scan" || word.ends_with("-scan") || word == "run-assessment");
    if is_lacework_other || (scanner.name == "snyk" && rest.iter().any(|word| word == "monitor")) {
        return None;
    }
    let is_image = is_old_trivy || scanner.image_verbs.contains(&verb_name);
    let mut arguments: Vec<String> = rest.to_vec();
    if let Some(at) = verb {
        arguments.remove(at);
    }
    // Further verbs: `container scan`, `container test`, `image evaluate`.
    if verb.is_some() && !matches!(scanner.name, "plimsoll" | "trivy") {
        while arguments.first().is_some_and(|word| {
            matches!(
                word.as_str(),
                "container" | "ctr" | "scan" | "scan-image" | "test" | "image" | "evaluate" | "ci"
            )
        }) {
            arguments.remove(0);
        }
    }
    let mut scan = found(scanner.name, is_image, arguments, scanner.fails_with, rest);
    scan.off = scanner.off.iter().copied().find(|flag| rest.iter().any(|word| word == flag));
    Some(scan)
}

fn found(
    name: &'static str,
    is_image: bool,
    arguments: Vec<String>,
    fails_with: &'static [&'static str],
    words: &[String],
) -> Scan {
    let words = if words.is_empty() { &arguments } else { words };
    let has = |flag: &&str| {
        words.iter().enumerate().any(|(at, word)| {
            let value = match word.strip_prefix(flag) {
                Some("") => words.get(at + 1).map_or("", String::as_str),
                Some(rest) if rest.starts_with('=') => &rest[1..],
                _ => return false,
            };
            // `--exit-code 0` asks for no failure.
            !(flag.contains("exit-code") && value == "0")
        })
    };
    let never_fails = if fails_with.iter().any(has) { &[] } else { fails_with };
    Scan { name, is_image, arguments, never_fails, off: None }
}
