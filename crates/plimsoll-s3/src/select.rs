//! A statement of S3 Select run over an object, on a thread that may wait, its events sent as they come.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use plimsoll_select::{Event, InputFormat, OpenFile, Options, Query, RandomAccess, SelectError, Stats};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;
use crate::vault::{Body, Content};

/// Events that wait for the client; each has at most [`plimsoll_select::RECORDS_EVENT_BYTES`].
const EVENTS_WAITING: usize = 4;
/// How long nothing may be said to a client before it is told that work goes on.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Bytes that are asked for at a time of an object elsewhere.
const REMOTE_BLOCK_BYTES: usize = 4 << 20;
/// How long a statement waits for others to end.
const QUEUE: Duration = Duration::from_secs(20);

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Records(Bytes),
    Progress(Stats),
    Stats(Stats),
    /// Work goes on.
    Cont,
    End,
}

/// What is asked.
pub(crate) struct Question {
    pub(crate) query: Query,
    pub(crate) options: Options,
    /// Whether progress is to be told.
    pub(crate) progress: bool,
}

impl From<SelectError> for Refusal {
    fn from(error: SelectError) -> Refusal {
        let message = match error.advice() {
            "" => error.to_string(),
            advice => format!("{error}; {advice}"),
        };
        let code = error.code();
        Refusal { code: code.as_str(), status: code.http_status(), message, source: Some(Box::new(error)) }
    }
}

/// Begins to answer. What is wrong before anything is said is an error here, later on one of the answers'.
///
/// # Errors
/// With Amazon's codes; `SlowDown` where too many statements run already.
pub(crate) async fn answer(
    question: Question,
    content: Content,
    permits: &Arc<Semaphore>,
) -> Result<Answers, Refusal> {
    let permit = tokio::time::timeout(QUEUE, Arc::clone(permits).acquire_owned())
        .await
        .map_err(|_| Refusal::slow_down())?
        .map_err(Refusal::internal)?;
    let (sender, mut receiver) = channel(EVENTS_WAITING);
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || run(&question, content, &sender, handle, permit));
    let first = match tokio::time::timeout(KEEP_ALIVE, receiver.recv()).await {
        Err(_) => Answer::Cont,
        Ok(Some(Ok(answer))) => answer,
        Ok(Some(Err(refusal))) => return Err(refusal),
        Ok(None) => return Err(Refusal::internal("a statement ended without an answer")),
    };
    Ok(Answers { first: Some(first), receiver, timer: Box::pin(tokio::time::sleep(KEEP_ALIVE)) })
}

fn run(
    question: &Question,
    content: Content,
    sender: &Sender<Result<Answer, Refusal>>,
    handle: Handle,
    _permit: OwnedSemaphorePermit,
) {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    let send = |answer| sender.blocking_send(Ok(answer)).map_err(|_| gone());
    let mut sink = |event: Event<'_>| match event {
        Event::Records(bytes) => send(Answer::Records(Bytes::copy_from_slice(bytes))),
        Event::Progress(stats) if question.progress => send(Answer::Progress(stats)),
        Event::Progress(_) if sender.is_closed() => Err(gone()),
        Event::Progress(_) => Ok(()),
        Event::Stats(stats) => send(Answer::Stats(stats)),
        Event::End => send(Answer::End),
    };
    let is_parquet = question.options.input == Some(InputFormat::Parquet);
    let done: Result<(), Refusal> = match content {
        Content::File(file, _) if is_parquet => OpenFile::new(file)
            .map_err(Refusal::internal)
            .and_then(|file| run_at(question, &(Arc::new(file) as Arc<dyn RandomAccess>), &mut sink)),
        Content::File(file, range) => {
            let mut file = Watched { inner: file.take(range.end), sender };
            question.query.run(&mut file, &question.options, &mut sink).map(drop).map_err(Refusal::from)
        }
        Content::Parts(objects, path, bytes) if is_parquet => {
            let object: Arc<dyn RandomAccess> = Arc::new(Remote { objects, path, bytes, handle });
            run_at(question, &object, &mut sink)
        }
        content @ (Content::Stream(_) | Content::Parts(..)) => {
            let mut stream = Blocking { body: content.into_body(), rest: Bytes::new(), sender, handle };
            question.query.run(&mut stream, &question.options, &mut sink).map(drop).map_err(Refusal::from)
        }
    };
    if let Err(refusal) = done {
        // A client that went away is told nothing.
        let _ = sender.blocking_send(Err(refusal));
    }
}

