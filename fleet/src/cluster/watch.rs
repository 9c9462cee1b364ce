//! Executors that die are noticed at once.
//!
//! Ballista notices a dead executor when its heartbeats stay out, and must be patient then, since a busy machine is late too.
//! A process that is killed closes its connections, though: the scheduler keeps one open to each executor. One that
//! ends and cannot be opened again means that nobody listens there any more. A machine that is cut off sends no such sign; for it
//! there are the heartbeats.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A connection is opened by then, or the network is in trouble.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Times in a row that a connection is refused before an executor is lost.
const MAX_REFUSALS: u32 = 3;

/// Between these.
const REFUSAL_PAUSE: Duration = Duration::from_millis(150);

/// A connection that ended before this was closed on purpose, and is opened again more slowly.
const SHORT: Duration = Duration::from_secs(2);

/// What can be said of an executor that is watched no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nobody listens at its address.
    Gone,
    /// The network does not say; its heartbeats will.
    Unsure,
}

/// Watches an executor until there is nothing more to see.
pub(super) async fn watch(host: &str, port: u16) -> Sight {
    let mut refusals = 0;
    loop {
        match timeout(CONNECT_PATIENCE, TcpStream::connect((host, port))).await {
            Ok(Ok(stream)) => {
                refusals = 0;
                let begun = Instant::now();
                until_closed(stream).await;
                if begun.elapsed() < SHORT {
                    sleep(SHORT).await;
                }
            }
            Ok(Err(error))
                if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) =>
            {
                refusals += 1;
                if refusals >= MAX_REFUSALS {
                    return Sight::Gone;
                }
                sleep(REFUSAL_PAUSE).await;
            }
            Ok(Err(_)) | Err(_) => return Sight::Unsure,
        }
    }
}

/// Reads, and forgets, what the other side sends until it closes.
async fn until_closed(mut stream: TcpStream) {
    let mut forgotten = [0; 1024];
    while let Ok(1..) = stream.read(&mut forgotten).await {}
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_listens_no_longer_is_gone_and_who_does_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let watching = tokio::spawn(async move { watch("127.0.0.1", port).await });
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"settings").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        assert!(!watching.is_finished());

        drop((stream, listener));
        let seen = timeout(Duration::from_secs(20), watching).await.unwrap().unwrap();
        assert_eq!(seen, Sight::Gone);
    }
}
