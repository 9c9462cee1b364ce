//! An S3 endpoint over a store of results, with `SelectObjectContent`.
//!
//! [`Endpoint::bind`] listens, [`Endpoint::serve`] serves. Buckets are the folders of the store's place, objects are files
//! in them under names that can be read back; entity tags, headers, metadata, tags and checksums are as S3 has them.
//! Requests are signed with version 4 (addresses may be presigned with version 2), or come from the machine itself where there are no keys.
//!
//! It has no versions, no access lists, no encryption of its own and no locks on objects: what asks for them is refused, or
//! is told that there are none. What lies in the objects is nothing to it, but for `SelectObjectContent`, which is
//! [`plimsoll_select`]'s.

mod access;
mod attributes;
mod chunked;
mod digest;
#[macro_use]
mod fields;
mod gate;
mod intake;
mod key;
mod list;
#[macro_use]
mod reading;
mod protocol;
mod question;
mod refusal;
mod select;
mod server;
mod settings;
mod signed;
mod steady;
mod upload;
mod vault;

pub use server::{Endpoint, Error};
pub use settings::{BadCredential, Credential, Settings};
