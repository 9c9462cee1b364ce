//! One image, wherever it is had from, gives one report.

use plimsoll_real::{Access, Plimsoll, Podman, Registry, Scratch, comparable, database, image};

#[test]
fn registry_archives_layouts_and_engine_give_equal_reports() {
    let (image, database) = (image(), &database().path);
    let registry = Registry::with_image(Access::Anyone);
    let podman = Podman::start();
    let by_registry = comparable(Plimsoll::scan(&registry.reference(), database).without_cache().json());
    let layers = by_registry["Metadata"]["DiffIDs"].as_array().unwrap().len();
    assert!(layers >= 9, "expected a base and the layers of the Dockerfile, found {layers}");
    assert!(by_registry["Results"].as_array().unwrap().len() >= 6);

    let files = [
        ("docker-archive", image.docker_archive()),
        ("oci-archive", image.oci_archive()),
        ("oci-dir", image.oci_dir()),
        // Layers in zstd: other bytes, the same diff IDs.
        ("oci-dir", image.zstd_dir()),
    ];
    for (prefix, path) in files {
        let target = format!("{prefix}:{}", path.display());
        let report = comparable(Plimsoll::scan(&target, database).without_cache().json());
        assert_equal(&target, &report, &by_registry);
        // Without a prefix the content tells.
        let bare = comparable(Plimsoll::scan(path.to_str().unwrap(), database).without_cache().json());
        assert_equal(path.to_str().unwrap(), &bare, &by_registry);
    }
    for (prefix, variable) in [("podman", "CONTAINER_HOST"), ("docker", "DOCKER_HOST")] {
        let target = format!("{prefix}:{}", image.local_name());
        let scan = Plimsoll::scan(&target, database).without_cache().variable(variable, podman.host());
        assert_equal(&target, &comparable(scan.json()), &by_registry);
    }
}

#[test]
fn a_digest_names_the_same_image_as_its_tag() {
    let registry = Registry::with_image(Access::Anyone);
    let by_tag = Plimsoll::scan(&registry.reference(), &database().path).without_cache().json();
    let by_digest = by_tag["Metadata"]["RepoDigests"][0].as_str().unwrap();
    let report = Plimsoll::scan(by_digest, &database().path).without_cache().json();
    assert_equal(by_digest, &comparable(report), &comparable(by_tag.clone()));
}

#[test]
fn a_second_run_gives_the_same_bytes() {
    let registry = Registry::with_image(Access::Anyone);
    let target = registry.reference();
    let cache = Scratch::new();
    let cold = Plimsoll::scan(&target, &database().path).cache(&cache.path("cache")).bytes();
    let warm = Plimsoll::scan(&target, &database().path).cache(&cache.path("cache")).bytes();
    let without = Plimsoll::scan(&target, &database().path).without_cache().bytes();
    assert!(!cold.is_empty());
    assert!(cold == warm, "the cache changes the report");
    assert!(cold == without, "two runs differ");
}

#[test]
fn two_scans_at_once_share_a_cache() {
    let image = image();
    let cache = Scratch::new();
    let target = format!("oci-dir:{}", image.oci_dir().display());
    let scan = || Plimsoll::scan(&target, &database().path).cache(&cache.path("cache")).bytes();
    let (one, other) = std::thread::scope(|threads| {
        let (one, other) = (threads.spawn(scan), threads.spawn(scan));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert!(one == other, "two scans at once differ");
}

#[test]
fn an_image_that_is_not_there_could_not_be_scanned() {
    let registry = Registry::with_image(Access::Anyone);
    let missing = [
        format!("{}/team/app:nowhere", registry.address()),
        format!("{}/team/nobody:1", registry.address()),
        format!("{}/team/app@sha256:{}", registry.address(), "0".repeat(64)),
    ];
    for target in missing {
        let run = Plimsoll::scan(&target, &database().path).without_cache().run();
        assert_eq!(run.status, Some(3), "{}: {}", run.call, run.stderr);
        assert!(run.stdout.is_empty(), "{}: a report of nothing", run.call);
        assert!(run.stderr.contains(&target), "{}: the error does not name it: {}", run.call, run.stderr);
    }
    let podman = Podman::start();
    let scan = Plimsoll::scan("podman:localhost/nobody:1", &database().path).without_cache();
    let run = scan.variable("CONTAINER_HOST", podman.host()).run();
    assert_eq!(run.status, Some(3), "{}: {}", run.call, run.stderr);
    assert!(run.stderr.contains("localhost/nobody:1"), "{}", run.stderr);
}

/// Compares part by part, so that a difference is shown without the hundreds of kilobytes around it.
fn assert_equal(target: &str, found: &serde_json::Value, expected: &serde_json::Value) {
    let mut differences = Vec::new();
    compare("", found, expected, &mut differences);
    assert!(differences.is_empty(), "`{target}` differs from the registry:\n{}", differences.join("\n"));
}

/// The most differences that are shown.
const MAX_SHOWN: usize = 20;

fn compare(place: &str, found: &serde_json::Value, expected: &serde_json::Value, out: &mut Vec<String>) {
    use serde_json::Value;
    if found == expected || out.len() >= MAX_SHOWN {
        return;
    }
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                compare(&format!("{place}.{key}"), &found[key], &expected[key], out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (found, expected)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}[{index}]"), found, expected, out);
            }
        }
        _ => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            out.push(format!("{place}: found {}, expected {}", short(found), short(expected)));
        }
    }
}
