use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;

use super::*;

fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A folder of its own for one test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plimsoll-store-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn open(folder: &FilePath) -> Store {
    Store::open_with(&Location::Folder(folder.to_owned()), &Options::default()).unwrap()
}

#[test]
fn a_folder_and_a_bucket_do_the_same() {
    let folder = folder("same");
    let prefixed = Location::parse("memory:///team/x").unwrap();
    for store in [open(&folder), Store::open_with(&prefixed, &Options::default()).unwrap()] {
        blocking(async {
            store.put("a/b~{}.json", "one", Put::IfAbsent).await.unwrap();
            let error = store.put("a/b~{}.json", "two", Put::IfAbsent).await.unwrap_err();
            assert!(error.is_conflict(), "{error}");
            assert!(error.to_string().contains("expected no object of this key, found one"), "{error}");
            assert_eq!(&store.get("a/b~{}.json", 3).await.unwrap()[..], b"one");
            let error = store.get("a/b~{}.json", 2).await.unwrap_err().to_string();
            assert!(error.contains("expected at most 2 bytes, found 3"), "{error}");
            assert_eq!(&store.get_range("a/b~{}.json", 1..3).await.unwrap()[..], b"ne");
            let rest: Vec<Bytes> =
                store.get_stream("a/b~{}.json", 1).await.unwrap().try_collect().await.unwrap();
            assert_eq!(rest.concat(), b"ne");

            let tag = store.head("a/b~{}.json").await.unwrap().e_tag.unwrap();
            store.put("a/b~{}.json", "three", Put::IfMatch(tag.clone())).await.unwrap();
            let error = store.put("a/b~{}.json", "four", Put::IfMatch(tag)).await.unwrap_err();
            assert!(error.is_conflict(), "{error}");
            assert_eq!(&store.get("a/b~{}.json", 9).await.unwrap()[..], b"three");

            store.put("a/c/d", "", Put::Overwrite).await.unwrap();
            let keys = |metas: Vec<Meta>| metas.into_iter().map(|meta| meta.key).collect::<Vec<_>>();
            assert_eq!(keys(store.list("").await.unwrap()), ["a/b~{}.json", "a/c/d"]);
            assert_eq!(keys(store.list("a/c/").await.unwrap()), ["a/c/d"]);
            assert!(store.list("nowhere").await.unwrap().is_empty());
            assert!(store.get("a/x", 9).await.unwrap_err().is_not_found());
            assert!(!store.has("a/x").await.unwrap() && store.has("a/c/d").await.unwrap());
            store.delete_all(["a/c/d".to_owned(), "a/x".to_owned()]).await.unwrap();
            assert_eq!(keys(store.list("").await.unwrap()), ["a/b~{}.json"]);
        });
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn of_two_writers_one_wins_and_nothing_is_lost() {
    let folder = folder("writers");
    let store = open(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let won = runtime.block_on(async {
        let mut writers = Vec::new();
        for number in 0..16_u8 {
            let store = store.clone();
            writers.push(tokio::spawn(async move {
                let bytes = vec![number; 10_000];
                store.put("k", bytes, Put::IfAbsent).await.is_ok().then_some(number)
            }));
        }
        let mut won = Vec::new();
        for writer in writers {
            won.extend(writer.await.unwrap());
        }
        won
    });
    assert_eq!(won.len(), 1);
    let there = runtime.block_on(store.get("k", 10_000)).unwrap();
    assert!(there.len() == 10_000 && there.iter().all(|&byte| byte == won[0]));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_large_comes_in_parts_and_half_of_it_is_nothing() {
    let folder = folder("parts");
    let store = open(&folder);
    blocking(async {
        let part = Bytes::from(vec![7; 5 << 20]);
        let parts = futures::stream::iter((0..5).map(|_| Ok(part.clone()))).boxed();
        store.put_stream("big", parts).await.unwrap();
        assert_eq!(store.head("big").await.unwrap().size_bytes, 25 << 20);
        let broken = futures::stream::iter([Ok(part.clone()), Err(std::io::Error::other("cut off"))]).boxed();
        let error = store.put_stream("broken", broken).await.unwrap_err();
        assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("cut off")));
        assert!(!store.has("broken").await.unwrap());
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn no_key_leads_out_of_the_folder() {
    let folder = folder("escape");
    let (inside, outside) = (folder.join("store"), folder.join("outside"));
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::create_dir_all(inside.join("real")).unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
    std::os::unix::fs::symlink(inside.join("real"), inside.join("near")).unwrap();
    std::os::unix::fs::symlink(outside.join("none"), inside.join("broken")).unwrap();
    let store = open(&inside);
    blocking(async {
        for key in ["../outside/a", "/etc/passwd", "a/../../b", "a\0b", "link/a", "broken", "a//b", ""] {
            let written = store.put(key, "x", Put::Overwrite).await;
            assert!(matches!(written, Err(Error::Key { .. })), "{key}: {written:?}");
            assert!(matches!(store.get(key, 9).await, Err(Error::Key { .. })), "{key}");
        }
        store.put("near/a", "x", Put::Overwrite).await.unwrap();
    });
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn settings_that_make_no_sense_are_told_at_once() {
    let open = |variables: &[(&str, &str)]| {
        let pairs = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Store::open_with(&Location::parse("s3://bucket").unwrap(), &Options::from_variables(pairs))
    };
    for (variables, part) in [
        (&[("AWS_ENDPOINT_URL", "localhost:9000")][..], "cannot use the endpoint `localhost:9000`"),
        (
            &[("AWS_ENDPOINT_URL_S3", "ftp://h/"), ("AWS_ENDPOINT_URL", "http://h")],
            "cannot use the endpoint `ftp://h`",
        ),
        (&[("AWS_ENDPOINT_URL", "http://user:hunter2@h")], "cannot use the endpoint `"),
        (&[("AWS_REGION", "eu central")], "cannot use the region `eu central`"),
        (&[("AWS_CA_BUNDLE", "/plimsoll/none.pem")], "cannot use the certificates `/plimsoll/none.pem`"),
    ] {
        let error = open(variables).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
    }
    let store = open(&[("AWS_ENDPOINT_URL", "http://localhost:9000/"), ("AWS_SECRET_ACCESS_KEY", "hunter2")])
        .unwrap();
    assert_eq!(store.endpoint(), Some("http://localhost:9000"));
    assert!(!format!("{store:?}").contains("hunter2"));
}

/// Status and body.
type Answer = fn(&str, usize) -> (u16, String);

/// A bucket on loopback: `answer` is asked with the line of each request, as `PUT /bucket/key?x=y`, and how often it came before.
fn bucket(answer: Answer) -> (Store, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let remembered = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, remembered) = (stream.unwrap(), Arc::clone(&remembered));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0_u64);
                if reader.read_line(&mut line).is_err() || line.is_empty() {
                    return;
                }
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).unwrap();
                    let Some((name, value)) = header.trim_end().split_once(':') else { break };
                    if name.eq_ignore_ascii_case("content-length") {
                        length = value.trim().parse().unwrap();
                    }
                }
                std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
                let line = line.rsplit_once(" HTTP").unwrap().0.to_owned();
                let before = {
                    let mut asked = remembered.lock().unwrap();
                    asked.push(line.clone());
                    asked.iter().filter(|other| **other == line).count() - 1
                };
                let (status, body) = answer(&line, before);
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nETag: \"e\"\r\nConnection: close\r\n\r\n{body}"
                );
            });
        }
    });
    let variables =
        [("AWS_ENDPOINT_URL", address.as_str()), ("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let pairs = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = Options { retries: 0, ..Options::from_variables(pairs) };
    (Store::open_with(&Location::parse("s3://bucket").unwrap(), &options).unwrap(), asked)
}

#[test]
fn a_write_that_meets_another_is_not_taken_for_done() {
    let (store, asked) = bucket(|line, before| match (line.split(' ').next(), before) {
        (Some("PUT"), 0 | 1) => (409, "<Error><Code>ConditionalRequestConflict</Code></Error>".to_owned()),
        _ => (200, String::new()),
    });
    // Twice somebody else is at it, who removes it; then it is written.
    blocking(store.put("k", "x", Put::IfAbsent)).unwrap();
    assert_eq!(asked.lock().unwrap()[..], ["PUT /bucket/k"; 3]);
    for (is_there, is_conflict) in [(true, true), (false, false)] {
        let (store, _asked) = if is_there {
            bucket(
                |line, _| if line.starts_with("PUT") { (409, String::new()) } else { (200, String::new()) },
            )
        } else {
            bucket(
                |line, _| if line.starts_with("PUT") { (409, String::new()) } else { (404, String::new()) },
            )
        };
        let error = blocking(store.put("k", "x", Put::IfAbsent)).unwrap_err();
        assert_eq!(error.is_conflict(), is_conflict, "{error}");
    }
    let (store, asked) = bucket(|_, _| (412, String::new()));
    assert!(blocking(store.put("k", "x", Put::IfAbsent)).unwrap_err().is_conflict());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn of_an_upload_that_fails_nothing_is_left() {
    const BEGUN: &str =
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    let answers: [Answer; 3] = [
        // A part in the middle, the last one, and the end of it.
        |line, _| match line {
            _ if line.starts_with("POST /bucket/k?uploads") => (200, BEGUN.to_owned()),
            _ if line.contains("partNumber=1&") => (403, String::new()),
            _ => (200, String::new()),
        },
        |line, _| match line {
            _ if line.starts_with("POST /bucket/k?uploads") => (200, BEGUN.to_owned()),
            _ if line.contains("partNumber=3&") => (403, String::new()),
            _ => (200, String::new()),
        },
        |line, _| match line {
            _ if line.starts_with("POST /bucket/k?uploads") => (200, BEGUN.to_owned()),
            _ if line.starts_with("POST") => (403, String::new()),
            _ => (200, String::new()),
        },
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let (store, asked) = bucket(answer);
        let sizes = [1, PART_BYTES, 1, PART_BYTES - 1, 0, 7];
        let parts = futures::stream::iter(sizes.map(|size| Ok(Bytes::from(vec![7; size])))).boxed();
        blocking(store.put_stream("k", parts)).unwrap_err();
        let asked = asked.lock().unwrap();
        let last = asked.last().unwrap();
        assert!(last.starts_with("DELETE /bucket/k?") && last.contains("uploadId=u"), "{number}: {asked:?}");
    }
    let (store, asked) = bucket(|line, _| match line {
        _ if line.starts_with("POST /bucket/k?uploads") => (200, BEGUN.to_owned()),
        _ if line.starts_with("POST") => {
            let whole = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>";
            (200, whole.to_owned())
        }
        _ => (200, String::new()),
    });
    let sizes = [1, PART_BYTES, 1, PART_BYTES - 1, 0, 7];
    let parts = futures::stream::iter(sizes.map(|size| Ok(Bytes::from(vec![7; size])))).boxed();
    blocking(store.put_stream("k", parts)).unwrap();
    let puts = asked.lock().unwrap().iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(puts, 3);
}
