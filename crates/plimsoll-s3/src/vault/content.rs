//! An object's bytes on their way out.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{GetResult, GetResultPayload, ObjectStore, ObjectStoreExt as _};

use crate::refusal::Refusal;

/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 512 << 10;

/// An object's bytes on their way.
pub(crate) type Body = BoxStream<'static, Result<Bytes, Refusal>>;

/// Bytes of an object.
pub(crate) enum Content {
    /// A file, and what of it is asked for.
    File(std::fs::File, Range<u64>),
    Stream(BoxStream<'static, object_store::Result<Bytes>>),
    /// All of an object of the store, and its length, of which parts are read.
    Parts(Arc<dyn ObjectStore>, Path, u64),
}

impl Content {
    /// What a store gave.
    pub(crate) fn of(result: GetResult) -> Content {
        let range = result.range.clone();
        match result.payload {
            GetResultPayload::File(file, _) => Content::File(file, range),
            GetResultPayload::Stream(stream) => Content::Stream(stream),
        }
    }

    pub(crate) fn into_body(self) -> Body {
        match self {
            Content::Stream(stream) => stream.map(|bytes| bytes.map_err(Refusal::from)).boxed(),
            Content::File(file, range) => read_file(file, range),
            Content::Parts(objects, path, _) => stream::once(async move { objects.get(&path).await })
                .flat_map(|result| match result {
                    Ok(result) => result.into_stream(),
                    Err(error) => stream::iter([Err(error)]).boxed(),
                })
                .map(|bytes| bytes.map_err(Refusal::from))
                .boxed(),
        }
    }
}

/// Reads a file by pieces, off the threads that serve.
fn read_file(file: std::fs::File, range: Range<u64>) -> Body {
    use std::os::unix::fs::FileExt as _;

    let file = Arc::new(file);
    stream::try_unfold(range, move |range| {
        let file = Arc::clone(&file);
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let read = move || {
                let mut buffer = vec![0; left.min(READ_BYTES)];
                let length = file.read_at(&mut buffer, range.start)?;
                buffer.truncate(length);
                std::io::Result::Ok(buffer)
            };
            let buffer = tokio::task::spawn_blocking(read)
                .await
                .map_err(Refusal::internal)?
                .map_err(Refusal::internal)?;
            if buffer.is_empty() {
                return Err(Refusal::internal("a file became shorter while it was read"));
            }
            let next = range.start + buffer.len() as u64..range.end;
            Ok(Some((Bytes::from(buffer), next)))
        }
    })
    .boxed()
}
