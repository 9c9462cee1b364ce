//! An old partition and changes, merged into the blocks of the new one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::block::{BlockReader, BlockWriter, Frame, Packer, Sink};
use crate::dictionary::{Dictionary, Samples};
use crate::record::Key;
use crate::update::Update;
use crate::{Database, Error};

/// A record on its way into a partition.
pub(crate) struct NewRecord<'a> {
    pub(crate) source: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) body: Cow<'a, [u8]>,
}

impl NewRecord<'_> {
    fn key(&self) -> Key<'_> {
        Key::read(&self.body, self.source, self.scope).expect("it was encoded here")
    }
}

/// Sorts new records and drops doubles.
pub(crate) fn sort(records: &mut Vec<NewRecord<'_>>) {
    records.sort_unstable_by(|one, two| one.key().cmp(&two.key()));
    records.dedup_by(|one, two| one.key() == two.key());
}

/// The blocks of a partition, and what they are packed with.
pub(crate) struct Merged<'a> {
    pub(crate) dictionary: Arc<Dictionary>,
    pub(crate) frames: Vec<Frame<'a>>,
}

/// The blocks of `base` without what `update` drops, and of `new`, which is sorted. Frames of `base` whose records did
/// not change are taken as they are, unless the partition has outgrown its dictionary.
pub(crate) fn merge<'a>(
    base: Option<&'a Database>,
    update: &Update,
    new: &[NewRecord<'_>],
) -> Result<Merged<'a>, Error> {
    if let Some(base) = base {
        let dictionary = base.dictionary().map_err(|error| Error::damaged(base.path(), error))?;
        let mut reuse = HashMap::new();
        for block in base.stored_blocks() {
            let block = block?;
            reuse.insert(block.digest, block.frame);
        }
        if dictionary.packs() {
            let frames =
                write(Some(base), update, new, Packer::new(Arc::clone(dictionary), reuse))?.finish()?;
            if dictionary.fits(frames.iter().map(|frame| u64::from(frame.unpacked_bytes)).sum()) {
                return Ok(Merged { dictionary: Arc::clone(dictionary), frames });
            }
        }
    }
    let dictionary = Arc::new(write(base, update, new, Samples::default())?.train());
    let packer = Packer::new(Arc::clone(&dictionary), HashMap::new());
    let frames = write(base, update, new, packer)?.finish()?;
    Ok(Merged { dictionary, frames })
}

/// Gives the blocks to `sink`.
fn write<S: Sink>(
    base: Option<&Database>,
    update: &Update,
    new: &[NewRecord<'_>],
    sink: S,
) -> Result<S, Error> {
    let mut writer = BlockWriter::new(sink);
    let mut new = new.iter().peekable();
    for (base, block) in base.iter().flat_map(|base| base.stored_blocks().map(move |block| (base, block))) {
        let unpacked = base.unpack(block?.frame)?;
        let records = BlockReader::new(&unpacked).map_err(|error| Error::damaged(base.path(), error))?;
        let mut origin = ("", "", update.drops("", ""));
        for record in records {
            let record = record.map_err(|error| Error::damaged(base.path(), error))?;
            let key = Key::read(record.body, record.source, record.scope)
                .map_err(|error| Error::damaged(base.path(), error))?;
            if (origin.0, origin.1) != (record.source, record.scope) {
                origin = (record.source, record.scope, update.drops(record.source, record.scope));
            }
            if origin.2.drops(key.kind, key.id) {
                continue;
            }
            // A new record of the same key counts.
            let mut is_replaced = false;
            while let Some(first) = new.next_if(|first| first.key() <= key) {
                is_replaced |= first.key() == key;
                writer.add(&first.key(), &first.body)?;
            }
            if !is_replaced {
                writer.add(&key, record.body)?;
            }
        }
    }
    for record in new {
        writer.add(&record.key(), &record.body)?;
    }
    writer.finish()
}
