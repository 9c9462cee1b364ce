//! Processes that a build has left behind: found, ended, told.
//!
//! A process belongs to a build if it is in the process group of one of its shells, or if it was started with the
//! variable [`TOKEN`] of the build. One that left the group and was started with an empty environment is not found.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::files::read_bounded;
use crate::outcome::Leftover;

/// A variable that all processes of a build are started with.
pub(crate) const TOKEN: &str = "PLIMSOLL_BUILD";

/// Largest environment of a process that is looked at, in bytes.
const MAX_ENVIRON_BYTES: u64 = 4 << 20;
/// Longest line of a process' state, in bytes.
const MAX_STAT_BYTES: u64 = 4 << 10;
/// Longest command line that is told, in bytes.
const MAX_COMMAND_BYTES: u64 = 200;
/// How often it is looked for more, since what is ended may start others meanwhile.
const MAX_ROUNDS: usize = 5;

/// Ends what builds have left behind that nobody could clean up after, since their process was killed: builds whose scratch
/// folders lay below this one. Answers what that was.
pub fn end_below(scratch: &Path, grace: Duration) -> Vec<Leftover> {
    let Ok(scratch) = scratch.canonicalize() else { return Vec::new() };
    let start = format!("{TOKEN}={}/", scratch.display());
    end(&|entry| entry.starts_with(start.as_bytes()), &[], grace)
}

/// Ends what is left, and answers what that was.
pub(crate) fn end_all(token: &str, groups: &[Pid], grace: Duration) -> Vec<Leftover> {
    let variable = format!("{TOKEN}={token}");
    end(&|entry| entry == variable.as_bytes(), groups, grace)
}

fn end(is_ours: &dyn Fn(&[u8]) -> bool, groups: &[Pid], grace: Duration) -> Vec<Leftover> {
    let mut told: Vec<Leftover> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let found = find(Path::new("/proc"), is_ours, groups);
        if found.is_empty() {
            break;
        }
        for (pid, _) in &found {
            let _ = kill_process(*pid, Signal::TERM);
        }
        let until = Instant::now() + grace;
        while Instant::now() < until && found.iter().any(|(pid, _)| is_alive(*pid)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        for (pid, leftover) in found {
            if is_alive(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
            if told.iter().all(|other| other.pid != leftover.pid) {
                told.push(leftover);
            }
        }
    }
    told.sort_by_key(|leftover| leftover.pid);
    told
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
        && !matches!(state(&Path::new("/proc").join(pid.as_raw_nonzero().to_string())), Some(('Z' | 'X', _)))
}

/// Processes of the groups, and those with a variable that is ours.
fn find(processes: &Path, is_ours: &dyn Fn(&[u8]) -> bool, groups: &[Pid]) -> Vec<(Pid, Leftover)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(processes) else { return found };
    for entry in entries.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let folder = entry.path();
        let Some((state, group)) = state(&folder) else { continue };
        if matches!(state, 'Z' | 'X') || number == std::process::id().cast_signed() {
            continue;
        }
        let in_group = groups.iter().any(|known| known.as_raw_nonzero().get() == group);
        let has_token = || {
            let read =
                File::open(folder.join("environ")).and_then(|file| read_bounded(file, MAX_ENVIRON_BYTES));
            let environ = read.ok().flatten().unwrap_or_default();
            environ.split(|byte| *byte == 0).any(is_ours)
        };
        if let Some(pid) = Pid::from_raw(number)
            && (in_group || has_token())
        {
            found.push((pid, Leftover { pid: number, command: command(&folder) }));
        }
    }
    found
}

/// State and process group; the name before them is in parentheses, and may hold any byte.
fn state(folder: &Path) -> Option<(char, i32)> {
    let bytes = read_bounded(File::open(folder.join("stat")).ok()?, MAX_STAT_BYTES).ok()??;
    let text = String::from_utf8_lossy(&bytes);
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((state, group))
}

fn command(folder: &Path) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(folder.join("cmdline")) {
        #[expect(clippy::disallowed_methods, reason = "behind `take`")]
        let _ = file.take(MAX_COMMAND_BYTES).read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "small files of the test's own")]
    fn processes_are_found_by_group_or_variable() {
        let folder = tempfile::tempdir().unwrap();
        for (pid, stat, environ) in [
            (10, "10 (a) b) S 1 77 77 0", "A=1"),
            (11, "11 (c) S 1 78 78 0", "A=1\0PLIMSOLL_BUILD=/t/1\0B=2"),
            (12, "12 (d) S 1 78 78 0", "PLIMSOLL_BUILD=/t/12"),
            (13, "13 (e) Z 1 77 77 0", ""),
            (14, "14 broken", ""),
        ] {
            let process = folder.path().join(pid.to_string());
            fs::create_dir(&process).unwrap();
            fs::write(process.join("stat"), stat).unwrap();
            fs::write(process.join("environ"), environ).unwrap();
            fs::write(process.join("cmdline"), "sleep\x0030\0").unwrap();
        }
        let groups = [Pid::from_raw(77).unwrap()];
        let mut found: Vec<_> = find(folder.path(), &|entry| entry == b"PLIMSOLL_BUILD=/t/1", &groups)
            .into_iter()
            .map(|(_, left)| (left.pid, left.command))
            .collect();
        found.sort();
        assert_eq!(found, [(10, "sleep 30".to_owned()), (11, "sleep 30".to_owned())]);
        assert!(fs::read(folder.path().join("10/stat")).is_ok());
    }
}
