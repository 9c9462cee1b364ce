//! Bytes taken in, and made an object or forgotten.

use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutOptions, PutPayload, PutPayloadMut, WriteMultipart};

use crate::digest::{Algorithm, Digests, Sums};
use crate::refusal::Refusal;
use crate::vault::{Body, Vault};

/// Objects up to this many bytes are written at once, with the store's own conditions; larger ones in parts of this size.
const BUFFER_BYTES: usize = 8 << 20;
/// Parts of a large object that are under way to the store at once.
const PARTS_AT_ONCE: usize = 3;
/// Pieces of a body that are shorter than this, in bytes, are put together: each would cost more than it holds.
const SMALL_BYTES: usize = 4 << 10;

/// Bytes that were received, and are not yet an object.
pub(crate) enum Pending {
    Small(PutPayload),
    Large(WriteMultipart),
}

impl Vault {
    /// Takes bytes in. What is dropped before it is committed leaves nothing.
    ///
    /// # Errors
    /// `EntityTooLarge`, and what the body says.
    pub(crate) async fn receive(
        &self,
        path: &Path,
        mut body: Body,
        algorithms: &[Algorithm],
        limit_bytes: u64,
    ) -> Result<(Pending, Sums), Refusal> {
        let mut digests = Digests::new(algorithms);
        let mut buffered = PutPayloadMut::new();
        let mut large: Option<WriteMultipart> = None;
        let mut outcome = Ok(());
        while let Some(bytes) = body.next().await {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(refusal) => {
                    outcome = Err(refusal);
                    break;
                }
            };
            digests.update(&bytes);
            if digests.bytes() > limit_bytes {
                outcome = Err(Refusal::too_large());
                break;
            }
            match &mut large {
                Some(writer) => {
                    if let Err(error) = writer.wait_for_capacity(PARTS_AT_ONCE).await {
                        outcome = Err(error.into());
                        break;
                    }
                    if bytes.len() < SMALL_BYTES {
                        writer.write(&bytes);
                    } else {
                        writer.put(bytes);
                    }
                }
                None if digests.bytes() <= BUFFER_BYTES as u64 => {
                    if bytes.len() < SMALL_BYTES {
                        buffered.extend_from_slice(&bytes);
                    } else {
                        buffered.push(bytes);
                    }
                }
                None => {
                    let upload = self.objects.put_multipart(path).await?;
                    let mut writer = WriteMultipart::new_with_chunk_size(upload, BUFFER_BYTES);
                    for bytes in std::mem::take(&mut buffered).freeze().into_iter().chain([bytes]) {
                        writer.put(bytes);
                    }
                    large = Some(writer);
                }
            }
        }
        match (outcome, large) {
            (Ok(()), None) => Ok((Pending::Small(buffered.freeze()), digests.finish())),
            (Ok(()), Some(writer)) => Ok((Pending::Large(writer), digests.finish())),
            (Err(refusal), large) => {
                if let Some(writer) = large {
                    // What failed first is what is told.
                    let _ = writer.abort().await;
                }
                Err(refusal)
            }
        }
    }

    /// Makes bytes an object.
    pub(crate) async fn commit(&self, pending: Pending, path: &Path, is_new: bool) -> Result<(), Refusal> {
        match pending {
            Pending::Small(payload) => {
                let mode = if is_new { PutMode::Create } else { PutMode::Overwrite };
                self.objects.put_opts(path, payload, PutOptions { mode, ..PutOptions::default() }).await?;
            }
            Pending::Large(writer) => {
                writer.finish().await?;
            }
        }
        Ok(())
    }
}

/// Leaves nothing of bytes that are not wanted.
pub(crate) async fn discard(pending: Pending) {
    if let Pending::Large(writer) = pending {
        // There is an error to be told already.
        let _ = writer.abort().await;
    }
}
