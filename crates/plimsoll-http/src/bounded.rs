//! Small things, read whole, up to a limit.

use std::io::{self, Read};

/// The bytes of a stream, at most `max_bytes` of them; what follows stays in it.
pub fn read_up_to(reader: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    reader.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}
