//! Requests to a server on loopback that misbehaves.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use plimsoll_http::{Client, ConnectionFailure, Error, Method, Options, Request, Response, Secret, Url};
use plimsoll_testkit::{FileServer, WebFault};

fn client() -> Client {
    Client::new(&Options {
        retries: 2,
        back_off: Duration::from_millis(1),
        longest_wait: Duration::from_secs(1),
        stall_timeout: Duration::from_secs(5),
        ..Options::default()
    })
}

fn url(server: &FileServer, path: &str) -> Url {
    Url::parse(&format!("{}{path}", server.base())).unwrap()
}

fn text(mut response: Response) -> String {
    let mut text = String::new();
    response.body.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn headers_methods_and_bodies_are_sent() {
    let server = FileServer::start();
    server.put_with("a", b"0123456789", &[("ETag", "\"1\"")]);
    let client = client();
    let answer = client.send(&url(&server, "a"), &Request::get().header("if-none-match", "\"1\"")).unwrap();
    assert_eq!(answer.status, 304);
    let ranged = Request::get().from_byte(7).header("if-range", "\"1\"");
    let answer = client.send(&url(&server, "a"), &ranged).unwrap();
    assert_eq!((answer.status, answer.range_start(), answer.content_length()), (206, Some(7), Some(3)));
    assert_eq!(text(answer), "789");
    let answer = client.send(&url(&server, "a"), &Request::new(Method::Head)).unwrap();
    assert_eq!((answer.status, answer.content_length(), text(answer).as_str()), (200, Some(10), ""));

    let path = std::env::temp_dir().join(format!("plimsoll-http-{}", std::process::id()));
    std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
    server.take_requests();
    for request in [
        Request::new(Method::Put).bytes(&b"bytes"[..]).header("content-type", "text/plain"),
        Request::new(Method::Put).file(&path),
        Request::new(Method::Patch).bytes(vec![1, 2]),
        Request::new(Method::Post),
        Request::new(Method::Delete),
        Request::form(Secret::new("a=b")),
    ] {
        client.send(&url(&server, "a"), &request).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    let got: Vec<_> = server
        .take_requests()
        .into_iter()
        .map(|r| (r.method.clone(), r.body.len(), r.header("content-length").map(str::to_owned)))
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        got,
        [
            ("PUT".to_owned(), 5, some("5")),
            ("PUT".to_owned(), 100_000, some("100000")),
            ("PATCH".to_owned(), 2, some("2")),
            ("POST".to_owned(), 0, some("0")),
            ("DELETE".to_owned(), 0, None),
            ("POST".to_owned(), 3, some("3")),
        ]
    );
    let missing = client.send(&url(&server, "a"), &Request::new(Method::Put).file(&path));
    assert!(matches!(missing, Err(Error::File { .. })));
    let bad = client.send(&url(&server, "a"), &Request::get().header("x", "a\nb"));
    assert!(matches!(bad, Err(Error::Header { .. })));
}

#[test]
fn what_passes_is_asked_again_and_what_may_have_been_done_is_not() {
    let server = FileServer::start();
    server.put("a", b"a");
    let client = client();
    let busy = |status| WebFault::Status(status, vec![("Retry-After".to_owned(), "0".to_owned())]);
    server.fail_next("a", busy(429));
    server.fail_next("a", WebFault::Drop);
    assert_eq!(text(client.send(&url(&server, "a"), &Request::get()).unwrap()), "a");
    assert_eq!(server.take_requests().len(), 3);
    server.fail_next("a", busy(503));
    assert!(client.send(&url(&server, "a"), &Request::new(Method::Post)).is_ok());
    server.fail_next("a", busy(500));
    let error = client.send(&url(&server, "a"), &Request::new(Method::Post)).err().unwrap();
    assert!(matches!(error, Error::Busy { attempts: 1, status: 500, .. }), "{error}");
    server.fail_next("a", WebFault::Drop);
    let error = client.send(&url(&server, "a"), &Request::new(Method::Post)).err().unwrap();
    assert!(matches!(error, Error::Connection { failure: ConnectionFailure::Transport, .. }), "{error}");
    server.fail_next("a", WebFault::Status(429, vec![("Retry-After".to_owned(), "3600".to_owned())]));
    let error = client.send(&url(&server, "a"), &Request::get()).err().unwrap();
    assert!(error.to_string().ends_with("found status 429, which asks to wait for 3600 s, after 1 attempt"));
}

#[test]
fn redirects_end_and_take_no_credentials_along() {
    let (server, other) = (FileServer::start(), FileServer::start());
    server.put("a", b"a");
    other.put("b", b"b");
    let client = client();
    let secret = Some(Secret::new("Bearer secret"));
    server.fail_next("a", WebFault::Redirect(format!("{}b", other.base())));
    let request = Request::get().authorization(secret.clone()).secret("x-token", Secret::new("hunter2"));
    assert!(!format!("{request:?}").contains("hunter2"));
    let answer = client.send(&url(&server, "a"), &request).unwrap();
    assert_eq!(text(answer), "b");
    let asked = [server.take_requests().remove(0), other.take_requests().remove(0)];
    assert_eq!(asked.each_ref().map(|asked| asked.header("authorization")), [Some("Bearer secret"), None]);
    assert_eq!(asked.each_ref().map(|asked| asked.header("x-token")), [Some("hunter2"), None]);
    for _ in 0..9 {
        server.fail_next("a", WebFault::Redirect("a".to_owned()));
    }
    let error = client.send(&url(&server, "a"), &Request::get()).err().unwrap();
    assert!(error.to_string().ends_with("expected at most 8 redirects, found more"), "{error}");
    server.fail_next("a", WebFault::Redirect("a".to_owned()));
    let posted = client.send(&url(&server, "a"), &Request::new(Method::Put).bytes(&b"x"[..]));
    assert!(matches!(posted, Err(Error::Redirect { .. })));
}

#[test]
fn credentials_of_an_address_go_to_its_origin_alone() {
    let (server, other) = (FileServer::start(), FileServer::start());
    server.put("a", b"a");
    other.put("b", b"b");
    let with = server.base().replace("://", "://user:pass@");
    let address = Url::parse_with_credentials(&format!("{with}a")).unwrap();
    server.fail_next("a", WebFault::Redirect("a".to_owned()));
    server.fail_next("a", WebFault::Redirect(format!("{}b", other.base())));
    assert_eq!(text(client().send(&address, &Request::get()).unwrap()), "b");
    let sent: Vec<_> =
        server.take_requests().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, vec![Some("Basic dXNlcjpwYXNz".to_owned()); 2]);
    assert_eq!(other.take_requests()[0].header("authorization"), None);
    let own = Request::get().authorization(Some(Secret::new("Bearer x")));
    client().send(&address, &own).unwrap();
    assert_eq!(server.take_requests()[0].header("authorization"), Some("Bearer x"));
    server.fail_next("a", WebFault::Status(404, Vec::new()));
    server.fail_next("a", WebFault::Redirect("http://user:word@mirror.example/x".to_owned()));
    client().send(&address, &Request::get()).unwrap();
    let error = client().send(&address, &Request::get()).err().unwrap().to_string();
    assert!(error.contains("malformed host") && !error.contains("word"), "{error}");
}

