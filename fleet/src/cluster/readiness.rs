//! Whether a scheduler is there and can work, before a query is sent: one small request.

use std::io::{Error as IoError, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Error, SchedulerAddress};

/// Who does not answer by then is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that are looked at.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// Asks the scheduler whether it has executors.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::Foreign`], [`Error::NoExecutors`].
pub(super) async fn ask(scheduler: &SchedulerAddress) -> Result<(), Error> {
    let url = scheduler.to_string();
    let late = |_| IoError::new(ErrorKind::TimedOut, format!("no answer for {} s", PATIENCE.as_secs()));
    let answer = match tokio::time::timeout(PATIENCE, request(scheduler)).await.map_err(late) {
        Ok(Ok(answer)) => answer,
        Ok(Err(source)) | Err(source) => return Err(Error::Unreachable { url, source }),
    };
    judge(&answer, url)
}

async fn request(scheduler: &SchedulerAddress) -> Result<Vec<u8>, IoError> {
    let host = scheduler.host();
    let mut stream =
        TcpStream::connect((host.trim_start_matches('[').trim_end_matches(']'), scheduler.port())).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// What an answer says: 200 is ready, 503 is without executors. Schedulers name themselves `ballista/55.0.0`.
fn judge(answer: &[u8], url: String) -> Result<(), Error> {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    let Some(code) = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) else {
        return Err(Error::Foreign { url, found: "something that does not speak HTTP".to_owned() });
    };
    let server = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("server"))
        .map(|(_, value)| value.trim());
    let Some(version) = server.and_then(|server| server.strip_prefix("ballista/")) else {
        return Err(Error::Foreign { url, found: "another web server".to_owned() });
    };
    if major(version) != major(ballista_core::BALLISTA_VERSION) {
        return Err(Error::Version {
            client: format!("{} (Ballista {})", super::VERSION, ballista_core::BALLISTA_VERSION),
            cluster: format!("Ballista {version}"),
        });
    }
    match code {
        "200" => Ok(()),
        "503" => Err(Error::NoExecutors { url }),
        other => Err(Error::Foreign { url, found: format!("a scheduler that answers {other}") }),
    }
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_status_and_server() {
        let version = ballista_core::BALLISTA_VERSION;
        let check = |answer: &str| match judge(answer.as_bytes(), "url".to_owned()) {
            Ok(()) => "ready",
            Err(Error::NoExecutors { .. }) => "no executors",
            Err(Error::Version { .. }) => "version",
            Err(Error::Foreign { .. }) => "foreign",
            Err(_) => "other",
        };
        for (answer, expected) in [
            (format!("HTTP/1.1 200 OK\r\nServer: ballista/{version}\r\n\r\nready"), "ready"),
            (
                format!("HTTP/1.1 503 x\r\ncontent-length: 1\r\nserver:ballista/{version}\r\n\r\n"),
                "no executors",
            ),
            ("HTTP/1.1 200 OK\r\nserver: ballista/1.0.0\r\n\r\n".to_owned(), "version"),
            ("HTTP/1.1 200 OK\r\nserver: nginx\r\n\r\n".to_owned(), "foreign"),
            ("HTTP/1.1 200 OK\r\n\r\nserver: ballista/55.0.0".to_owned(), "foreign"),
            (format!("HTTP/1.1 404 OK\r\nserver: ballista/{version}\r\n\r\n"), "foreign"),
            ("SSH-2.0-OpenSSH_9.2".to_owned(), "foreign"),
            (String::new(), "foreign"),
            ("HTTP/1.1 2".to_owned(), "foreign"),
        ] {
            assert_eq!(check(&answer), expected, "{answer}");
        }
    }
}
