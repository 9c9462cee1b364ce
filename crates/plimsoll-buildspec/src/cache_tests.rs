use super::*;
use crate::log::FixedClock;

fn bounds() -> Bounds {
    Bounds { files: 1000, bytes: 1 << 20, skipped: Vec::new(), keeps_links: false }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn with_log(run: impl FnOnce(&mut Log<'_>)) -> String {
    let clock = FixedClock("2026-11-22T00:00:00Z".parse().unwrap());
    let mut sink = Vec::new();
    run(&mut Log::new(&mut sink, &clock));
    String::from_utf8(sink).unwrap()
}

#[test]
fn the_hash_of_files_is_of_names_and_bytes() {
    let (one, two) = (folder(&[("a", "1"), ("b/c", "2")]), folder(&[("a", "2"), ("b/c", "2")]));
    let hash = |folder: &tempfile::TempDir, key: &str| hash_files(key, folder.path(), &bounds()).unwrap();
    let key = "k-$(codebuild-hash-files 'a' b/**/*)-$X";
    assert_eq!(hash(&one, key), hash(&one, key));
    assert_ne!(hash(&one, key), hash(&two, key));
    assert!(hash(&one, key).starts_with("k-") && hash(&one, key).ends_with("-$X"));
    assert_eq!(hash(&one, key).len(), "k-".len() + 64 + "-$X".len());
    assert_eq!(hash(&one, "plain $(other)"), "plain $(other)");
    assert_eq!(hash(&one, "$(codebuild-hash-files a"), "$(codebuild-hash-files a");
}

#[test]
fn paths_lie_in_the_workspace_or_in_the_home_folder() {
    let caches = Caches { folder: "/c".into(), workspace: "/w/src".into(), home: Some("/home/me".into()) };
    let part = |text: &str| caches.part(text).map(|(part, _, path)| format!("{part} {path}"));
    for (text, expected) in [
        ("node_modules/**/*", Some("workspace node_modules/**/*")),
        ("/w/src/x", Some("workspace x")),
        ("/root/.m2/**/*", Some("home .m2/**/*")),
        ("/home/me/.m2", Some("home .m2")),
        ("~/.m2", Some("home .m2")),
        ("/etc/passwd", None),
        ("../x", None),
        ("/w/src/../x", None),
        ("/home/men/x", None),
    ] {
        assert_eq!(part(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn nothing_is_restored_through_a_link_that_leads_out() {
    let (kept, workspace, outside) = (folder(&[("d/f", "bad")]), folder(&[]), folder(&[]));
    std::os::unix::fs::symlink(outside.path(), workspace.path().join("d")).unwrap();
    let file = Picked { name: "d/f".to_owned(), source: kept.path().join("d/f"), is_link: false };
    assert!(!restore_one(&file, workspace.path()).unwrap());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::remove_file(workspace.path().join("d")).unwrap();
    assert!(restore_one(&file, workspace.path()).unwrap());
    assert!(!restore_one(&file, workspace.path()).unwrap());
    assert_eq!(fs::read_dir(workspace.path().join("d")).unwrap().count(), 1);
}

#[test]
fn a_cache_without_a_key_is_replaced_one_with_a_key_is_not() {
    let (cache, workspace) = (folder(&[]), folder(&[("a", "1")]));
    let caches = Caches { folder: cache.path().into(), workspace: workspace.path().into(), home: None };
    let paths = ["a".to_owned(), "b".to_owned()];
    with_log(|log| caches.save(log, "", &paths, &bounds()).unwrap());
    with_log(|log| caches.save(log, "k1", &paths, &bounds()).unwrap());
    fs::write(workspace.path().join("b"), "2").unwrap();
    with_log(|log| caches.save(log, "", &paths, &bounds()).unwrap());
    let log = with_log(|log| caches.save(log, "k1", &paths, &bounds()).unwrap());
    assert!(log.contains("saved before, not changed"));
    for name in ["a", "b"] {
        fs::remove_file(workspace.path().join(name)).unwrap();
    }
    let log =
        with_log(|log| caches.restore(log, "k2", &["x".to_owned(), "k".to_owned()], &bounds()).unwrap());
    assert!(log.contains("Cache `k1`: restored 1 file(s)"), "{log}");
    with_log(|log| caches.restore(log, "", &[], &bounds()).unwrap());
    assert!(workspace.path().join("b").exists());
}
