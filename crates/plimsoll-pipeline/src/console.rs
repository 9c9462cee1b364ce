//! What is told while actions run: on the console, line by line where several run at once, and in a log file each.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use plimsoll_buildspec::Masker;

use crate::error::Error;

/// Longest line that is held until its end comes, in bytes; a longer one is cut into several.
const MAX_LINE_BYTES: usize = 64 << 10;

/// The console, shared by all actions.
pub struct Console {
    out: Mutex<Box<dyn Write + Send>>,
}

impl Console {
    /// A console that writes there. That nobody reads any more ends nothing: the logs are files.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Box::new(out)) }
    }

    /// Tells lines of ours.
    pub fn line(&self, text: &str) {
        self.write(format!("{}\n", printable(text)).as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }
}

/// Text without control characters but line ends.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// What one action says: secrets masked, to the console and into its log.
pub(crate) struct Voice<'v> {
    console: &'v Console,
    prefix: Option<String>,
    masker: Masker,
    file: File,
    held: Vec<u8>,
}

impl<'v> Voice<'v> {
    /// A voice with a log of its own. With a prefix, whole lines are told, each behind it.
    pub(crate) fn new(
        console: &'v Console,
        prefix: Option<String>,
        secrets: &[String],
        log: &Path,
    ) -> Result<Self, Error> {
        let parent = log.parent().unwrap_or(log);
        fs::create_dir_all(parent).map_err(Error::disk("make folder", parent))?;
        let file = File::create(log).map_err(Error::disk("write log", log))?;
        let masker = Masker::new(secrets.iter().map(String::as_str));
        Ok(Self { console, prefix, masker, file, held: Vec::new() })
    }

    /// Tells what is held back: nothing follows.
    pub(crate) fn finish(&mut self) {
        let rest = self.masker.finish();
        let _ = self.tell(&rest);
        if !self.held.is_empty() {
            let mut line = std::mem::take(&mut self.held);
            line.push(b'\n');
            self.tell_line(&line);
        }
    }

    fn tell(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if self.prefix.is_none() {
            self.console.write(bytes);
            return Ok(());
        }
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(&mut self.held);
            line.extend_from_slice(&rest[..=end]);
            self.tell_line(&line);
            rest = &rest[end + 1..];
        }
        self.held.extend_from_slice(rest);
        if self.held.len() > MAX_LINE_BYTES {
            let mut line = std::mem::take(&mut self.held);
            line.push(b'\n');
            self.tell_line(&line);
        }
        Ok(())
    }

    fn tell_line(&self, line: &[u8]) {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        self.console.write(&[prefix.as_bytes(), line].concat());
    }
}

impl Write for Voice<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let clean = self.masker.push(bytes);
        self.tell(&clean)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A console that remembers.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Said(std::sync::Arc<Mutex<Vec<u8>>>);

#[cfg(test)]
impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(prefix: Option<&str>, pieces: &[&[u8]]) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/a.log");
        let said = Said::default();
        let console = Console::new(said.clone());
        let secrets = ["hunter2".to_owned()];
        let mut voice = Voice::new(&console, prefix.map(str::to_owned), &secrets, &log).unwrap();
        for piece in pieces {
            voice.write_all(piece).unwrap();
        }
        voice.finish();
        #[expect(clippy::disallowed_methods, reason = "a small file of the test's own")]
        let log = fs::read_to_string(log).unwrap();
        (said.text(), log)
    }

    #[test]
    fn lines_of_several_actions_do_not_mix_and_secrets_are_masked() {
        let pieces: [&[u8]; 4] = [b"one\nt", b"wo hunt", b"er2\n\nthr", b"ee"];
        let (console, log) = told(Some("S/A | "), &pieces);
        assert_eq!(console, "S/A | one\nS/A | two ***\nS/A | \nS/A | three\n");
        assert_eq!(log, "one\ntwo ***\n\nthree");
        let (console, _) = told(None, &pieces);
        assert_eq!(console, "one\ntwo ***\n\nthree");
        let endless = vec![b'x'; MAX_LINE_BYTES + 1];
        let (console, log) = told(Some("> "), &[&endless]);
        assert_eq!((console.len(), log.len()), (endless.len() + 3, endless.len()));
    }
}
