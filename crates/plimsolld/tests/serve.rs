//! `plimsolld serve --s3` as a program, asked over loopback without keys.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Most bytes of an answer that a test reads.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsolld"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// A folder of one test, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{}-{number}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A server over a folder of its own, stopped when dropped.
struct Server {
    child: Child,
    address: String,
    folder: Scratch,
}

impl Server {
    fn start(arguments: &[&str]) -> Server {
        Server::start_over(Scratch::new(), arguments)
    }

    /// Over `store` in a folder that is there.
    fn start_over(folder: Scratch, arguments: &[&str]) -> Server {
        let store = folder.0.join("store");
        let mut child = program()
            .args(["serve", "--s3", "127.0.0.1:0", "--quiet", "--store"])
            .arg(&store)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("listening on http://").expect("it says where it listens").to_owned();
        Server { child, address, folder }
    }

    fn store(&self, path: &str) -> PathBuf {
        self.folder.0.join("store").join(path)
    }

    /// Sends a request and gives the status and the rest of the answer.
    fn ask(&self, head: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut request =
            format!("{head} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str("Host: localhost\r\n");
        }
        for (name, value) in headers {
            request.push_str(&[name, ": ", value, "\r\n"].concat());
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // A server that refuses may close before it has read all.
        drop(stream.write_all(body));
        let mut answer = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
        drop(stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer to {head}: {answer:?}")), answer)
    }

    fn status(&self, head: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let (status, answer) = self.ask(head, headers, body);
        let code = answer.split("<Code>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
        (status, code.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    let mut found: Vec<String> =
        found.iter().map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect();
    found.sort_unstable();
    found
}

#[test]
fn what_is_put_is_a_plain_file_and_comes_back() {
    let server = Server::start(&[]);
    assert_eq!(server.status("PUT /box/reports/app.json", &[], b"{}").0, 200);
    assert_eq!(
        std::fs::metadata(server.store("box/reports/app.json")).map(|meta| meta.len()).unwrap(),
        2,
        "others read it without us"
    );
    let (status, answer) = server.ask("GET /box/reports/app.json", &[], b"");
    assert_eq!((status, body(&answer)), (200, "{}"));
    for method in ["GET", "HEAD"] {
        let (status, _) =
            server.ask(&format!("{method} /box/reports/app.json?response-content-type=a%0d%0ab"), &[], b"");
        assert_eq!(status, 400, "{method}");
    }
    assert!(answer.to_ascii_lowercase().contains("etag: \"99914b932bd37a50b983c5e7c90ae93b\""), "{answer}");
    // And what others put there is found.
    std::fs::write(server.store("box/README"), "by hand").unwrap();
    assert_eq!(body(&server.ask("GET /box/README", &[], b"").1), "by hand");
    let (_, answer) = server.ask("GET /box?list-type=2", &[], b"");
    assert!(
        answer.contains("<Key>README</Key>") && answer.contains("<Key>reports/app.json</Key>"),
        "{answer}"
    );
    assert!(!answer.contains(".plimsoll"), "{answer}");
    // An object takes its place.
    assert_eq!(server.status("PUT /box/README", &[], b"new").0, 200);
    assert_eq!(body(&server.ask("GET /box/README", &[], b"").1), "new");
    assert_eq!(server.status("DELETE /box/README", &[], b"").0, 204);
    assert_eq!(server.status("GET /box/README", &[], b""), (404, "NoSuchKey".to_owned()));
    // Nor are folders left that are empty.
    assert_eq!(server.status("DELETE /box/reports/app.json", &[], b"").0, 204);
    assert!(!server.store("box/reports").exists() && server.store("box").exists());
}

#[test]
fn what_can_be_no_object_hides_nothing() {
    let server = Server::start(&[]);
    assert_eq!(server.status("PUT /box/good.txt", &[], b"good").0, 200);
    let folder = server.store("box");
    for name in [&b"tab\t.txt"[..], b"line\n.txt", b"\xff.txt", b"a#1"] {
        std::fs::write(folder.join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    symlink("/nowhere/at/all", folder.join("broken.txt")).unwrap();
    symlink(&folder, folder.join("circle")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.txt")).status().unwrap().success());
    // Of what others put there, what can be one is.
    for name in ["50%b", "sp ace", "q?.txt", "a%5Cb.txt"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let (status, answer) = server.ask("GET /box?list-type=2", &[], b"");
    let keys: Vec<&str> = answer.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!((status, keys), (200, vec!["50%b", "a\\b.txt", "good.txt", "q?.txt", "sp ace"]));
    for (key, text) in
        [("50%25b", "50%b"), ("sp%20ace", "sp ace"), ("q%3F.txt", "q?.txt"), ("a%5Cb.txt", "a%5Cb.txt")]
    {
        assert_eq!(body(&server.ask(&format!("GET /box/{key}"), &[], b"").1), text, "{key}");
    }
    assert_eq!(server.status("GET /box/pipe.txt", &[], b""), (404, "NoSuchKey".to_owned()));
    assert_eq!(server.status("GET /", &[], b"").0, 200);
    // A link to elsewhere in the folder is followed.
    symlink(folder.join("good.txt"), folder.join("link.txt")).unwrap();
    assert_eq!(body(&server.ask("GET /box/link.txt", &[], b"").1), "good");
}

#[test]
fn no_key_leads_out_of_the_store() {
    let server = Server::start(&[]);
    let outside = server.folder.0.join("outside");
    std::fs::write(&outside, "secret").unwrap();
    for path in [
        "/box/../../outside",
        "/box/%2e%2e/%2e%2e/outside",
        "/box/%2E%2E%2F%2E%2E%2Foutside",
        "/box//outside",
        "/box/..%5c..%5coutside",
        "/box/a%00b",
        "/box/.plimsoll/s3/buckets/box.json",
        "/box/%25%32%65/outside",
        "/box/./outside",
    ] {
        let (status, answer) = server.ask(&format!("PUT {path}"), &[], path.as_bytes());
        assert_eq!(status, 200, "{path}: {answer}");
        let (status, answer) = server.ask(&format!("GET {path}"), &[], b"");
        assert_eq!((status, body(&answer)), (200, path), "stored as it was named");
    }
    for (path, code) in [
        ("/../outside", "InvalidBucketName"),
        ("/.plimsoll/s3/buckets/box.json", "InvalidBucketName"),
        ("/%2e%2e/outside", "InvalidBucketName"),
    ] {
        assert_eq!(server.status(&format!("GET {path}"), &[], b""), (400, code.to_owned()), "{path}");
        assert_eq!(server.status(&format!("PUT {path}"), &[], b"x"), (400, code.to_owned()), "{path}");
    }
    let long = format!("/box/{}", "a".repeat(1025));
    assert_eq!(server.status(&format!("PUT {long}"), &[], b"x"), (400, "KeyTooLongError".to_owned()));
    let found = files(&server.folder.0);
    assert!(found.iter().all(|file| file == "outside" || file.starts_with("store/")), "{found:?}");
    assert!(found.iter().all(|file| !file.split('/').any(|part| part == "..")), "{found:?}");
    assert_eq!(std::fs::metadata(&outside).unwrap().len(), 6);
}

#[test]
fn a_key_and_what_lies_under_it_live_beside_each_other() {
    let server = Server::start(&[]);
    for key in ["a", "a/b", "a/b/c", "a.json", "a.json/b", "A"] {
        assert_eq!(server.status(&format!("PUT /box/{key}"), &[], key.as_bytes()).0, 200, "{key}");
    }
    for key in ["a", "a/b", "a/b/c", "a.json", "a.json/b", "A"] {
        assert_eq!(body(&server.ask(&format!("GET /box/{key}"), &[], b"").1), key);
    }
    let (_, answer) = server.ask("GET /box?list-type=2", &[], b"");
    let keys: Vec<&str> = answer.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!(keys, ["A", "a", "a.json", "a.json/b", "a/b", "a/b/c"]);
}

#[test]
fn no_key_is_the_path_of_another() {
    let server = Server::start(&[]);
    // What lies beside it is what the key left of it is written as.
    for (key, other) in
        [("a", "a%25"), ("..%2Fb.txt", "%252E%252E/b.txt"), ("c.json/d.txt", "c%252Ejson/d.txt")]
    {
        assert_eq!(server.status(&format!("PUT /box/{key}"), &[], b"mine").0, 200, "{key}");
        assert_eq!(server.status(&format!("GET /box/{other}"), &[], b"").0, 404, "{other}");
        assert_eq!(server.status(&format!("DELETE /box/{other}"), &[], b"").0, 204, "{other}");
        assert_eq!(server.status(&format!("PUT /box/{other}"), &[], b"other").0, 200, "{other}");
        assert_eq!(body(&server.ask(&format!("GET /box/{key}"), &[], b"").1), "mine", "{key}");
        assert_eq!(body(&server.ask(&format!("GET /box/{other}"), &[], b"").1), "other", "{other}");
    }
}

#[test]
fn a_copy_heeds_what_its_target_must_be() {
    let server = Server::start(&[]);
    for (key, text) in [("from", "new"), ("to", "old")] {
        assert_eq!(server.status(&format!("PUT /box/{key}"), &[], text.as_bytes()).0, 200);
    }
    let source = ("x-amz-copy-source", "/box/from");
    let copy = |name, value| server.status("PUT /box/to", &[source, (name, value)], b"");
    let failed = (412, "PreconditionFailed".to_owned());
    assert_eq!(copy("If-None-Match", "*"), failed);
    assert_eq!(copy("If-Match", "\"00\""), failed);
    assert_eq!(body(&server.ask("GET /box/to", &[], b"").1), "old");
    // MD5 of `old`.
    assert_eq!(copy("If-Match", "\"149603e6c03516362a8da23f624db945\"").0, 200);
    assert_eq!(body(&server.ask("GET /box/to", &[], b"").1), "new");
    let itself = [source, ("x-amz-metadata-directive", "REPLACE"), ("If-None-Match", "*")];
    assert_eq!(server.status("PUT /box/from", &itself, b""), failed);
}

#[test]
fn an_object_has_its_attributes_though_the_client_went_away() {
    const MD5: &str = "d5816f35916d1d9482fb0f1ec201101d";
    let server = Server::start(&[]);
    let text = vec![b'x'; 100_000];
    for number in 0..100_u64 {
        let head = format!(
            "PUT /box/{number}.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&text).unwrap();
        // Sooner or later within what the server does.
        std::thread::sleep(Duration::from_micros(number * 100));
    }
    // What is still under way ends before another request for its key.
    let tags: Vec<String> = (0..100)
        .filter_map(|number| {
            let (status, answer) = server.ask(&format!("HEAD /box/{number}.bin"), &[], b"");
            (status == 200).then(|| answer.to_ascii_lowercase())
        })
        .collect();
    assert!(!tags.is_empty());
    for answer in tags {
        assert!(answer.contains(&format!("etag: \"{MD5}\"")), "{answer}");
    }
}

#[test]
fn parts_of_an_upload_that_is_none_are_removed() {
    let folder = Scratch::new();
    let lost = folder.0.join("store/.plimsoll/s3/uploads/box/0123456789abcdef0123456789abcdef");
    let (other, live) = (lost.with_file_name("live"), lost.with_file_name("live/upload.json"));
    for folder in [&lost, &other] {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("00001-0.part"), "bytes").unwrap();
        // What was being written when the server was killed.
        std::fs::write(folder.join("00002-0.part#1"), "bytes").unwrap();
    }
    std::fs::write(&live, "{}").unwrap();
    let server = Server::start_over(folder, &[]);
    for _ in 0..600 {
        if !lost.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!lost.exists());
    assert_eq!(
        files(&server.store(".plimsoll/s3/uploads/box")),
        ["live/00001-0.part", "live/00002-0.part#1", "live/upload.json"]
    );
}

#[test]
fn what_was_being_written_when_a_server_was_killed_is_nothing() {
    let mut server = Server::start(&[]);
    assert_eq!(server.status("PUT /box/old.bin", &[], b"old").0, 200);
    for key in ["old.bin", "folder/new.bin"] {
        // More than is held in memory, and less than all.
        let head = format!("PUT /box/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n");
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; 12_000_000]).unwrap();
        let unfinished = server.store(&format!("box/{key}#1"));
        for _ in 0..600 {
            if unfinished.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(unfinished.exists());
        std::mem::forget(stream);
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let folder = std::mem::replace(&mut server.folder, Scratch::new());
    let server = Server::start_over(folder, &[]);
    let (_, answer) = server.ask("GET /box/old.bin", &[], b"");
    assert_eq!(body(&answer), "old");
    let (_, answer) = server.ask("GET /box?list-type=2&delimiter=/", &[], b"");
    assert!(answer.contains("<Key>old.bin</Key>") && !answer.contains("folder"), "{answer}");
    assert_eq!(server.status("DELETE /box/old.bin", &[], b"").0, 204);
    assert_eq!(server.status("DELETE /box", &[], b"").0, 204);
    assert!(!server.store("box").exists());
}

#[test]
fn of_many_writers_of_a_new_key_one_wins() {
    let server = Server::start(&[]);
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let put = |number: usize| {
            let text = vec![b'a' + u8::try_from(number).unwrap(); 100_000];
            server.status("PUT /box/one.json", &[("If-None-Match", "*")], &text).0
        };
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || put(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|status| **status == 200).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|status| **status == 412).count(), 7, "{outcomes:?}");
    let (_, answer) = server.ask("GET /box/one.json", &[], b"");
    let text = body(&answer).as_bytes();
    assert!(text.len() == 100_000 && text.iter().all(|byte| *byte == text[0]), "whole, of one of them");
}

#[test]
fn checksums_are_held_against_the_bytes() {
    let server = Server::start(&[]);
    let chunked = |trailer: &str| {
        let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n");
        let headers = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-decoded-content-length", "5"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        server.status("PUT /box/chunks.txt", &headers, body.as_bytes())
    };
    assert_eq!(chunked("AAAAAA=="), (400, "BadDigest".to_owned()));
    assert_eq!(server.status("HEAD /box/chunks.txt", &[], b"").0, 404, "nothing is left of it");
    assert_eq!(chunked("NhCmhg==").0, 200);
    // What is announced comes, and nothing else.
    for (announced, trailers) in [
        ("x-amz-checksum-crc32", ""),
        ("", "x-amz-checksum-crc32:NhCmhg==\r\n"),
        ("x-amz-checksum-sha1", "x-amz-checksum-crc32:NhCmhg==\r\n"),
    ] {
        let body = format!("5\r\nhello\r\n0\r\n{trailers}\r\n");
        let headers = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", announced),
        ];
        let found = server.status("PUT /box/trailers", &headers, body.as_bytes());
        assert_eq!(found, (400, "MalformedTrailerError".to_owned()), "{announced} {trailers}");
    }
    let (_, answer) = server.ask("GET /box/chunks.txt", &[("x-amz-checksum-mode", "ENABLED")], b"");
    assert_eq!(body(&answer), "hello");
    assert!(answer.contains("x-amz-checksum-crc32: NhCmhg=="), "{answer}");
    assert!(!answer.contains("aws-chunked"), "{answer}");
    let wrong = "0".repeat(64);
    for (name, value, code) in [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("content-md5", "none", "InvalidDigest"),
        ("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BadDigest"),
        ("x-amz-checksum-sha1", "AAAA", "InvalidRequest"),
        ("x-amz-content-sha256", wrong.as_str(), "XAmzContentSHA256Mismatch"),
    ] {
        assert_eq!(
            server.status("PUT /box/bad", &[(name, value)], b"hello"),
            (400, code.to_owned()),
            "{name}"
        );
    }
    assert_eq!(server.status("GET /box/bad", &[], b"").0, 404);
}

#[test]
fn what_is_to_be_done_is_held_against_its_digests() {
    let server = Server::start(&[]);
    assert_eq!(server.status("PUT /box/kept", &[], b"hello").0, 200);
    let delete = b"<Delete><Object><Key>kept</Key></Object></Delete>";
    let zeros = "0".repeat(64);
    let wrong = [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-content-sha256", zeros.as_str(), "XAmzContentSHA256Mismatch"),
        ("content-md5", "none", "InvalidDigest"),
    ];
    let tagging = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    for (name, value, code) in wrong {
        let refused = (400, code.to_owned());
        assert_eq!(server.status("POST /box?delete", &[(name, value)], delete), refused, "{name}");
        assert_eq!(server.status("PUT /box/kept?tagging", &[(name, value)], tagging), refused, "{name}");
    }
    let (status, answer) = server.ask("GET /box/kept", &[], b"");
    assert_eq!((status, body(&answer)), (200, "hello"));
    assert!(!answer.contains("x-amz-tagging-count"), "{answer}");
    // CRC32 of what is sent.
    assert_eq!(server.status("POST /box?delete", &[("x-amz-checksum-crc32", "ruP9OQ==")], delete).0, 200);
    assert_eq!(server.status("GET /box/kept", &[], b"").0, 404);
}

#[test]
fn checksums_of_a_completion_are_those_of_the_upload() {
    let server = Server::start(&[]);
    let algorithm = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")];
    let (_, answer) = server.ask("POST /box/whole?uploads", &algorithm, b"");
    let between = |text: &str, begin: &str, end: &str| -> String {
        text.split(begin).nth(1).and_then(|rest| rest.split(end).next()).unwrap_or_default().to_owned()
    };
    let id = between(&answer, "<UploadId>", "<");
    let (_, answer) = server.ask(&format!("PUT /box/whole?partNumber=1&uploadId={id}"), &[], b"hello");
    let e_tag = between(&answer.to_ascii_lowercase(), "etag: \"", "\"");
    let complete = |part: &str, whole: &[(&str, &str)]| {
        let request = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{e_tag}</ETag>{part}</Part></CompleteMultipartUpload>"
        );
        server.status(&format!("POST /box/whole?uploadId={id}"), whole, request.as_bytes())
    };
    let zeros = format!("{}=", "A".repeat(43));
    for (part, whole, code) in [
        (format!("<ChecksumSHA256>{zeros}</ChecksumSHA256>"), vec![], "InvalidPart"),
        ("<ChecksumCRC32>AAAAAA==</ChecksumCRC32>".to_owned(), vec![], "InvalidPart"),
        (String::new(), vec![("x-amz-checksum-sha256", zeros.as_str())], "InvalidRequest"),
        (String::new(), vec![("x-amz-checksum-crc32", "AAAAAA==")], "BadDigest"),
    ] {
        assert_eq!(complete(&part, &whole), (400, code.to_owned()), "{part} {whole:?}");
    }
    let part = "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>";
    assert_eq!(complete(part, &[("x-amz-checksum-crc32", "NhCmhg==")]).0, 200);
    assert_eq!(body(&server.ask("GET /box/whole", &[], b"").1), "hello");
}

#[test]
fn pages_of_other_sites_are_not_answered() {
    let server = Server::start(&["--s3-domain", "s3.example"]);
    for headers in [
        [("Host", "evil.example"), ("X-A", "b")],
        [("Host", "localhost"), ("Origin", "http://evil.example")],
        [("Host", "localhost"), ("Sec-Fetch-Site", "cross-site")],
    ] {
        let found = server.status("PUT /box/a.json", &headers, b"{}");
        assert_eq!(found, (403, "AccessDenied".to_owned()), "{headers:?}");
    }
    assert!(!server.store("box").exists());
    for host in ["127.0.0.1", "box.s3.example", "box.localhost:9000"] {
        let path = if host.starts_with("box.") { "/a.json" } else { "/box/a.json" };
        assert_eq!(server.status(&format!("PUT {path}"), &[("Host", host)], b"{}").0, 200, "{host}");
    }
    assert_eq!(files(&server.store("box")), ["a.json"]);
}

#[test]
fn a_statement_is_answered_with_events() {
    let server = Server::start(&[]);
    server.ask("PUT /box/r.json", &[], br#"[{"Vulnerabilities": [{"Severity": "HIGH"}]}]"#);
    let select = |expression: &str, key: &str| {
        let request = format!(
            "<SelectObjectContentRequest><Expression>{expression}</Expression><ExpressionType>SQL</ExpressionType>\
             <InputSerialization><JSON><Type>Document</Type></JSON><CompressionType>None</CompressionType></InputSerialization>\
             <OutputSerialization><JSON><RecordDelimiter>-</RecordDelimiter></JSON></OutputSerialization>\
             </SelectObjectContentRequest>"
        );
        server.ask(&format!("POST /box/{key}?select&select-type=2"), &[], request.as_bytes())
    };
    let (status, answer) = select("select * from s3object", "r.json");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#"{"_1":[{"Vulnerabilities":[{"Severity":"HIGH"}]}]}-"#), "{answer}");
    for event in ["Records", "Stats", "End"] {
        assert!(answer.contains(event), "{event} in {answer}");
    }
    let (status, answer) = select("select nonsense(", "r.json");
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("<Code>Parse") || answer.contains("<Code>UnsupportedFunction"), "{answer}");
    assert_eq!(select("select * from s3object", "none").0, 404);
    server.ask("PUT /box/broken.json", &[], b"[{");
    let (status, answer) = select("select * from s3object", "broken.json");
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("<Code>JSONParsingError"), "{answer}");
}

fn ended(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn what_cannot_be_served_is_refused_at_once() {
    let scratch = Scratch::new();
    let store = scratch.0.join("store");
    let file = scratch.0.join("keys");
    std::fs::write(&file, "a b\n").unwrap();
    let serve = |arguments: &[&str]| ended(program().arg("serve").arg("--store").arg(&store).args(arguments));
    for (arguments, expected) in [
        (&[][..], "expected `--s3 ADDRESS`"),
        (&["--s3", "0.0.0.0:0"], "PLIMSOLL_S3_ACCESS_KEY"),
        (&["--s3", "nonsense"], "an address and a port"),
        (&["--s3", "127.0.0.1:0", "--listen", "127.0.0.1:0"], "cannot serve the API"),
        (&["--s3", "127.0.0.1:0", "--s3-domain", "a:9"], "without a port"),
        (&["--s3", "127.0.0.1:0", "--s3-credentials", "/none"], "cannot read credentials"),
        (&["--s3", "127.0.0.1:0", "--max-selects", "0"], "--max-selects"),
    ] {
        let (status, text) = serve(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
    let keys = file.to_str().unwrap();
    std::process::Command::new("chmod").args(["644", keys]).status().unwrap();
    let (status, text) = serve(&["--s3", "127.0.0.1:0", "--s3-credentials", keys]);
    assert_eq!(status, Some(2));
    assert!(text.contains("found mode 644") && text.contains("chmod 600"), "{text}");
    let half = ended(
        program()
            .args(["serve", "--s3", "127.0.0.1:0"])
            .env("PLIMSOLL_S3_ACCESS_KEY", "a")
            .arg("--store")
            .arg(&store),
    );
    assert_eq!(half.0, Some(2), "{}", half.1);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (status, text) = serve(&["--s3", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(status, Some(3), "{text}");
    let (status, text) =
        ended(program().args(["serve", "--s3", "127.0.0.1:0", "--store"]).arg(file.join("below")));
    assert_eq!(status, Some(3), "{text}");
}

#[test]
fn with_keys_nobody_asks_without() {
    let scratch = Scratch::new();
    let mut child = program()
        .args(["serve", "--s3", "127.0.0.1:0", "--quiet", "--store"])
        .arg(scratch.0.join("store"))
        .env("PLIMSOLL_S3_ACCESS_KEY", "ci")
        .env("PLIMSOLL_S3_SECRET_KEY", "secret")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let server = Server { child, address, folder: scratch };
    assert_eq!(server.status("PUT /box/a.json", &[], b"{}"), (403, "AccessDenied".to_owned()));
    assert_eq!(server.status("GET /", &[], b""), (403, "AccessDenied".to_owned()));
    for (authorization, code) in [
        ("AWS ci:abc", "InvalidRequest"),
        ("Basic Y2k6c2VjcmV0", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 Credential=ci", "AuthorizationHeaderMalformed"),
    ] {
        let found = server.status("GET /box/a.json", &[("Authorization", authorization)], b"");
        assert_eq!(found, (400, code.to_owned()), "{authorization}");
    }
}

#[test]
fn it_stops_when_told_to() {
    let mut server = Server::start(&[]);
    assert_eq!(server.status("PUT /box/a.json", &[], b"{}").0, 200);
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
