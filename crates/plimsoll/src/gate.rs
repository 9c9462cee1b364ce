//! The gate of a scan: policy, flags and waivers from everywhere they may be written, and the day they are asked on.

use std::cmp::Reverse;
use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;
use plimsoll_gate::{Context, Field, Flags, InputError, PRESETS, Policy, Unclear, Waivers};
use plimsoll_model::{Finding, Gap, Notice, NoticeKind, Scan, SuppressionKind, Verdict};

use crate::args::GateArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::texts::{text_if_there, text_of};

/// What a rule wants that asks for what another scanner's report does not say.
const OURS: &str = "a report of Plimsoll's";
/// Ignore files of other scanners that are read where they lie in the current folder.
const IGNORE_FILES: &[&str] = &[
    ".trivyignore",
    ".trivyignore.yaml",
    ".trivyignore.yml",
    ".grype.yaml",
    ".grype.yml",
    "osv-scanner.toml",
];

/// What decides about a scan.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) policy: Policy,
    pub(crate) waivers: Waivers,
    /// The instant of the decision.
    pub(crate) now: Timestamp,
    /// Whether that is another one than the present.
    pub(crate) is_shifted: bool,
}

impl Gate {
    /// Reads all of it, before any image: a policy that is wrong is told at once.
    ///
    /// A policy that is named replaces the one of the settings file; waivers of all files hold together.
    pub(crate) fn read(
        arguments: &GateArgs,
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let flags = Flags {
            fail_on: arguments.fail_on.or(settings.fail_on).map(Into::into),
            ignore_unfixed: arguments.ignore_unfixed || settings.ignore_unfixed,
            fail_on_kev: arguments.fail_on_kev || settings.fail_on_kev,
            fail_on_new: arguments.fail_on_new || settings.fail_on_new,
            strict: arguments.strict || settings.strict,
        };
        let mut waivers = Waivers::default();
        for file in &arguments.waivers {
            waivers.extend(waivers_of(file, &text_of(file)?)?);
        }
        for file in &arguments.trivyignore {
            let (origin, text) = (file.display().to_string(), text_of(file)?);
            let is_yaml = file.extension().is_some_and(|end| end == "yaml" || end == "yml");
            let read = if is_yaml { Waivers::trivyignore_yaml } else { Waivers::trivyignore };
            waivers.extend(read(&origin, &text).map_err(input_failure)?);
        }
        let policy = if let Some(name) = &arguments.policy {
            named(name, &mut waivers)?
        } else {
            let read = Policy::from_settings(&settings.origin, &settings.text);
            read.map_err(input_failure)?.unwrap_or_default()
        };
        // Who names the settings file for a policy or for waivers has its waivers already.
        let is_read = arguments.waivers.iter().any(|file| file == Path::new(&settings.origin))
            || arguments.policy.as_ref().is_some_and(|name| *name == settings.origin);
        if !is_read {
            let own = Waivers::from_toml(&settings.origin, &settings.text, false);
            waivers.extend(own.map_err(input_failure)?);
        }
        if !(arguments.no_ignore_files || settings.no_ignore_files) {
            for file in IGNORE_FILES.iter().map(Path::new) {
                let named = arguments.waivers.iter().any(|other| other == file);
                if let Some(text) = text_if_there(file).filter(|_| !named).transpose()? {
                    waivers.extend(waivers_of(file, &text)?);
                }
            }
        }
        Ok(Self {
            policy: policy.with_flags(&flags),
            waivers,
            now: arguments.as_of.map_or(environment.now, |as_of| as_of.0),
            is_shifted: arguments.as_of.is_some(),
        })
    }

    /// Whether anything is asked at all.
    pub(crate) fn asks(&self) -> bool {
        self.policy.strict || !self.policy.rules().is_empty()
    }

    /// Whether a rule asks what is known to be exploited.
    pub(crate) fn asks_for_kev(&self) -> bool {
        [Field::Kev, Field::KevDue, Field::Ransomware].iter().any(|&field| self.policy.reads(field))
    }

    /// The gap of a database without the catalogue of what is known to be exploited, since nothing would be.
    ///
    /// # Errors
    /// Where a flag asks for just that.
    pub(crate) fn without_kev(arguments: &GateArgs, settings: &Settings) -> Result<Gap, Failure> {
        let expected = "the catalogue of known exploited vulnerabilities in the database, found none";
        if arguments.fail_on_kev || settings.fail_on_kev {
            let error = anyhow!("cannot fail on what is known to be exploited: expected {expected}");
            return Err(Failure::new(Exit::NoAdvisories, error)
                .hint("`plimsoll db update` fetches it; `plimsoll db build` takes CISA's `known_exploited_vulnerabilities.json`"));
        }
        Ok(Gap {
            path: String::new(),
            place: String::new(),
            diff_id: None,
            reporter: "gate".to_owned(),
            reason: format!("expected {expected}; a rule asks for it"),
        })
    }

    /// Decides about a scan that another gate decided about: that one's rules and waivers are forgotten. What VEX
    /// statements settled stays settled. Gives what was said of each advisory that could not be decided.
    pub(crate) fn judge_anew(&self, scan: &mut Scan) -> Result<Vec<Unclear>, Failure> {
        let suppressed = std::mem::take(&mut scan.suppressed);
        let (settled, dropped): (Vec<_>, Vec<_>) =
            suppressed.into_iter().partition(|one| one.kind == SuppressionKind::Vex);
        scan.suppressed = settled;
        scan.findings.extend(dropped.into_iter().map(|one| one.finding));
        scan.findings.sort_by(by_package);
        // What was compared with what, and what VEX documents said, is as it was.
        scan.notices.retain(|notice| {
            notice.kind.is_of_vex()
                || matches!(notice.kind, NoticeKind::NoBaseline | NoticeKind::BaselineDiffers)
        });
        self.judge(scan)
    }

