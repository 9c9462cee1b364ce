//! A request's body as it comes: it must not stand still, and its chunks are watched, or taken out.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::chunked::Chunked;
use crate::digest::Digests;
use crate::refusal::Refusal;
use crate::vault::Expected;

/// Checksums that came behind a body, once it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trailers(pub(crate) Arc<Mutex<Vec<(String, String)>>>);

/// What is done with a body.
pub(crate) enum Mode {
    Pass,
    /// It is held against digests that the request's head gives.
    Compare(Box<Comparison>),
    /// Its chunks are watched, and passed on as they are.
    Watch(Chunked),
    /// Its chunks are taken out.
    Decode {
        chunked: Chunked,
        length: u64,
        trailers: Trailers,
    },
}

/// Digests that a body must have, and those that it has so far.
pub(crate) struct Comparison {
    digests: Option<Digests>,
    expected: Expected,
}

impl Comparison {
    pub(crate) fn new(expected: Expected) -> Comparison {
        Comparison { digests: Some(Digests::new(&expected.algorithms())), expected }
    }
}

/// What a body was refused with: whoever reads it for the framework makes an internal error of it.
pub(crate) type Verdict = Arc<Mutex<Option<Refusal>>>;

/// A request's body, which must not stand still.
pub(crate) struct Intake<B> {
    verdict: Verdict,
    body: B,
    mode: Mode,
    ready: VecDeque<Bytes>,
    has_ended: bool,
    idle: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<B> Intake<B> {
    pub(crate) fn new(body: B, mode: Mode, idle: Duration) -> Intake<B> {
        Intake {
            verdict: Verdict::default(),
            body,
            mode,
            ready: VecDeque::new(),
            has_ended: false,
            idle,
            timer: None,
        }
    }
}

impl<B> Intake<B> {
    /// Where it is said why the body was refused, once it was.
    pub(crate) fn verdict(&self) -> Verdict {
        Arc::clone(&self.verdict)
    }

    fn refused(&mut self, refusal: Refusal) -> Refusal {
        self.has_ended = true;
        let told = Refusal::new(refusal.code, refusal.status, refusal.message.clone());
        self.verdict.lock().expect("nobody panics while holding it").replace(told);
        refusal
    }

    fn take(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let malformed = |error: crate::chunked::Malformed| Refusal::request(error.to_string());
        match &mut self.mode {
            Mode::Pass => self.ready.push_back(bytes),
            Mode::Compare(comparison) => {
                if let Some(digests) = &mut comparison.digests {
                    digests.update(&bytes);
                }
                self.ready.push_back(bytes);
            }
            Mode::Watch(chunked) => {
                chunked.feed(bytes.clone(), &mut |_| {}).map_err(malformed)?;
                self.ready.push_back(bytes);
            }
            Mode::Decode { chunked, .. } => {
                let ready = &mut self.ready;
                chunked.feed(bytes, &mut |bytes| ready.push_back(bytes)).map_err(malformed)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.has_ended = true;
        match &mut self.mode {
            Mode::Pass => Ok(()),
            Mode::Compare(comparison) => match comparison.digests.take() {
                Some(digests) => std::mem::take(&mut comparison.expected).check(&mut digests.finish()),
                None => Ok(()),
            },
            Mode::Watch(chunked) => chunked.end().map_err(|_| Refusal::incomplete_body()),
            Mode::Decode { chunked, trailers, .. } => {
                chunked.end().map_err(|_| Refusal::incomplete_body())?;
                let found = std::mem::take(&mut chunked.trailers);
                *trailers.0.lock().expect("nobody panics while holding it") = found;
                Ok(())
            }
        }
    }
}

impl<B> Body for Intake<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.has_ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.timer = None;
                    if let Ok(bytes) = frame.into_data()
                        && let Err(refusal) = this.take(bytes)
                    {
                        return Poll::Ready(Some(Err(this.refused(refusal))));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let refusal = Refusal { source: Some(error.into()), ..Refusal::incomplete_body() };
                    return Poll::Ready(Some(Err(this.refused(refusal))));
                }
                Poll::Ready(None) => {
                    if let Err(refusal) = this.end() {
                        return Poll::Ready(Some(Err(this.refused(refusal))));
                    }
                }
                Poll::Pending => {
                    let idle = this.idle;
                    let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
                    if std::future::Future::poll(timer.as_mut(), context).is_pending() {
                        return Poll::Pending;
                    }
                    let refusal = Refusal::new(
                        "RequestTimeout",
                        400,
                        "Your socket connection to the server was not read from or written to within the timeout period.",
                    );
                    return Poll::Ready(Some(Err(this.refused(refusal))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.mode {
            Mode::Pass => self.ready.is_empty() && (self.has_ended || self.body.is_end_stream()),
            // Its end must be seen.
            _ => self.has_ended && self.ready.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.mode {
            Mode::Decode { length, .. } if self.ready.is_empty() && !self.has_ended => {
                SizeHint::with_exact(*length)
            }
            Mode::Decode { .. } => SizeHint::default(),
            _ if self.ready.is_empty() => self.body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
