//! The shell of a build: commands go in one by one, their output and exit status come out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::Error;
use crate::files::read_text;
use crate::shell::{Dialect, STATE_END};
use crate::spec::Shell;
use crate::user::User;

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Most bytes read after a command has ended: what it wrote is in the pipe, and others may go on writing.
const MAX_LATE_BYTES: usize = 1 << 20;
/// How often it is looked whether the shell has ended or the build is to stop.
const TICK: Duration = Duration::from_millis(40);
/// Largest state of a shell, in bytes; with more, a new shell begins anew.
const MAX_STATE_BYTES: u64 = 16 << 20;
/// Largest value that a shell is asked for, in bytes.
const MAX_VALUE_BYTES: u64 = 64 << 10;
/// Longest path of a folder, in bytes.
const MAX_PATH_BYTES: u64 = 64 << 10;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this status.
    Exited(i32),
    /// It took longer than a command may.
    CommandTimedOut,
    /// The build took longer than it may.
    BuildTimedOut,
    /// Somebody stopped the build.
    Stopped,
}

/// What holds for all commands of a build.
pub(crate) struct Setup {
    pub(crate) shell: Shell,
    pub(crate) workspace: PathBuf,
    /// A folder of this build alone.
    pub(crate) folder: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether each command has a shell of its own, as in version 0.1.
    pub(crate) is_isolated: bool,
    pub(crate) deadline: Instant,
    pub(crate) command_limit: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) stop: Arc<AtomicBool>,
}

/// The shell, or shells one after the other.
pub(crate) struct Session {
    setup: Setup,
    dialect: Dialect,
    running: Option<Running>,
    /// Process groups of all shells there were.
    groups: Vec<Pid>,
    user: Option<User>,
    commands: u32,
    has_state: bool,
}

struct Running {
    child: Child,
    input: ChildStdin,
    output: PipeReader,
    marks: PipeReader,
    group: Pid,
}

impl Session {
    /// A session without a shell yet; its folder is made, for us alone.
    pub(crate) fn new(setup: Setup) -> Result<Self, Error> {
        let folder = setup.folder.join("shell");
        fs::DirBuilder::new().mode(0o700).create(&folder).map_err(Error::disk("make folder", &folder))?;
        let dialect = Dialect::new(&setup.shell, &folder);
        Ok(Self {
            setup,
            dialect,
            running: None,
            groups: Vec::new(),
            user: None,
            commands: 0,
            has_state: false,
        })
    }

    /// Sets a variable for shells that begin from now on.
    pub(crate) fn set_variable(&mut self, name: String, value: String) {
        self.setup.environment.insert(name, value);
    }

