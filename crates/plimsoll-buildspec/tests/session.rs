//! One shell, fed command by command: bash and dash.

mod support;

use std::time::Duration;

use plimsoll_buildspec::{PhaseType, Status};
use support::{build, build_with, spec_of};

/// The shells that every test of this file is run with, where they are installed.
fn shells() -> Vec<&'static str> {
    let known = [("bash", "/bin/bash"), ("/bin/sh", "/bin/sh"), ("dash", "/bin/dash")];
    known.iter().filter(|(_, path)| std::path::Path::new(path).exists()).map(|(name, _)| *name).collect()
}

#[test]
fn folder_variables_functions_and_options_live_on() {
    for shell in shells() {
        let ran = build(&spec_of(
            shell,
            &[
                "mkdir -p deep && cd deep",
                "export A=exported; B=plain",
                "greet() { echo \"hello $1\"; }",
                "set -u",
                "greet you",
                "echo $A $B ${PWD##*/}",
                "sh -c 'echo child: $A $B'",
                "echo ${UNSET-unset}",
                "case $- in *u*) echo nounset;; esac",
            ],
        ));
        assert_eq!(
            ran.output(),
            ["hello you", "exported plain deep", "child: exported plain", "unset", "nounset"]
        );
        assert_eq!(ran.result.build_status, Status::Succeeded, "{shell}: {}", ran.log);
    }
}

#[test]
fn multi_line_commands_and_here_documents_are_one_command() {
    for shell in shells() {
        let ran = build(&spec_of(
            shell,
            &[
                "cat <<EOF\none\n  two\nEOF",
                "for i in 1 2; do\n  echo $i\ndone",
                "echo a \\\n  b",
                "echo after",
            ],
        ));
        assert_eq!(ran.output(), ["one", "  two", "1", "2", "a b", "after"], "{shell}");
        assert_eq!(ran.statuses(PhaseType::Build), [0, 0, 0, 0]);
    }
}

#[test]
fn a_syntax_error_fails_its_command_alone() {
    for shell in shells() {
        for wrong in ["echo \"open", "if true; then", "cat <<EOF\nnot closed", "echo )", "done"] {
            let spec = spec_of(shell, &["A=kept; cd /", wrong, "echo never"]);
            let spec = format!("{spec}    finally:\n      - echo finally $A $PWD\n");
            let ran = build(&spec);
            // A here-document that ends with the file is a warning.
            if wrong.starts_with("cat") {
                assert!(ran.output().contains(&"never"), "{shell} {wrong}: {}", ran.log);
            } else {
                assert_eq!(ran.result.build_status, Status::Failed, "{shell} {wrong}: {}", ran.log);
                assert!(!ran.output().contains(&"never"), "{shell} {wrong}: {}", ran.log);
                assert_eq!(ran.statuses(PhaseType::Build).len(), 3, "{shell} {wrong}");
            }
            assert!(ran.output().contains(&"finally kept /"), "{shell} {wrong}: {}", ran.log);
        }
    }
}

#[test]
fn exit_ends_its_command_and_the_next_shell_takes_up() {
    for shell in shells() {
        let ran = build(&spec_of(
            shell,
            &["A=1; cd /tmp; B=2; exit 0", "echo $A$B $PWD", "unset A; exit", "echo ${A-gone}"],
        ));
        assert_eq!(ran.output(), ["12 /tmp", "gone"], "{shell}: {}", ran.log);
        let ran = build(&spec_of(shell, &["A=kept", "exit 3", "echo never"]));
        assert_eq!(ran.statuses(PhaseType::Build), [0, 3], "{shell}");
        let message = &ran.result.phase(PhaseType::Build).unwrap().contexts[0];
        assert_eq!(message.status_code, "COMMAND_EXECUTION_ERROR");
        assert_eq!(message.message, "Error while executing command: exit 3. Reason: exit status 3");
    }
}

#[test]
fn set_e_lives_on_and_ends_the_command() {
    for shell in shells() {
        let spec = spec_of(shell, &["set -e", "echo a\nfalse\necho never"]);
        let ran = build(&format!(
            "{spec}    finally:\n      - echo finally\n      - |\n        false\n        echo never\n"
        ));
        assert_eq!(ran.output(), ["a", "finally"], "{shell}: {}", ran.log);
        assert_eq!(ran.statuses(PhaseType::Build), [0, 1, 0, 1]);
        let ran = build(&spec_of(shell, &["set -eu", "false || true", "echo still"]));
        assert_eq!(ran.output(), ["still"]);
    }
}

#[test]
fn functions_survive_the_end_of_bash() {
    let ran = build(&spec_of(
        "bash",
        &[
            "f() { echo f; }; shopt -s nullglob; declare -A m=([k]=v)",
            "echo ${m[k]}",
            "exit 0",
            "f; shopt nullglob",
        ],
    ));
    assert_eq!(ran.output()[..2], ["v", "f"]);
    assert!(ran.output()[2].ends_with("on"), "{}", ran.log);
}

