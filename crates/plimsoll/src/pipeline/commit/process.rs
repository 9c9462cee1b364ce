//! Other programs, run with an end to their time and to what they say, and none of theirs left behind.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that wait for who takes them.
const CHUNKS: usize = 16;
/// How often a program is looked at that says nothing.
const TICK: Duration = Duration::from_millis(50);
/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(3);
/// How long what a program left behind may hold its output open.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of stderr that are kept of [`output`].
const MAX_SAID_BYTES: usize = 4 << 10;

/// Where a program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot start `{0}`")]
    Start(String, #[source] io::Error),
    #[error("`{0}` took longer than {1} s")]
    TimedOut(String, u64),
    #[error("stopped by a signal")]
    Stopped,
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
    #[error("cannot read what `{0}` writes")]
    Output(String, #[source] io::Error),
}

impl Trouble {
    pub(super) fn is_missing_program(&self) -> bool {
        matches!(self, Self::Start(_, error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// What a run is allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    pub(super) time: Duration,
    /// Becomes true when somebody wants everything to end.
    pub(super) stop: &'a AtomicBool,
}

type Sink<'a> = dyn FnMut(Stream, &[u8]) -> io::Result<()> + 'a;

/// Runs a program to its end, in a process group of its own; all it writes is handed over as it comes.
pub(super) fn run(
    command: &mut Command,
    input: Option<Vec<u8>>,
    bounds: Bounds<'_>,
    sink: &mut Sink<'_>,
) -> Result<ExitStatus, Trouble> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let child = command.spawn().map_err(|error| Trouble::Start(name.clone(), error))?;
    let mut running = Running { child, is_over: false };
    if let (Some(mut stdin), Some(input)) = (running.child.stdin.take(), input) {
        // A program that does not read its input breaks the pipe; what it writes is what counts.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let (sender, chunks) = sync_channel(CHUNKS);
    let out = running.child.stdout.take().expect("a piped output is there");
    let err = running.child.stderr.take().expect("a piped output is there");
    forward(Stream::Out, out, sender.clone());
    forward(Stream::Err, err, sender);

    let start = Instant::now();
    let mut exited: Option<(ExitStatus, Instant)> = None;
    loop {
        if bounds.stop.load(Ordering::Acquire) {
            return Err(Trouble::Stopped);
        }
        if start.elapsed() >= bounds.time {
            return Err(Trouble::TimedOut(name, bounds.time.as_secs()));
        }
        match chunks.recv_timeout(TICK) {
            Ok((stream, chunk)) => {
                sink(stream, &chunk).map_err(|error| Trouble::Output(name.clone(), error))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Both ends are closed; the program itself may go on for a while.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK / 10),
        }
        if exited.is_none() {
            let status = running.child.try_wait().map_err(|error| Trouble::Output(name.clone(), error))?;
            exited = status.map(|status| (status, Instant::now()));
            running.is_over = exited.is_some();
        }
        if let Some((status, since)) = exited {
            let mut is_drained = false;
            loop {
                match chunks.recv_timeout(TICK) {
                    Ok((stream, chunk)) => {
                        sink(stream, &chunk).map_err(|error| Trouble::Output(name.clone(), error))?;
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        is_drained = true;
                        break;
                    }
                }
                if start.elapsed() >= bounds.time {
                    break;
                }
            }
            if is_drained || since.elapsed() >= LINGER {
                return Ok(status);
            }
        }
    }
}

/// Runs a program to a good end and gives what it wrote to stdout, `most` bytes or fewer.
pub(super) fn output(
    command: &mut Command,
    input: Option<Vec<u8>>,
    most: usize,
    bounds: Bounds<'_>,
) -> Result<Vec<u8>, Trouble> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (mut out, mut said) = (Vec::new(), Vec::new());
    let status = run(command, input, bounds, &mut |stream, chunk| {
        match stream {
            Stream::Out if out.len() + chunk.len() > most => {
                return Err(io::Error::other(format!("expected at most {most} bytes, found more")));
            }
            Stream::Out => out.extend_from_slice(chunk),
            Stream::Err => {
                let room = MAX_SAID_BYTES.saturating_sub(said.len());
                said.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
        }
        Ok(())
    })?;
    if status.success() {
        return Ok(out);
    }
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(Trouble::Failed(name, if said.is_empty() { status.to_string() } else { said }))
}

fn forward(stream: Stream, mut from: impl Read + Send + 'static, to: SyncSender<(Stream, Vec<u8>)>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    if to.send((stream, buffer[..length].to_vec())).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
}

/// A program with its process group, which is ended when this is dropped.
struct Running {
    child: Child,
    /// The program itself has ended and was waited for.
    is_over: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        // A group that is gone is what is wanted.
        let _ = kill_process_group(group, Signal::TERM);
        let asked = Instant::now();
        while !self.is_over && asked.elapsed() < GRACE {
            self.is_over = !matches!(self.child.try_wait(), Ok(None));
            if !self.is_over {
                std::thread::sleep(TICK / 5);
            }
        }
        let _ = kill_process_group(group, Signal::KILL);
        if !self.is_over {
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, seconds: u64, most: usize) -> Result<String, Trouble> {
        let stop = AtomicBool::new(false);
        let bounds = Bounds { time: Duration::from_secs(seconds), stop: &stop };
        let input = Some(b"in".to_vec());
        output(Command::new("/bin/sh").args(["-c", script]), input, most, bounds)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn programs_end_well_or_say_why_not() {
        assert_eq!(sh("cat; echo x >&2", 60, 100).unwrap(), "in");
        assert_eq!(sh("echo why >&2; exit 3", 60, 100).unwrap_err().to_string(), "`/bin/sh` failed: why");
        assert_eq!(sh("exit 3", 60, 100).unwrap_err().to_string(), "`/bin/sh` failed: exit status: 3");
        assert!(matches!(sh("while :; do echo y; done", 60, 100), Err(Trouble::Output(..))));
        assert!(matches!(sh("sleep 60", 1, 100), Err(Trouble::TimedOut(_, 1))));
        // What is left behind does not hold us up, and is ended.
        let start = Instant::now();
        assert_eq!(sh("sleep 60 & echo done", 60, 100).unwrap(), "done\n");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
