//! Jobs done by workers, their results taken in the order of the jobs.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::emitter::Emitter;
use super::worker::{Found, Worker};
use crate::error::SelectError;
use crate::limits::MAX_THREADS;
use crate::source::{Chunk, Chunks};

pub(super) fn run_chunks(
    worker: &Worker<'_>,
    mut chunks: Chunks<'_>,
    first: Option<Chunk>,
    threads: usize,
    emitter: &mut Emitter<'_, '_>,
) -> Result<(), SelectError> {
    let mut first = first;
    let next = |spare: &mut Vec<Vec<u8>>| -> Result<Option<Chunk>, SelectError> {
        loop {
            let chunk = match first.take() {
                Some(chunk) => Some(chunk),
                None => chunks.next(spare.pop().unwrap_or_default())?,
            };
            match chunk {
                Some(chunk) if chunk.offset > worker.last => return Ok(None),
                // Wholly before the range.
                Some(chunk) if chunk.offset + chunk.length as u64 <= worker.first => spare.push(chunk.buffer),
                chunk => return Ok(chunk),
            }
        }
    };
    run_jobs(next, |chunk| worker.work(chunk), threads, emitter)
}

/// Has `work` done by workers, while the caller's thread makes the jobs with `next`, which is given buffers to use again,
/// and takes the results in the order of the jobs. Of a job that yields much only the beginning is done; the rest of it is
/// done by the caller's thread, a part at a time, once the results before it were given away.
pub(super) fn run_jobs<J: Send>(
    mut next: impl FnMut(&mut Vec<Vec<u8>>) -> Result<Option<J>, SelectError>,
    work: impl Fn(J) -> (Found, Option<J>) + Sync,
    threads: usize,
    emitter: &mut Emitter<'_, '_>,
) -> Result<(), SelectError> {
    let mut spare: Vec<Vec<u8>> = Vec::new();
    let keep = |spare: &mut Vec<Vec<u8>>, buffer: Vec<u8>| {
        if !buffer.is_empty() {
            spare.push(buffer);
        }
    };
    let work = &work;
    let take = |emitter: &mut Emitter<'_, '_>, (found, rest): (Found, Option<J>)| {
        let (mut buffer, mut rest) = (emitter.take(found)?, rest);
        while let Some(job) = rest.take_if(|_| !emitter.is_full()) {
            let (found, further) = work(job);
            (buffer, rest) = (emitter.take(found)?, further);
        }
        Ok::<Vec<u8>, SelectError>(buffer)
    };
    if threads <= 1 {
        while !emitter.is_full() {
            let Some(job) = next(&mut spare)? else { break };
            let buffer = take(emitter, work(job))?;
            keep(&mut spare, buffer);
        }
        return Ok(());
    }
    let threads = threads.min(MAX_THREADS);
    std::thread::scope(|scope| {
        let (jobs, queue) = channel::<(J, Sender<(Found, Option<J>)>)>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            scope.spawn(move || {
                while let Some((job, results)) = take_job(&queue) {
                    // Nobody waits any more where the run has ended.
                    let _ = results.send(work(job));
                }
            });
        }
        let mut waiting: VecDeque<Receiver<(Found, Option<J>)>> = VecDeque::new();
        let mut read = Ok(());
        while !emitter.is_full() {
            if waiting.len() < threads * 2 && read.is_ok() {
                match next(&mut spare) {
                    Ok(Some(job)) => {
                        let (results, receiver) = channel();
                        waiting.push_back(receiver);
                        jobs.send((job, results)).expect("workers wait for jobs as long as this end is open");
                        continue;
                    }
                    Ok(None) if waiting.is_empty() => break,
                    Ok(None) => {}
                    Err(error) => read = Err(error),
                }
            }
            let Some(receiver) = waiting.pop_front() else { break };
            let found = receiver.recv().expect("a worker answers every job");
            let buffer = take(emitter, found)?;
            keep(&mut spare, buffer);
        }
        // After enough records it does not matter how far was read.
        if emitter.is_full() { Ok(()) } else { read }
    })
}

fn take_job<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().ok()?.recv().ok()
}