#[test]
fn one_host_without_tls_does_not_lead_to_others() {
    let server = FileServer::start();
    for to in ["http://elsewhere.example/a", "http://10.0.0.1:80/"] {
        server.fail_next("a", WebFault::Redirect(to.to_owned()));
        let error = client().send(&url(&server, "a"), &Request::get()).err().unwrap();
        assert!(error.to_string().contains(&format!("(`--insecure-http`), found `{to}`")), "{error}");
    }
}

/// A server that sends `head` at once, and then `trickle` byte by byte for as long as somebody listens.
fn trickling(head: &'static str, trickle: &'static str) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(head.as_bytes());
            for byte in trickle.bytes().cycle().take(100) {
                std::thread::sleep(Duration::from_millis(50));
                if stream.write_all(&[byte]).is_err() {
                    break;
                }
            }
        }
    });
    url
}

#[test]
fn an_answer_that_trickles_is_not_waited_for() {
    let client =
        Client::new(&Options { retries: 0, stall_timeout: Duration::from_millis(300), ..Options::default() });
    let start = Instant::now();
    let Err(error) = client.send(&trickling("HTTP/1.1 200 OK\r\nX: ", "a"), &Request::get()) else {
        panic!()
    };
    assert!(matches!(error, Error::Connection { failure: ConnectionFailure::Timeout, .. }), "{error:?}");
    let url = trickling("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "a");
    let mut answer = client.send(&url, &Request::get()).unwrap();
    let error = answer.body.read_to_string(&mut String::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let url = trickling("HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n", "a");
    let Err(error) = client.send(&url, &Request::get()) else { panic!() };
    assert!(error.to_string().contains("status 500"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
