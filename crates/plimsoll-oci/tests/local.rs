//! Archives, layouts and engines on this machine: all ways give the same image.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and read what they made"
)]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use plimsoll_oci::{Error, Options, ResolvedImage, Source, Target, open, parse_platform};
use plimsoll_testkit::Folder;
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, LayerBuilder, Packing, gzip, sha256};

fn image() -> BuiltImage {
    ImageBuilder::new()
        .layer(LayerBuilder::new().file("etc/os-release", "ID=test\n").packed(Packing::Gzip))
        // A layer whose archive begins like JSON.
        .layer(LayerBuilder::new().file("{odd}", "content").packed(Packing::Plain))
        .build()
}

/// What was read: the image, and the stored bytes of its layers in their order.
struct Read_ {
    image: ResolvedImage,
    layers: Vec<Vec<u8>>,
    streamed: bool,
}

fn read(target: &str, options: &Options) -> Result<Read_, String> {
    let target: Target = target.parse().map_err(|error: Error| error.to_string())?;
    match open(&target, options).map_err(|error| error.to_string())? {
        Source::Layers(source) => {
            let image = source.image().clone();
            let mut layers = Vec::new();
            for index in 0..image.layers.len() {
                let mut bytes = Vec::new();
                source
                    .open_layer(index)
                    .and_then(|mut reader| reader.read_to_end(&mut bytes))
                    .map_err(|error| error.to_string())?;
                layers.push(bytes);
            }
            Ok(Read_ { image, layers, streamed: false })
        }
        Source::Stream(stream) => {
            let mut members: BTreeMap<String, Vec<u8>> = BTreeMap::new();
            let image = stream
                .read(&mut |_, reader| {
                    let mut bytes = Vec::new();
                    reader.read_to_end(&mut bytes)?;
                    members.insert(sha256(&bytes), bytes);
                    Ok(())
                })
                .map_err(|error| error.to_string())?;
            let layers = image
                .layers
                .iter()
                .map(|layer| {
                    let digest = layer.digest.as_ref().map(ToString::to_string);
                    let of_digest = digest.and_then(|digest| members.get(&digest));
                    of_digest
                        .or_else(|| members.get(layer.diff_id.as_str()))
                        .expect("every layer came")
                        .clone()
                })
                .collect();
            Ok(Read_ { image, layers, streamed: true })
        }
    }
}

