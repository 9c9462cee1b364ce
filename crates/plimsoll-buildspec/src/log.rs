//! The log of a build, in CodeBuild's form, secrets masked.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::mask::Masker;

/// Tells the time of day, for the log.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still, for tests.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Writes `[Container] 2026/11/22 20:54:28.123456 Entering phase BUILD`, and what commands say between such lines.
pub(crate) struct Log<'l> {
    sink: &'l mut dyn Write,
    clock: &'l dyn Clock,
    masker: Masker,
    /// Whether the sink stands at the beginning of a line.
    is_fresh: bool,
    failure: Option<io::Error>,
    /// Bytes of output that may still be shown of this command.
    left: u64,
    shown: u64,
    hidden: u64,
}

impl<'l> Log<'l> {
    pub(crate) fn new(sink: &'l mut dyn Write, clock: &'l dyn Clock) -> Self {
        let masker = Masker::new([]);
        Self { sink, clock, masker, is_fresh: true, failure: None, left: 0, shown: 0, hidden: 0 }
    }

    /// From now on these are masked.
    pub(crate) fn mask_secrets<'s>(&mut self, secrets: impl IntoIterator<Item = &'s str>) {
        self.masker = Masker::new(secrets);
    }

    pub(crate) fn masked(&self, text: &str) -> String {
        self.masker.mask(text)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Why the log could not be written, once.
    pub(crate) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// A line of ours.
    pub(crate) fn line(&mut self, text: &str) {
        let rest = self.masker.finish();
        self.write(&rest);
        if !self.is_fresh {
            self.write(b"\n");
        }
        let time = self.clock.now().strftime("%Y/%m/%d %H:%M:%S%.6f").to_string();
        let line = format!("[Container] {time} {}\n", self.masker.mask(text));
        self.write(line.as_bytes());
    }

    /// What follows is what a command says; at most `limit` bytes of it are shown.
    pub(crate) fn begin_output(&mut self, limit: u64) {
        self.left = limit;
        self.shown = 0;
        self.hidden = 0;
    }

    /// What a command says.
    pub(crate) fn output(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.left -= fits as u64;
        self.shown += fits as u64;
        self.hidden += (bytes.len() - fits) as u64;
        if fits > 0 {
            let clean = self.masker.push(&bytes[..fits]);
            self.write(&clean);
        }
    }

    /// Ends what a command says with an empty line, as CodeBuild does; answers the bytes shown and hidden.
    pub(crate) fn end_output(&mut self) -> (u64, u64) {
        let rest = self.masker.finish();
        self.write(&rest);
        if !self.is_fresh {
            self.write(b"\n");
        }
        if self.hidden > 0 {
            let line = format!("… {} more bytes of output are not shown\n", self.hidden);
            self.write(line.as_bytes());
        }
        if self.shown + self.hidden > 0 {
            self.write(b"\n");
        }
        (self.shown, self.hidden)
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_some() || bytes.is_empty() {
            return;
        }
        self.is_fresh = bytes.ends_with(b"\n");
        if let Err(error) = self.sink.write_all(bytes).and_then(|()| self.sink.flush()) {
            self.failure = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_output_do_not_run_together() {
        let clock = FixedClock(Timestamp::from_millisecond(1_700_000_000_123).unwrap());
        let mut sink = Vec::new();
        let mut log = Log::new(&mut sink, &clock);
        log.mask_secrets(["hunter2"]);
        log.line("Running command echo hunter2");
        log.begin_output(8);
        log.output(b"hunt");
        log.output(b"er2 and more");
        assert_eq!(log.end_output(), (8, 8));
        log.line("Entering phase BUILD");
        log.begin_output(8);
        assert_eq!(log.end_output(), (0, 0));
        expect_test::expect![[r"
            [Container] 2023/11/14 22:13:20.123000 Running command echo ***
            *** 
            … 8 more bytes of output are not shown

            [Container] 2023/11/14 22:13:20.123000 Entering phase BUILD
        "]]
        .assert_eq(&String::from_utf8(sink).unwrap());
    }
}