    /// From now on commands run as this user; the state goes over.
    pub(crate) fn become_user(&mut self, user: Option<User>) -> Result<(), Error> {
        if self.user == user {
            return Ok(());
        }
        self.close(&mut |_| {})?;
        let wrong =
            |name: &str, source: io::Error| Error::User { user: name.to_owned(), reason: source.to_string() };
        let folder = self.setup.folder.join("shell");
        let (uid, gid, name) = match &user {
            Some(user) => (user.uid, user.gid, user.name.as_str()),
            None => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw(), "root"),
        };
        for path in [
            &self.setup.folder,
            &folder,
            &self.dialect.state(),
            &self.dialect.new_state(),
            &self.dialect.directory(),
        ] {
            match chown(path, Some(uid), Some(gid)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(name, error)),
                _ => {}
            }
        }
        self.user = user;
        Ok(())
    }

    /// Process groups of the shells.
    pub(crate) fn groups(&self) -> &[Pid] {
        &self.groups
    }

    /// Runs a command; `output` is given what it says.
    pub(crate) fn run(
        &mut self,
        text: &str,
        is_succeeding: bool,
        output: &mut dyn FnMut(&[u8]),
    ) -> Result<End, Error> {
        self.commands += 1;
        let number = self.commands;
        let script = self.dialect.script(number);
        self.write_script(&script, text)?;
        let keeps_state = !self.setup.is_isolated;
        let lines = self.dialect.run(number, is_succeeding, keeps_state);
        // A shell that was killed between two commands is noticed when it is written to: then there is a new one.
        for attempt in 0..2 {
            let running = self.shell()?;
            if running.input.write_all(lines.as_bytes()).and_then(|()| running.input.flush()).is_ok() {
                break;
            }
            if attempt == 1 {
                return Err(self.not_started(io::Error::from(io::ErrorKind::BrokenPipe)));
            }
            self.close(output)?;
        }
        let end = self.wait(output);
        self.take_over_state();
        if self.setup.is_isolated {
            self.close(output)?;
        }
        let _ = fs::remove_file(&script);
        Ok(end)
    }

    /// What the shell makes of a text in double quotes; `None` if it makes nothing of it.
    pub(crate) fn evaluate(&mut self, text: &str, is_succeeding: bool) -> Result<Option<String>, Error> {
        let file = self.setup.folder.join("shell").join("value");
        let _ = fs::remove_file(&file);
        let script = format!("printf '%s' \"{text}\" >|{}\n", crate::shell::quote(&file.to_string_lossy()));
        let end = self.run(&script, is_succeeding, &mut |_| {})?;
        if end != End::Exited(0) {
            return Ok(None);
        }
        let value = read_text(&file, MAX_VALUE_BYTES).map_err(Error::disk("read value", &file))?;
        let _ = fs::remove_file(&file);
        Ok(value)
    }

    /// Lets the shell end by itself, traps included.
    pub(crate) fn close(&mut self, output: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let Some(Running { mut child, input, output: mut pipe, group, .. }) = self.running.take() else {
            return Ok(());
        };
        drop(input);
        let until = Instant::now() + self.setup.grace;
        loop {
            drain(&mut pipe, output);
            match child.try_wait() {
                Ok(Some(_)) => break,
                Ok(None) if Instant::now() < until => std::thread::sleep(TICK / 4),
                _ => {
                    let _ = kill_process_group(group, Signal::KILL);
                    child.wait().map_err(|source| self.not_started(source))?;
                    break;
                }
            }
        }
        drain(&mut pipe, output);
        self.take_over_state();
        Ok(())
    }

    fn write_script(&self, script: &Path, text: &str) -> Result<(), Error> {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(script);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")
        });
        written.map_err(Error::disk("write command", script))?;
        match &self.user {
            Some(user) => chown(script, Some(user.uid), Some(user.gid))
                .map_err(Error::disk("hand over command", script)),
            None => Ok(()),
        }
    }

    fn not_started(&self, source: io::Error) -> Error {
        Error::Shell { shell: self.dialect.program.clone(), source }
    }

    /// The shell that runs, or a new one.
    fn shell(&mut self) -> Result<&mut Running, Error> {
        if let Some(running) = &mut self.running
            && matches!(running.child.try_wait(), Ok(None))
        {
            return Ok(self.running.as_mut().expect("it was there a line ago"));
        }
        self.running = None;
        let running = self.start().map_err(|source| self.not_started(source))?;
        self.groups.push(running.group);
        Ok(self.running.insert(running))
    }

    fn start(&self) -> io::Result<Running> {
        let keeps_state = !self.setup.is_isolated;
        let (output, output_end) = io::pipe()?;
        let (marks, marks_end) = io::pipe()?;
        let mut command = Command::new(&self.dialect.program);
        command.arg("-s").stdin(Stdio::piped()).stdout(output_end).stderr(marks_end);
        command.env_clear().process_group(0);
        if self.has_state {
            // The state has all that was exported; what was unset stays so.
            command.envs(self.setup.environment.get_key_value("PATH"));
        } else {
            command.envs(&self.setup.environment);
        }
        let folder = self.has_state.then(|| self.directory()).flatten();
        let folder = folder.as_ref().unwrap_or(&self.setup.workspace);
        // A command may have removed the workspace: what follows fails by itself.
        command.current_dir(if folder.is_dir() { folder } else { &self.setup.folder });
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        let mut child = command.spawn()?;
        let group = Pid::from_child(&child);
        let mut input = child.stdin.take().expect("it was asked for");
        // A shell that ends at once is noticed by whoever writes next.
        let _ = input.write_all(self.dialect.setup(keeps_state).as_bytes());
        Ok(Running { child, input, output, marks, group })
    }

    /// The folder of the last shell, if it is there still.
    fn directory(&self) -> Option<PathBuf> {
        let text = read_text(&self.dialect.directory(), MAX_PATH_BYTES).ok()??;
        let path = PathBuf::from(text.strip_suffix('\n')?);
        path.is_dir().then_some(path)
    }

    /// Makes the state that the shell has written the one for the next shell, if it was written whole.
    fn take_over_state(&mut self) {
        if self.setup.is_isolated {
            return;
        }
        let new = self.dialect.new_state();
        if let Ok(Some(text)) = read_text(&new, MAX_STATE_BYTES)
            && text.trim_end().ends_with(STATE_END)
            && fs::rename(&new, self.dialect.state()).is_ok()
        {
            self.has_state = true;
        }
    }

    /// Waits for the exit status of the command, or for the end of the shell.
    fn wait(&mut self, output: &mut dyn FnMut(&[u8])) -> End {
        let started = Instant::now();
        let command_deadline = self.setup.command_limit.and_then(|limit| started.checked_add(limit));
        let (stop, deadline, grace) = (self.setup.stop.clone(), self.setup.deadline, self.setup.grace);
        let running = self.running.as_mut().expect("a command was just given to it");
        let mut mark = Vec::new();
        let mut buffer = vec![0; READ_BYTES];
        let end = loop {
            let now = Instant::now();
            if stop.load(Ordering::Relaxed) {
                break End::Stopped;
            }
            if now >= deadline {
                break End::BuildTimedOut;
            }
            if command_deadline.is_some_and(|deadline| now >= deadline) {
                break End::CommandTimedOut;
            }
            let (has_output, has_mark) = readable(&running.output, &running.marks, TICK);
            if has_output {
                let count = running.output.read(&mut buffer).unwrap_or(0);
                output(&buffer[..count]);
            }
            if has_mark {
                let count = running.marks.read(&mut buffer).unwrap_or(0);
                mark.extend_from_slice(&buffer[..count.min(READ_BYTES - mark.len().min(READ_BYTES))]);
                // What a shell says before its first line comes here too.
                if let Some(status) = last_status(&mark) {
                    drain(&mut running.output, output);
                    return End::Exited(status);
                }
            }
            if let Ok(Some(status)) = running.child.try_wait() {
                drain(&mut running.output, output);
                self.running = None;
                return End::Exited(code(status));
            }
        };
        let running = self.running.take().expect("it was there all the time");
        end_group(running, grace, output);
        end
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            end_group(running, Duration::ZERO, &mut |_| {});
        }
    }
}

