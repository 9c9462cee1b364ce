//! Layers that are being read: several images that share one, read at the same time, read it once.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::cache::CacheKey;

/// The layers that are being read now, by all images that were given it. It goes with a [`crate::LayerCache`], through
/// which the result of the one reaches the others.
#[derive(Debug, Default)]
pub struct InFlight {
    keys: Mutex<HashSet<CacheKey>>,
    changed: Condvar,
}

/// The right to read a layer. Others wait until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    of: &'a InFlight,
    key: CacheKey,
}

impl InFlight {
    /// Nothing is being read.
    pub fn new() -> Self {
        Self::default()
    }

    /// The right to read a layer; `None` where another had it, who is done now: then the cache may have its result. Whoever
    /// has a claim asks for no other, so that nobody waits for ever.
    pub(crate) fn claim(&self, key: &CacheKey) -> Option<Claim<'_>> {
        let mut keys = self.keys();
        if keys.insert(key.clone()) {
            return Some(Claim { of: self, key: key.clone() });
        }
        while keys.contains(key) {
            keys = self.changed.wait(keys).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<CacheKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.of.keys().remove(&self.key);
        self.of.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Limits;

    #[test]
    fn of_many_that_want_a_layer_one_reads_it_at_a_time() {
        let in_flight = InFlight::new();
        let keys = ["a", "b"].map(|name| CacheKey::new(name, &[], &Limits::default()));
        let (reading, most, claims) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for number in 0..16 {
                let key = &keys[number % 2];
                let (in_flight, reading, most, claims) = (&in_flight, &reading, &most, &claims);
                scope.spawn(move || {
                    if let Some(claim) = in_flight.claim(key) {
                        claims.fetch_add(1, Ordering::SeqCst);
                        most.fetch_max(reading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        reading.fetch_sub(1, Ordering::SeqCst);
                        drop(claim);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert!((2..=16).contains(&claims.load(Ordering::SeqCst)));
        assert!(in_flight.keys().is_empty());
    }
}