    /// Decides about the findings of a scan. Gives what was said of each advisory that could not be decided.
    pub(crate) fn judge(&self, scan: &mut Scan) -> Result<Vec<Unclear>, Failure> {
        let context = Context { now: self.now, inventory: Some(&scan.inventory) };
        let gaps: Vec<&Gap> = scan.inventory.gaps.iter().chain(&scan.match_gaps).collect();
        let findings = std::mem::take(&mut scan.findings);
        let judged =
            plimsoll_gate::judge(&self.policy, &self.waivers, findings, &scan.undetermined, gaps, &context)
                .map_err(|error| Failure::new(Exit::Usage, error))?;
        scan.findings = judged.findings;
        scan.suppressed.extend(judged.suppressed);
        scan.suppressed.sort_by(|a, b| by_package(&a.finding, &b.finding));
        scan.decision = judged.decision;
        // Where the baseline is missing, a strict gate has not decided.
        let is_missing = scan.notices.iter().any(|notice| notice.kind == NoticeKind::NoBaseline);
        if is_missing && self.policy.strict && scan.decision.verdict == Verdict::Passed {
            scan.decision.verdict = Verdict::Undecided;
        }
        scan.notices.extend(judged.notices);
        scan.notices.extend(self.notices(scan));
        scan.notices.sort();
        Ok(judged.unclear)
    }

    /// What of the policy hangs on what was not given.
    fn notices(&self, scan: &Scan) -> Vec<Notice> {
        let mut notices = Vec::new();
        // Another scanner's report names no database of ours, and says less of a flaw.
        let is_ours = !scan.database.digest.is_empty();
        for (field, is_given, what) in [
            (Field::Kev, is_ours, OURS),
            (Field::KevDue, is_ours, OURS),
            (Field::Ransomware, is_ours, OURS),
            (Field::Epss, is_ours, OURS),
            (Field::Risk, is_ours, OURS),
            (Field::New, scan.baseline.is_some(), "a baseline (`--baseline`)"),
            (Field::NewBecause, scan.baseline.is_some(), "a baseline (`--baseline`)"),
            (Field::Inherited, scan.inventory.base.is_some(), "a base image (`--base`)"),
        ] {
            let name = field.info().name;
            for rule in self.policy.rules().iter().filter(|rule| !is_given && rule.reads(field)) {
                notices.push(Notice {
                    kind: NoticeKind::RuleWithoutFacts,
                    origin: rule.origin.clone(),
                    text: format!(
                        "rule `{}` asks for `{name}`, which is not known without {what}",
                        rule.name
                    ),
                });
            }
        }
        if self.is_shifted {
            let text = format!("decided as of {}, not of the day of the scan", self.now.strftime("%Y-%m-%d"));
            notices.push(Notice { kind: NoticeKind::AsOf, origin: "--as-of".to_owned(), text });
        }
        notices
    }
}

/// The order of findings: by package, the worst first, then by ID.
pub(crate) fn by_package(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    let key = |finding: &Finding| (finding.packages.first().copied(), Reverse(finding.severity.severity));
    key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
}

/// The policy of that name: a preset, or a file, which may hold waivers.
pub(crate) fn named(name: &str, waivers: &mut Waivers) -> Result<Policy, Failure> {
    if let Some(preset) = Policy::preset(name) {
        return Ok(preset);
    }
    let path = Path::new(name);
    let text = text_of(path).map_err(|failure| {
        let presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        failure.hint(format!("a policy is a file, or one of {}", presets.join(", ")))
    })?;
    let policy = Policy::from_file(name, &text).map_err(input_failure)?;
    waivers.extend(Waivers::from_toml(name, &text, true).map_err(input_failure)?);
    Ok(policy)
}

/// Waivers of a file: whose form it has is told by its name.
fn waivers_of(path: &Path, text: &str) -> Result<Waivers, Failure> {
    let origin = path.display().to_string();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let read = if ends(&["trivyignore"]) {
        Waivers::trivyignore(&origin, text)
    } else if ends(&["trivyignore.yaml", "trivyignore.yml"]) {
        Waivers::trivyignore_yaml(&origin, text)
    } else if ends(&["grype.yaml", "grype.yml"]) {
        Waivers::grype_yaml(&origin, text)
    } else if ends(&["osv-scanner.toml"]) {
        Waivers::osv_scanner_toml(&origin, text)
    } else if ends(&[".toml"]) {
        Waivers::from_toml(&origin, text, true)
    } else {
        let what = format!(
            "cannot read waivers `{origin}`: expected a name that ends in `.toml`, `.trivyignore`, `.trivyignore.yaml`, \
             `.grype.yaml` or `osv-scanner.toml`, found another"
        );
        return Err(Failure::new(Exit::Usage, anyhow!(what)));
    };
    read.map_err(input_failure)
}

/// What is wrong with a policy or with waivers: usage, for the gate does not pass because its own input is broken.
pub(crate) fn input_failure(error: InputError) -> Failure {
    let hint = error.hint.clone();
    let failure = Failure::new(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
