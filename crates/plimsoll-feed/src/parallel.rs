//! The same for each of many, on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `make` makes of each item, in their order, on at most that many threads.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], threads: usize, make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = make(item);
                    results.lock().expect("no holder of this lock panics").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no holder of this lock panics");
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_items() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(map(&items, 7, |item| item * 2), (0..200).step_by(2).collect::<Vec<_>>());
        assert_eq!(map(&[] as &[usize], 4, |item| *item), Vec::<usize>::new());
        assert_eq!(map(&[1], 0, |item| *item), [1]);
    }
}
