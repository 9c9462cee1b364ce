//! Work on several threads, handed on by one.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crate::error::Error;

/// Threads that read.
const MAX_THREADS: usize = 16;
/// Tasks that a thread takes at a time, where there are many.
const MAX_BATCH: usize = 64;
/// Batches a thread should come to, so that none is left with the last long one.
const BATCHES_A_THREAD: usize = 8;
/// Batches that wait to be handed on, a thread.
const QUEUE: usize = 2;

/// The numbers of tasks, given out in batches.
pub(crate) struct Batches {
    next: AtomicUsize,
    tasks: usize,
    size: usize,
}

impl Batches {
    /// Those of so many tasks.
    pub(crate) fn new(tasks: usize) -> Self {
        let size = (tasks / (threads() * BATCHES_A_THREAD)).clamp(1, MAX_BATCH);
        Self { next: AtomicUsize::new(0), tasks, size }
    }

    /// The next one; `None` when all are given out.
    pub(crate) fn take(&self) -> Option<Range<usize>> {
        let first = self.next.fetch_add(self.size, Ordering::Relaxed);
        (first < self.tasks).then(|| first..self.tasks.min(first + self.size))
    }

    /// As many threads as find a batch.
    pub(crate) fn threads(&self) -> usize {
        self.tasks.div_ceil(self.size).min(threads())
    }
}

/// How many threads read at a time.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
}

/// Calls `step` on several threads until it has no more, each with a state that `start` makes, and hands on what it
/// makes on this one. The first error ends it.
pub(crate) fn run<S, T: Send>(
    threads: usize,
    start: impl Fn() -> Result<S, Error> + Sync,
    step: impl Fn(&mut S) -> Result<Option<Vec<T>>, Error> + Sync,
    deliver: &mut dyn FnMut(T),
) -> Result<(), Error> {
    let is_over = AtomicBool::new(false);
    let steps = |sender: &SyncSender<Result<Vec<T>, Error>>| -> Result<(), Error> {
        let mut state = start()?;
        while !is_over.load(Ordering::Relaxed)
            && let Some(made) = step(&mut state)?
        {
            if sender.send(Ok(made)).is_err() {
                break;
            }
        }
        Ok(())
    };
    let work = |sender: &SyncSender<Result<Vec<T>, Error>>| {
        if let Err(error) = steps(sender) {
            // The receiver lives until every sender is gone.
            sender.send(Err(error)).ok();
        }
    };
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUE * threads.max(1));
        for _ in 0..threads {
            let sender = sender.clone();
            let work = &work;
            scope.spawn(move || work(&sender));
        }
        drop(sender);
        let mut result = Ok(());
        for batch in receiver {
            match batch {
                Ok(batch) if result.is_ok() => batch.into_iter().for_each(&mut *deliver),
                Ok(_) => {}
                Err(error) => {
                    is_over.store(true, Ordering::Relaxed);
                    result = result.and(Err(error));
                }
            }
        }
        result
    })
}