/// Compares with the image that was built.
fn check(built: &BuiltImage, target: &str, options: &Options, uncompressed: bool) -> Read_ {
    let read = read(target, options).unwrap_or_else(|error| panic!("{target}: {error}"));
    let artifact = &read.image.artifact;
    assert_eq!(artifact.config_digest, sha256(&built.config), "{target}");
    assert_eq!(artifact.config.as_bytes(), built.config, "{target}");
    let diff_ids: Vec<_> = artifact.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    let expected: Vec<_> = built.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    assert_eq!(diff_ids, expected, "{target}");
    for (layer, bytes) in built.layers.iter().zip(&read.layers) {
        assert!(*bytes == if uncompressed { &layer.tar[..] } else { &layer.blob[..] }, "{target}");
    }
    read
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn all_ways_give_the_same_image() {
    let folder = Folder::new();
    let built = image();
    let options = Options::default();
    let docker = built.docker_archive("team/app:1");
    let oci = built.oci_archive("team/app:1");
    built.write_oci_layout(&folder.join("layout"), "team/app:1").unwrap();
    for (name, bytes, prefix, uncompressed) in [
        ("d.tar", docker.clone(), "docker-archive", true),
        ("d.tar.gz", gzip(&docker), "docker-archive", true),
        ("o.tar", oci.clone(), "oci-archive", false),
        ("o.tar.gz", gzip(&oci), "oci-archive", false),
        // Under the other's name.
        ("x.tar", docker.clone(), "oci-archive", true),
        ("y.tar", oci.clone(), "docker-archive", false),
        ("z.tar.gz", gzip(&oci), "docker-archive", false),
    ] {
        let path = text(&folder.write(name, &bytes));
        let target = format!("{prefix}:{path}");
        let read = check(&built, &target, &options, uncompressed);
        assert_eq!(read.streamed, name.ends_with("gz"), "{target}");
        assert_eq!(read.image.artifact.repo_tags, ["team/app:1"], "{target}");
        assert_eq!(read.image.artifact.name, target);
        // A bare path is recognised.
        check(&built, &path, &options, uncompressed);
        check(&built, &format!("{target}:team/app:1"), &options, uncompressed);
        let error = read_error(&format!("{target}:other"), &options);
        assert!(error.contains("expected `other`, found `team/app:1`"), "{error}");
    }
    let layout = text(&folder.join("layout"));
    for target in [layout.clone(), format!("oci-dir:{layout}"), format!("oci-dir:{layout}:1")] {
        let read = check(&built, &target, &options, false);
        assert_eq!(read.image.artifact.manifest_digest, built.digest());
    }
}

fn read_error(target: &str, options: &Options) -> String {
    read(target, options).err().expect("an error is expected")
}

#[test]
fn another_platform_than_the_asked_one_is_an_error() {
    let folder = Folder::new();
    let built = image();
    let options = Options { platform: Some(parse_platform("linux/arm64").unwrap()), ..Options::default() };
    for (name, bytes) in [
        ("d.tar", built.docker_archive("app:1")),
        ("o.tar", built.oci_archive("1")),
        ("g.tar", gzip(&built.oci_archive("1"))),
    ] {
        let path = text(&folder.write(name, &bytes));
        let error = read_error(&path, &options);
        assert!(error.ends_with("expected platform `linux/arm64`, found `linux/amd64`"), "{error}");
    }
}

#[test]
fn damaged_blobs_are_errors() {
    let folder = Folder::new();
    let built = image();
    let options = Options::default();
    let path = folder.join("layout");
    let target = format!("oci-dir:{}", path.display());
    let blob = |digest: &str| path.join("blobs/sha256").join(&digest[7..]);
    for (digest, what) in [
        (built.layers[0].digest.clone(), "layer"),
        (sha256(&built.config), "config"),
        (built.digest(), "manifest"),
    ] {
        built.write_oci_layout(&path, "1").unwrap();
        let mut bytes = std::fs::read(blob(&digest)).unwrap();
        bytes[5] ^= 1;
        std::fs::write(blob(&digest), &bytes).unwrap();
        let error = read_error(&target, &options);
        assert!(
            error.starts_with(&format!("cannot use {what} `{digest}`: expected bytes with that digest")),
            "{error}"
        );
        bytes.pop();
        std::fs::write(blob(&digest), &bytes).unwrap();
        let error = read_error(&target, &options);
        assert!(error.contains(&format!("bytes, found {} bytes", bytes.len())), "{error}");
        std::fs::remove_file(blob(&digest)).unwrap();
        assert!(read_error(&target, &options).starts_with("cannot read `"));
        std::os::unix::fs::symlink("/etc/passwd", blob(&digest)).unwrap();
        let error = read_error(&target, &options);
        assert!(error.contains("found a link that leads out of it"), "{error}");
        std::fs::remove_file(blob(&digest)).unwrap();
    }
}

/// Members of an archive, in their order; a link has its target behind `->`.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        if let Some((name, target)) = name.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, name, target).unwrap();
        } else {
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

#[test]
fn old_archives_link_layers_and_new_ones_name_them_by_digest() {
    let folder = Folder::new();
    let options = Options::default();
    let layer = LayerBuilder::new().file("a", "a");
    let built = ImageBuilder::new().layer(layer.clone()).layer(layer).build();
    let config = format!("{}.json", &sha256(&built.config)[7..]);
    let bytes = &built.layers[0].tar;
    let manifest = |config: &str, layers: &str| {
        format!(r#"[{{"Config":"{config}","RepoTags":null,"Layers":[{layers}]}}]"#)
    };
    let linked = manifest(&config, r#""one/layer.tar","two/layer.tar""#);
    let archive = tar(&[
        ("one/layer.tar", bytes),
        ("one/VERSION", b"1.0"),
        ("two/layer.tar -> ../one/layer.tar", b""),
        (&config, &built.config),
        ("manifest.json", linked.as_bytes()),
    ]);
    let blob = format!("blobs/sha256/{}", &sha256(bytes)[7..]);
    let config_blob = format!("blobs/sha256/{}", &sha256(&built.config)[7..]);
    let named = manifest(&config_blob, &format!(r#""{blob}","{blob}""#));
    let new = tar(&[(&config_blob, &built.config), (&blob, bytes), ("manifest.json", named.as_bytes())]);
    for (name, bytes) in [
        ("old.tar", archive.clone()),
        ("old.tgz", gzip(&archive)),
        ("new.tar", new.clone()),
        ("new.tgz", gzip(&new)),
    ] {
        let path = folder.write(name, &bytes);
        check(&built, &format!("docker-archive:{}", path.display()), &options, true);
    }
}

#[test]
fn hostile_archives_are_errors() {
    let folder = Folder::new();
    let options = Options::default();
    let built = image();
    let config = format!("{}.json", &sha256(&built.config)[7..]);
    let with = |manifest: &str, more: &[(&str, &[u8])]| {
        let mut members =
            vec![("manifest.json", manifest.as_bytes()), (config.as_str(), built.config.as_slice())];
        members.extend_from_slice(more);
        tar(&members)
    };
    let whole = built.docker_archive("app:1");
    let outside = format!(r#"[{{"Config":"{config}","Layers":["../../etc/passwd","x"]}}]"#);
    let looped = format!(r#"[{{"Config":"{config}","Layers":["a","b"]}}]"#);
    let short = format!(r#"[{{"Config":"{config}","Layers":[]}}]"#);
    let wrong = format!(r#"[{{"Config":"{}.json","Layers":[]}}]"#, "0".repeat(64));
    for (name, bytes, expected) in [
        ("empty", Vec::new(), "expected a file `manifest.json` or `index.json` in it, found none"),
        ("noise", vec![7; 2048], "cannot read archive"),
        ("cut", whole[..whole.len() / 2].to_vec(), "cannot read archive"),
        ("other", tar(&[("etc/passwd", b"x")]), "expected a file `manifest.json` or `index.json` in it"),
        ("legacy", tar(&[("repositories", b"{}")]), "the form of Docker before 1.10"),
        ("outside", with(&outside, &[]), "expected a file `../../etc/passwd` in it"),
        (
            "looped",
            with(&looped, &[("a -> b", b""), ("b -> a", b"")]),
            "expected a file `a` in it, found none",
        ),
        ("short", with(&short, &[]), "expected a diff ID for each of the 0 layers, found 2"),
        (
            "wrong",
            with(&wrong, &[(&format!("{}.json", "0".repeat(64)), b"{}")]),
            "cannot use config `sha256:0000",
        ),
        ("list", with("{}", &[]), "expected a list of images"),
    ] {
        for compressed in [false, true] {
            let bytes = if compressed { gzip(&bytes) } else { bytes.clone() };
            let path = folder.write(name, &bytes);
            let error = read_error(&format!("docker-archive:{}", path.display()), &options);
            let same = compressed && matches!(name, "empty" | "other" | "legacy" | "outside" | "looped");
            assert!(error.contains(expected) || same, "{name} {compressed}: {error}");
        }
    }
    let error = read_error(
        &format!("docker-archive:{}", folder.write("x.tar.xz", b"\xfd7zXZ\0\0").display()),
        &options,
    );
    assert!(error.ends_with("found xz"), "{error}");
    assert!(
        read_error("docker-archive:/nowhere/a.tar", &options).starts_with("cannot read `/nowhere/a.tar`")
    );
    let error = read_error(&format!("docker-archive:{}", folder.path().display()), &options);
    assert!(error.contains("a folder"), "{error}");
}

#[test]
fn several_images_are_not_guessed_between() {
    let folder = Folder::new();
    let options = Options::default();
    let built = image();
    let config = format!("{}.json", &sha256(&built.config)[7..]);
    let entry = |config: &str, tag: &str| {
        format!(r#"{{"Config":"{config}","RepoTags":["{tag}"],"Layers":["l0","l1"]}}"#)
    };
    let two = format!("[{},{}]", entry(&config, "app:1"), entry("other.json", "tool:2"));
    let archive = tar(&[
        ("l0", &built.layers[0].tar),
        ("l1", &built.layers[1].tar),
        (&config, &built.config),
        ("other.json", &built.config),
        ("manifest.json", two.as_bytes()),
    ]);
    let path = text(&folder.write("two.tar", &archive));
    let error = read_error(&path, &options);
    assert!(error.ends_with("expected only one, found `app:1`, `tool:2`"), "{error}");
    check(&built, &format!("docker-archive:{path}:tool:2"), &options, true);
}

/// An engine that answers each connection with the next of these.
fn engine(
    folder: &Folder,
    answers: Vec<(&'static str, Vec<u8>)>,
) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let path = folder.join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (head, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                request.push(byte[0]);
            }
            requests.push(String::from_utf8(request).unwrap().lines().next().unwrap_or_default().to_owned());
            let result: io::Result<()> = (|| {
                stream.write_all(head.as_bytes())?;
                for chunk in body.chunks(1000) {
                    write!(stream, "{:x}\r\n", chunk.len())?;
                    stream.write_all(chunk)?;
                    stream.write_all(b"\r\n")?;
                }
                stream.write_all(b"0\r\n\r\n")
            })();
            let _ = result;
        }
        requests
    });
    (format!("unix://{}", path.display()), thread)
}

const OK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n";

fn inspected(built: &BuiltImage) -> Vec<u8> {
    let diff_ids: Vec<_> = built.layers.iter().map(|layer| format!("\"{}\"", layer.diff_id)).collect();
    format!(
        r#"{{"Id":"{}","RepoTags":["app:1"],"Os":"linux","Architecture":"amd64","RootFS":{{"Layers":[{}]}}}}"#,
        sha256(&built.config),
        diff_ids.join(",")
    )
    .into_bytes()
}

#[test]
fn an_engine_tells_the_image_before_it_sends_it() {
    let built = image();
    for prefix in ["docker", "podman"] {
        let folder = Folder::new();
        let (host, thread) =
            engine(&folder, vec![(OK, inspected(&built)), (OK, built.docker_archive("app:1"))]);
        let options =
            Options { docker_host: Some(host.clone()), podman_host: Some(host), ..Options::default() };
        let target: Target = format!("{prefix}:app:1").parse().unwrap();
        let Source::Stream(stream) = open(&target, &options).unwrap() else {
            panic!("an engine gives a stream")
        };
        let expected = stream.expected().unwrap().clone();
        assert_eq!(expected.artifact.config_digest, sha256(&built.config));
        let mut members = Vec::new();
        let image = stream
            .read(&mut |_, reader| {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes)?;
                members.push(sha256(&bytes));
                Ok(())
            })
            .unwrap();
        let diff_ids: Vec<_> = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        assert_eq!(
            diff_ids,
            expected.layers.iter().map(|layer| layer.diff_id.to_string()).collect::<Vec<_>>()
        );
        members.sort();
        let mut sorted = diff_ids.clone();
        sorted.sort();
        assert_eq!(members, sorted);
        assert_eq!(image.artifact.config_digest, expected.artifact.config_digest);
        let requests = thread.join().unwrap();
        let wanted = match prefix {
            "docker" => ["GET /images/app:1/json HTTP/1.1", "GET /images/app:1/get HTTP/1.1"],
            _ => [
                "GET /v4.0.0/libpod/images/app:1/json HTTP/1.1",
                "GET /v4.0.0/libpod/images/app:1/get?format=docker-archive HTTP/1.1",
            ],
        };
        assert_eq!(requests, wanted);
    }
}

#[test]
fn an_engine_without_the_image_says_so() {
    let folder = Folder::new();
    let (host, thread) = engine(&folder, vec![(MISSING, br#"{"message":"No such image: app:1"}"#.to_vec())]);
    let options = Options { docker_host: Some(host), ..Options::default() };
    assert_eq!(
        read_error("docker:app:1", &options),
        "cannot find image `app:1`: Docker has no such image: No such image: app:1"
    );
    thread.join().unwrap();
}

#[test]
fn an_export_that_is_cut_is_an_error() {
    let folder = Folder::new();
    let built = image();
    let mut archive = built.docker_archive("app:1");
    archive.truncate(archive.len() / 2);
    let (host, thread) = engine(&folder, vec![(OK, inspected(&built)), (OK, archive)]);
    let options = Options { docker_host: Some(host), ..Options::default() };
    assert!(read_error("docker:app:1", &options).contains("cannot read archive"));
    thread.join().unwrap();
}

#[test]
fn an_error_of_the_sink_ends_the_stream() {
    let folder = Folder::new();
    let path = folder.write("d.tgz", gzip(&image().docker_archive("app:1")));
    let Source::Stream(stream) = open(&text(&path).parse().unwrap(), &Options::default()).unwrap() else {
        panic!("a compressed archive gives a stream")
    };
    let error = stream.read(&mut |name, _| Err(io::Error::other(format!("no room for {name}")))).unwrap_err();
    assert!(error.to_string().starts_with("no room for"), "{error}");
}
