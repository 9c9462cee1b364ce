use std::fs;
use std::io::Write;
use std::sync::Mutex;

use jiff::Timestamp;
use plimsoll_buildspec::FixedClock;
use plimsoll_template::document::Limits;
use plimsoll_template::pipeline::{pipelines, projects};
use plimsoll_template::template::{Inputs, Template};

use super::*;
use crate::console::Said;
use crate::folder::Executions;

const CLOCK: FixedClock = FixedClock(Timestamp::UNIX_EPOCH);

/// A pipeline of three stages; in the second two actions run at once.
const TEMPLATE: &str = "\
Resources:
  Shop:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      PipelineType: V2
      RoleArn: role
      ArtifactStore: {Type: S3, Location: bucket}
      Stages:
        - Name: Source
          Actions:
            - Name: Code
              ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: '1'}
              Configuration: {S3Bucket: b, S3ObjectKey: k}
              OutputArtifacts: [{Name: App}]
              Namespace: code
        - Name: Build
          ON_FAILURE
          Actions:
            - Name: One
              ActionTypeId: {Category: Compute, Owner: AWS, Provider: Commands, Version: '1'}
              InputArtifacts: [{Name: App}]
              Commands: [make one]
            - Name: Two
              ActionTypeId: {Category: Compute, Owner: AWS, Provider: Commands, Version: '1'}
              InputArtifacts: [{Name: App}]
              Commands: [make two]
              OutputArtifacts: [{Name: Out, Files: ['*']}]
            - Name: Last
              RunOrder: 2
              ActionTypeId: {Category: Compute, Owner: AWS, Provider: Commands, Version: '1'}
              InputArtifacts: [{Name: Out}]
              Commands: [make last]
        - Name: Review
          Actions:
            - Name: Approve
              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}
";

fn plan(on_failure: &str) -> Plan {
    let text = TEMPLATE.replace("ON_FAILURE", on_failure);
    let text = text.replace("          \n", "");
    let stack =
        Template::read("t.yml", &text, &Limits::default()).unwrap().resolve(Inputs::default()).unwrap();
    let pipeline = pipelines(&stack).unwrap().remove(0);
    Plan::new(&stack, pipeline, projects(&stack).unwrap()).unwrap()
}

/// Does actions as it is told: how each ends, in turn; what is not told succeeds.
#[derive(Default)]
struct Script {
    ends: Mutex<Vec<(&'static str, Status)>>,
    done: Mutex<Vec<String>>,
}

impl Script {
    fn ending(ends: &[(&'static str, Status)]) -> Self {
        Self { ends: Mutex::new(ends.to_vec()), done: Mutex::default() }
    }

    fn take_done(&self) -> Vec<String> {
        let mut done = std::mem::take(&mut *self.done.lock().unwrap());
        done.sort();
        done
    }
}

impl Doer for Script {
    fn act(&self, job: &Job<'_>, log: &mut dyn Write) -> Done {
        let name = job.action.name.clone();
        writeln!(log, "doing {name}").unwrap();
        for input in &job.inputs {
            assert!(input.folder.join("made").is_file(), "{input:?}");
        }
        self.done.lock().unwrap().push(format!("{name}.{}", job.attempt));
        let mut ends = self.ends.lock().unwrap();
        let status = match ends.iter().position(|(action, _)| *action == name) {
            Some(at) => ends.remove(at).1,
            None => Status::Succeeded,
        };
        let mut done = Done { status, ..Done::default() };
        for output in &job.action.outputs {
            let folder = job.work.join(&output.name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("made"), &name).unwrap();
            done.artifacts.push((output.name.clone(), folder));
        }
        done.revision = Some("r1".to_owned());
        done.variables = [("Made".to_owned(), name)].into();
        done
    }
}

struct Bench {
    root: tempfile::TempDir,
    said: Said,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), said: Said::default(), stop: Arc::default() }
    }

    fn executions(&self) -> Executions {
        Executions::new(self.root.path(), "shop")
    }

    /// Runs a new execution, or goes on with the last one.
    fn run(&self, plan: &Plan, doer: &Script, course: Option<&Course>) -> Result<Status, Error> {
        let execution = match course {
            None => self.executions().begin(begun(plan), CLOCK.now())?,
            Some(_) => self.executions().open(None)?,
        };
        let console = Console::new(self.said.clone());
        let engine = Engine {
            plan,
            doer,
            execution: &execution,
            console: &console,
            secrets: &[],
            clock: &CLOCK,
            stop: Arc::clone(&self.stop),
        };
        engine.run(course.unwrap_or(&Course::default()))
    }

