//! Locks of keys and uploads.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Locks that keys share.
const LOCKS: usize = 256;

/// Locks of keys, so that an object's bytes and attributes are seen together, and conditions hold until the write is done.
/// They hold in this process alone.
pub(crate) struct Locks {
    shards: Vec<Arc<RwLock<()>>>,
    state: RandomState,
}

impl Locks {
    pub(super) fn new() -> Locks {
        Locks { shards: (0..LOCKS).map(|_| Arc::new(RwLock::new(()))).collect(), state: RandomState::new() }
    }

    fn shard(&self, name: impl Hash) -> Arc<RwLock<()>> {
        let number = usize::try_from(self.state.hash_one(name) % LOCKS as u64).expect("there are few locks");
        Arc::clone(&self.shards[number])
    }

    pub(crate) async fn read(&self, name: impl Hash) -> OwnedRwLockReadGuard<()> {
        self.shard(name).read_owned().await
    }

    pub(crate) async fn write(&self, name: impl Hash) -> OwnedRwLockWriteGuard<()> {
        self.shard(name).write_owned().await
    }
}
