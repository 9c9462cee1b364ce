//! How a client asks a server on loopback.

use std::time::Duration;

/// Options of requests to a server that stumbles: it is asked again at once, and not waited for.
pub fn hasty_requests() -> plimsoll_http::Options {
    plimsoll_http::Options {
        retries: 3,
        back_off: Duration::from_millis(1),
        longest_wait: Duration::from_secs(2),
        stall_timeout: Duration::from_secs(5),
        ..plimsoll_http::Options::default()
    }
}
