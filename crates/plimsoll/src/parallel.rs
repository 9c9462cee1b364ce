//! Work on many things at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `work` for each item on up to `jobs` threads; the results stand in the order of the items.
pub(crate) fn map<I: Sync, T: Send>(jobs: usize, items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<T>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let run = || {
        while let Some((item, place)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).zip(results.get(index))
        } {
            let result = work(item);
            *place.lock().expect("no thread panics while it holds the lock") = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(run);
        }
        run();
    });
    let done = results
        .into_iter()
        .map(|result| result.into_inner().expect("no thread panics while it holds the lock"));
    done.map(|result| result.expect("all items were worked on")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for jobs in [0, 1, 3, 100] {
            assert_eq!(super::map(jobs, &[3, 1, 2], |number| number * 2), [6, 2, 4], "{jobs}");
        }
        assert!(super::map(4, &[] as &[u8], |number| *number).is_empty());
    }
}