    fn state(&self) -> State {
        self.executions().open(None).unwrap().state()
    }
}

#[test]
fn stages_run_in_order_and_hand_on_artifacts_and_variables() {
    let (bench, plan, script) = (Bench::new(), plan(""), Script::default());
    assert_eq!(bench.run(&plan, &script, None).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Code.1", "Last.1", "One.1", "Two.1"]);
    let state = bench.state();
    assert_eq!(state.status, Status::Succeeded);
    assert_eq!(state.variable("code", "Made"), Some("Code"));
    assert_eq!(state.artifact("App").unwrap().revision.as_deref(), Some("r1"));
    let said = bench.said.text();
    assert!(said.contains("Build/One | doing One\n") && said.contains("\ndoing Last\n"), "{said}");
    let folder = bench.executions().open(None).unwrap().folder().to_owned();
    assert!(folder.join("artifacts/Out/made").is_file() && folder.join("logs/Build/Two.1.log").is_file());
    assert!(!folder.join("work/Build/Two.1").exists());
}

#[test]
fn after_a_failure_the_others_end_and_only_what_failed_runs_again() {
    let (bench, plan) = (Bench::new(), plan(""));
    let script = Script::ending(&[("One", Status::Failed)]);
    assert_eq!(bench.run(&plan, &script, None).unwrap(), Status::Failed);
    assert_eq!(script.take_done(), ["Code.1", "One.1", "Two.1"]);
    assert_eq!(bench.state().stage("Build").unwrap().status, Status::Failed);
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Last.1", "One.2"]);
    // Nothing is left to do.
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Succeeded);
    assert!(script.take_done().is_empty());
}