#[test]
fn commands_find_an_empty_input() {
    for shell in shells() {
        let ran = build(&spec_of(
            shell,
            &["cat; echo cat $?", "read -r line || echo nothing", "[ -t 0 ] || echo no terminal"],
        ));
        assert_eq!(ran.output(), ["cat 0", "nothing", "no terminal"], "{shell}");
    }
}

#[test]
fn exec_traps_and_signals_end_the_shell_at_most() {
    for shell in shells() {
        let ran = build(&spec_of(shell, &["A=1", "exec sh -c 'echo replaced; exit 0'", "echo $A"]));
        assert_eq!(ran.output(), ["replaced", "1"], "{shell}: {}", ran.log);
        let ran = build(&spec_of(shell, &["kill -9 $$"]));
        assert_eq!(ran.statuses(PhaseType::Build), [137], "{shell}");
        let ran = build(&spec_of(shell, &["trap 'echo bye' EXIT", "echo on"]));
        assert_eq!(ran.output(), ["on", "bye"], "{shell}: {}", ran.log);
    }
}

#[test]
fn redirected_output_and_loop_words_do_no_harm() {
    for shell in shells() {
        let ran = build(&spec_of(
            shell,
            &["break 2>/dev/null || :; return 0", "exec >out.txt", "echo hidden", "set -C"],
        ));
        assert_eq!(ran.result.build_status, Status::Succeeded, "{shell}: {}", ran.log);
        assert!(ran.output().is_empty());
        let ran = build(&spec_of(shell, &["return 4"]));
        assert_eq!(ran.statuses(PhaseType::Build), [4], "{shell}");
        let ran = build(&spec_of(shell, &["exec 7>a 8>b 9>c", "IFS=/; set -f; echo on"]));
        assert_eq!(ran.output(), ["on"], "{shell}: {}", ran.log);
    }
}

#[test]
fn background_jobs_may_be_waited_for() {
    for shell in shells() {
        let ran = build(&spec_of(
            shell,
            &["(sleep 0.2; echo done; exit 5) & pid=$!", "wait $pid || echo status $?"],
        ));
        assert_eq!(ran.output(), ["done", "status 5"], "{shell}: {}", ran.log);
        assert!(ran.result.leftover_processes.is_empty());
    }
}

#[test]
fn what_is_left_over_is_ended_and_told() {
    for shell in shells() {
        // Each is waited for until it is what it is to be.
        let ready = "until grep -qs '^sleep' /proc/$!/comm; do :; done";
        let commands =
            ["nohup sleep 301 >/dev/null 2>&1", "setsid sleep 302", "(trap '' TERM; exec sleep 303)"]
                .map(|command| format!("{command} & {ready}"));
        let commands = commands.each_ref().map(String::as_str);
        let ran = build_with(&spec_of(shell, &commands), &[], |request| {
            request.limits.grace = Duration::from_millis(300);
        });
        assert_eq!(ran.result.build_status, Status::Succeeded);
        let told: Vec<&str> =
            ran.result.leftover_processes.iter().map(|left| left.command.as_str()).collect();
        for left in ["sleep 301", "sleep 302", "sleep 303"] {
            assert!(told.contains(&left), "{shell} {left}: {told:?}");
        }
        for left in &ran.result.leftover_processes {
            let state =
                std::fs::File::open(format!("/proc/{}/stat", left.pid)).and_then(std::io::read_to_string);
            assert!(state.is_err() || state.unwrap().contains(") Z "), "{left:?}");
        }
        assert!(ran.log.contains("[WARN] process "));
    }
}

#[test]
fn a_command_that_hangs_is_ended_with_all_it_started() {
    for shell in shells() {
        let started = std::time::Instant::now();
        let spec = spec_of(shell, &["A=1", "echo before; (sleep 311 & sleep 312)\necho never"]);
        let ran = build_with(&format!("{spec}    finally:\n      - echo finally $A\n"), &[], |request| {
            request.limits.command = Some(Duration::from_millis(2500));
            request.limits.grace = Duration::from_millis(200);
        });
        assert_eq!(ran.output(), ["before", "finally 1"], "{shell}: {}", ran.log);
        assert_eq!(ran.statuses(PhaseType::Build), [0, 124, 0]);
        assert!(ran.result.phase(PhaseType::Build).unwrap().commands[1].timed_out);
        assert!(started.elapsed() < Duration::from_secs(20));
        assert!(ran.result.leftover_processes.is_empty(), "{:?}", ran.result.leftover_processes);
    }
}

#[test]
fn version_0_1_has_a_shell_for_each_command() {
    let spec = "version: 0.1\nenvironment_variables:\n  plaintext:\n    V: v\nphases:\n  build:\n    commands:\n      - \
                export A=1; cd /\n      - echo ${A-none} ${PWD##*/} $V $CODEBUILD_BUILD_SUCCEEDING\n      - exit 2\n  \
                post_build:\n    commands:\n      - echo $CODEBUILD_BUILD_SUCCEEDING\n";
    let ran = build(spec);
    assert_eq!(ran.output(), ["none src v 1", "0"], "{}", ran.log);
    assert_eq!(
        ran.phases(),
        "DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD FAILED, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS SUCCEEDED"
    );
}