fn run_at(
    question: &Question,
    object: &Arc<dyn RandomAccess>,
    sink: &mut dyn FnMut(Event<'_>) -> io::Result<()>,
) -> Result<(), Refusal> {
    question.query.run_at(object, &question.options, sink).map(drop).map_err(Refusal::from)
}

/// An object of a store elsewhere, read by ranges.
struct Remote {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
    handle: Handle,
}

impl RandomAccess for Remote {
    fn length_bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = offset..offset + buffer.len() as u64;
        let bytes =
            self.handle.block_on(self.objects.get_range(&self.path, range)).map_err(io::Error::other)?;
        if bytes.len() != buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&bytes);
        Ok(())
    }

    fn block_bytes(&self) -> usize {
        REMOTE_BLOCK_BYTES
    }
}

/// A reader that fails once nobody waits for what is read.
struct Watched<'s, R> {
    inner: R,
    sender: &'s Sender<Result<Answer, Refusal>>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sender.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.inner.read(buffer)
    }
}

/// A stream read by a thread that may wait.
struct Blocking<'s> {
    body: Body,
    rest: Bytes,
    sender: &'s Sender<Result<Answer, Refusal>>,
    handle: Handle,
}

impl Read for Blocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let (body, sender) = (&mut self.body, self.sender);
            let next = self.handle.block_on(async {
                tokio::select! {
                    next = body.next() => Ok(next),
                    () = sender.closed() => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
                }
            })?;
            match next {
                None => return Ok(0),
                Some(bytes) => self.rest = bytes.map_err(io::Error::other)?,
            }
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

/// The answers to a statement, as they come. Dropping them ends the work.
pub(crate) struct Answers {
    first: Option<Answer>,
    receiver: Receiver<Result<Answer, Refusal>>,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl Stream for Answers {
    type Item = Result<Answer, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => this.receiver.poll_recv(context),
        };
        if next.is_pending() && std::future::Future::poll(this.timer.as_mut(), context).is_pending() {
            return Poll::Pending;
        }
        this.timer.as_mut().reset(tokio::time::Instant::now() + KEEP_ALIVE);
        if next.is_pending() { Poll::Ready(Some(Ok(Answer::Cont))) } else { next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(statement: &str) -> Question {
        let options = Options { input: Some(InputFormat::JsonLines), ..Options::default() };
        Question { query: Query::parse(statement).unwrap(), options, progress: false }
    }

    fn content(pieces: Vec<&'static str>) -> Content {
        Content::Stream(futures::stream::iter(pieces.into_iter().map(|text| Ok(Bytes::from(text)))).boxed())
    }

    async fn answers(statement: &str, pieces: Vec<&'static str>) -> Vec<String> {
        let permits = Arc::new(Semaphore::new(1));
        match answer(question(statement), content(pieces), &permits).await {
            Err(refusal) => vec![format!("refused {}", refusal.code)],
            Ok(answers) => {
                answers
                    .map(|answer| match answer {
                        Ok(Answer::Records(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
                        Ok(Answer::Stats(stats)) => format!("scanned {}", stats.bytes_scanned),
                        Ok(other) => format!("{other:?}"),
                        Err(refusal) => format!("failed {}", refusal.code),
                    })
                    .collect()
                    .await
            }
        }
    }

    #[tokio::test]
    async fn answers_come_in_amazons_order() {
        let found = answers("SELECT s.a FROM S3Object s", vec!["{\"a\":", "1}\n{\"a\":2}\n"]).await;
        assert_eq!(found, ["{\"a\":1}\n{\"a\":2}\n", "scanned 16", "End"]);
    }

    #[tokio::test]
    async fn an_error_before_any_record_is_a_refusal() {
        assert_eq!(
            answers("SELECT s.a FROM S3Object s", vec!["{nonsense\n"]).await,
            ["refused JSONParsingError"]
        );
        let found = answers("SELECT s.a FROM S3Object s", vec!["{\"a\":1}\n{nonsense\n"]).await;
        assert_eq!(found, ["{\"a\":1}\n", "failed JSONParsingError"]);
    }

    #[tokio::test]
    async fn a_client_that_goes_away_ends_the_work() {
        let permits = Arc::new(Semaphore::new(1));
        let endless = futures::stream::repeat_with(|| Ok(Bytes::from_static(b"{\"a\":1}\n"))).boxed();
        let question = question("SELECT s.b FROM S3Object s WHERE s.a = 2");
        let answers = answer(question, Content::Stream(endless), &permits);
        // Nothing is ever found, so nothing is said, until somebody stops listening.
        let _ = tokio::time::timeout(Duration::from_millis(50), answers).await;
        let permit = tokio::time::timeout(Duration::from_secs(30), permits.acquire()).await;
        assert!(permit.is_ok(), "the thread is free again");
    }
}