/// Ends a shell and everything in its process group: asked first, then killed.
fn end_group(running: Running, grace: Duration, output: &mut dyn FnMut(&[u8])) {
    let Running { mut child, output: mut pipe, group, .. } = running;
    let _ = kill_process_group(group, Signal::TERM);
    let until = Instant::now() + grace;
    while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
        drain(&mut pipe, output);
        std::thread::sleep(TICK / 4);
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
    drain(&mut pipe, output);
}

/// Which of the two pipes have something to read, or have ended.
fn readable(output: &PipeReader, marks: &PipeReader, timeout: Duration) -> (bool, bool) {
    let mut pipes = [PollFd::new(output, PollFlags::IN), PollFd::new(marks, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    };
    if poll(&mut pipes, Some(&timeout)).is_err() {
        return (false, false);
    }
    let [output, marks] = [pipes[0].revents(), pipes[1].revents()];
    let ready = (output.contains(PollFlags::IN), marks.contains(PollFlags::IN));
    if ready == (false, false) && (output | marks).contains(PollFlags::HUP) {
        // An end that is closed: `poll` does not wait any more.
        std::thread::sleep(TICK / 4);
    }
    ready
}

/// Reads what is in the pipe now.
fn drain(pipe: &mut PipeReader, output: &mut dyn FnMut(&[u8])) {
    let mut buffer = vec![0; READ_BYTES];
    let mut total = 0;
    while total < MAX_LATE_BYTES {
        let mut pipes = [PollFd::new(pipe, PollFlags::IN)];
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let is_ready = poll(&mut pipes, Some(&none)).is_ok_and(|count| count > 0)
            && pipes[0].revents().contains(PollFlags::IN);
        if !is_ready {
            return;
        }
        match pipe.read(&mut buffer) {
            Ok(count) if count > 0 => {
                output(&buffer[..count]);
                total += count;
            }
            _ => return,
        }
    }
}

/// The exit status in the last whole line.
fn last_status(mark: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(mark).ok()?;
    text.strip_suffix('\n')?.lines().next_back()?.parse().ok()
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