#[test]
fn all_actions_of_a_stage_run_again_if_that_is_asked() {
    let (bench, plan) = (Bench::new(), plan(""));
    let script = Script::ending(&[("Last", Status::Failed)]);
    assert_eq!(bench.run(&plan, &script, None).unwrap(), Status::Failed);
    script.take_done();
    let course = Course { retry: Retry::All, ..Course::default() };
    assert_eq!(bench.run(&plan, &script, Some(&course)).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Last.2", "One.2", "Two.2"]);
}

#[test]
fn a_stage_may_be_begun_with_or_run_alone() {
    let (bench, plan, script) = (Bench::new(), plan(""), Script::default());
    let from = |stage: &str, only| Course { from: Some(stage.to_owned()), only, retry: Retry::Failed };
    let refused = |course: &Course| bench.run(&plan, &script, Some(course)).unwrap_err().to_string();
    bench.run(&plan, &Script::ending(&[("Two", Status::Failed)]), None).unwrap();
    let error = refused(&from("Review", false));
    assert!(error.contains("found `Build` failed"), "{error}");
    assert!(refused(&from("None", false)).contains("expected one of `Source`"));
    assert_eq!(bench.run(&plan, &script, Some(&from("Build", true))).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Last.1", "Two.2"]);
    assert_eq!(bench.state().status, Status::InProgress, "a stage is left");
    assert_eq!(bench.run(&plan, &script, Some(&from("Build", false))).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Last.2", "One.2", "Two.3"]);
}

#[test]
fn a_stage_is_tried_again_where_the_template_says_so() {
    let bench = Bench::new();
    let script = Script::ending(&[("One", Status::Failed)]);
    let plan_of = |mode: &str| {
        plan(&format!("OnFailure: {{Result: RETRY, RetryConfiguration: {{RetryMode: {mode}}}}}"))
    };
    assert_eq!(bench.run(&plan_of("FAILED_ACTIONS"), &script, None).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Code.1", "Last.1", "One.1", "One.2", "Two.1"]);
    let script = Script::ending(&[("One", Status::Failed), ("One", Status::Failed)]);
    assert_eq!(bench.run(&plan_of("ALL_ACTIONS"), &script, None).unwrap(), Status::Failed);
    assert_eq!(script.take_done(), ["Code.1", "One.1", "One.2", "Two.1", "Two.2"]);
    let script = Script::ending(&[("One", Status::Failed)]);
    assert_eq!(bench.run(&plan("OnFailure: {Result: ROLLBACK}"), &script, None).unwrap(), Status::Failed);
    assert!(bench.said.text().contains("on AWS, ROLLBACK would follow"));
}

#[test]
fn what_waits_halts_the_run_and_is_asked_again() {
    let (bench, plan) = (Bench::new(), plan(""));
    let script = Script::ending(&[("Approve", Status::Waiting), ("Approve", Status::Waiting)]);
    assert_eq!(bench.run(&plan, &script, None).unwrap(), Status::Waiting);
    assert_eq!(bench.state().status, Status::Waiting);
    script.take_done();
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Waiting);
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.2", "Approve.3"]);
}

#[test]
fn what_was_cut_off_runs_again_and_what_is_stopped_does_not_begin() {
    let (bench, plan, script) = (Bench::new(), plan(""), Script::default());
    bench.run(&plan, &Script::ending(&[("Last", Status::Failed)]), None).unwrap();
    // As a process leaves it that was killed.
    bench
        .executions()
        .open(None)
        .unwrap()
        .change(CLOCK.now(), |state| {
            state.status = Status::InProgress;
            state.stage_mut("Build").unwrap().status = Status::InProgress;
            state.action_mut("Build", "Last").unwrap().status = Status::InProgress;
        })
        .unwrap();
    bench.stop.store(true, Ordering::Release);
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Stopped);
    assert!(script.take_done().is_empty());
    bench.stop.store(false, Ordering::Release);
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Last.2"]);
}

#[test]
fn a_changed_template_keeps_what_it_still_names() {
    let (bench, script) = (Bench::new(), Script::default());
    bench.run(&plan(""), &Script::ending(&[("Last", Status::Failed)]), None).unwrap();
    let text =
        TEMPLATE.replace("ON_FAILURE", "").replace("          \n", "").replace("Name: One", "Name: Other");
    let stack =
        Template::read("t.yml", &text, &Limits::default()).unwrap().resolve(Inputs::default()).unwrap();
    let pipeline = pipelines(&stack).unwrap().remove(0);
    let changed = Plan::new(&stack, pipeline, Vec::new()).unwrap();
    assert_eq!(bench.run(&changed, &script, Some(&Course::default())).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1", "Last.2", "Other.1"]);
    assert!(bench.state().action("Build", "One").is_none());
}

#[test]
fn an_artifact_that_nobody_made_fails_whoever_wants_it() {
    struct Makes;
    impl Doer for Makes {
        fn act(&self, job: &Job<'_>, _: &mut dyn Write) -> Done {
            let mut done = Done { status: Status::Succeeded, ..Done::default() };
            if job.action.name == "Code" {
                let folder = job.work.join("a");
                fs::create_dir(&folder).unwrap();
                done.artifacts.push(("App".to_owned(), folder));
            }
            done
        }
    }
    let (bench, plan) = (Bench::new(), plan(""));
    let execution = bench.executions().begin(begun(&plan), CLOCK.now()).unwrap();
    let console = Console::new(bench.said.clone());
    let engine = Engine {
        plan: &plan,
        doer: &Makes,
        execution: &execution,
        console: &console,
        secrets: &[],
        clock: &CLOCK,
        stop: Arc::default(),
    };
    assert_eq!(engine.run(&Course::default()).unwrap(), Status::Failed);
    let state = execution.state();
    let message = state.action("Build", "Last").unwrap().message.clone().unwrap();
    assert!(message.contains("expected artifact `Out`"), "{message}");
    assert!(bench.said.text().contains("note: Two made no artifact `Out`"));
}

#[test]
fn a_closed_way_halts_the_run_until_it_is_opened() {
    let bench = Bench::new();
    let text = TEMPLATE.replace("          ON_FAILURE\n", "");
    let closed =
        "      DisableInboundStageTransitions: [{StageName: Review, Reason: holidays}]\n      Stages:\n";
    let text = text.replace("      Stages:\n", closed);
    let stack =
        Template::read("t.yml", &text, &Limits::default()).unwrap().resolve(Inputs::default()).unwrap();
    let plan = Plan::new(&stack, pipelines(&stack).unwrap().remove(0), Vec::new()).unwrap();
    let script = Script::default();
    assert_eq!(bench.run(&plan, &script, None).unwrap(), Status::Waiting);
    assert!(bench.said.text().contains("the way into Review is closed: holidays"));
    assert_eq!(bench.run(&plan, &script, Some(&Course::default())).unwrap(), Status::Waiting);
    script.take_done();
    let course = Course { from: Some("Review".to_owned()), ..Course::default() };
    assert_eq!(bench.run(&plan, &script, Some(&course)).unwrap(), Status::Succeeded);
    assert_eq!(script.take_done(), ["Approve.1"]);
}
