//! `plimsoll db update` against nginx that serves a folder in the layout of the OSV bucket.

use std::path::Path;
use std::thread;

use plimsoll_real::{Bucket, Hit, Manner, Nginx, Plimsoll, Run, Scratch};

/// Of the project's own advisories as of the real ones: a record that each bucket has.
const RECORD: &str = "PYSEC-2021-142";

fn update(store: &Path, nginx: &Nginx, ecosystems: &[&str]) -> Run {
    let mut call = Plimsoll::db("update", store).arguments(&["--source", "osv"]);
    for ecosystem in ecosystems {
        call = call.arguments(&["--ecosystem", ecosystem]);
    }
    call.arguments(&["--mirror", &format!("osv={}", nginx.url())]).run()
}

fn good(run: Run) -> Run {
    assert_eq!(run.status, Some(0), "`{}` failed:\n{}", run.call, run.stderr);
    run
}

fn digest(store: &Path) -> String {
    let text = String::from_utf8(Plimsoll::db("info", store).bytes()).expect("UTF-8");
    let line = text.lines().find_map(|line| line.strip_prefix("digest: ")).expect("a digest");
    line.to_owned()
}

fn bodies(log: &[Hit]) -> Vec<String> {
    log.iter().filter(|hit| hit.status < 300 && hit.body_bytes > 0).map(|hit| hit.path.clone()).collect()
}

#[test]
fn what_has_not_changed_is_not_fetched_and_of_one_changed_record_only_that() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let (nginx, store) = (Nginx::serve(&bucket.path(), Manner::Plain), folder.path("store"));
    good(update(&store, &nginx, &["PyPI", "Debian"]));
    let first = nginx.take_log();
    assert!(bodies(&first).iter().any(|path| path == "/PyPI/all.zip"), "{first:#?}");
    let before = digest(&store);

    good(update(&store, &nginx, &["PyPI", "Debian"]));
    let second = nginx.take_log();
    assert!(!second.is_empty(), "the second update asks whether anything has changed");
    assert_eq!(bodies(&second), Vec::<String>::new(), "{second:#?}");
    assert_eq!(digest(&store), before, "nothing has changed, nor has the digest");

    bucket.change("PyPI", RECORD);
    good(update(&store, &nginx, &["PyPI", "Debian"]));
    let third = nginx.take_log();
    let mut fetched = bodies(&third);
    fetched.sort();
    assert_eq!(fetched, [format!("/PyPI/{RECORD}.json"), "/PyPI/modified_id.csv".to_owned()], "{third:#?}");
    assert_ne!(digest(&store), before);
    let found =
        String::from_utf8(Plimsoll::db("search", &store).arguments(&[RECORD]).bytes()).expect("UTF-8");
    assert!(found.contains("Changed a day later."), "{found}");

    bucket.remove("PyPI", RECORD);
    good(update(&store, &nginx, &["PyPI", "Debian"]));
    let run = Plimsoll::db("search", &store).arguments(&[RECORD]).run();
    let found = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(!found.contains("Changed a day later."), "the record is gone: {found}");
}

#[test]
fn a_cut_transfer_leaves_the_old_generation_and_goes_on_where_it_stopped() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let mut nginx = Nginx::serve(&bucket.path(), Manner::Plain);
    let store = folder.path("store");
    good(update(&store, &nginx, &["npm"]));
    let before = digest(&store);

    // Slow enough that the zip of another ecosystem is still on its way when nginx is killed.
    let size = std::fs::metadata(bucket.path().join("Debian/all.zip")).expect("it was made").len();
    nginx.start_again(Manner::Slow(u32::try_from(size / 6).expect("a small bucket").max(512)));
    let mirror = format!("osv={}", nginx.url());
    let run = thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            Plimsoll::db("update", &store)
                .arguments(&[
                    "--source",
                    "osv",
                    "--ecosystem",
                    "Debian",
                    "--retries",
                    "0",
                    "--mirror",
                    &mirror,
                ])
                .run()
        });
        let parts = store.join("downloads");
        wait_for(|| bytes_below(&parts) > size / 6);
        nginx.kill();
        fetching.join().expect("the test does not panic")
    });
    assert_ne!(run.status, Some(0), "the server was killed: {}", run.stderr);
    assert!(run.stderr.contains("Debian"), "the feed is named: {}", run.stderr);
    assert_eq!(digest(&store), before, "the old generation is intact");
    good(Plimsoll::db("verify", &store).run());

    nginx.start_again(Manner::Plain);
    nginx.take_log();
    good(update(&store, &nginx, &["Debian"]));
    let log = nginx.take_log();
    let resumed = log.iter().find(|hit| hit.path == "/Debian/all.zip" && hit.status == 206);
    let resumed = resumed.unwrap_or_else(|| panic!("the transfer goes on by a range: {log:#?}"));
    assert!(resumed.body_bytes < size, "{log:#?}");
    assert_ne!(digest(&store), before);
}

#[test]
fn a_server_that_limits_its_callers_is_waited_for() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let nginx = Nginx::serve(&bucket.path(), Manner::Limited(2));
    let store = folder.path("store");
    good(update(&store, &nginx, &["PyPI", "Debian", "npm", "Alpine"]));
    let log = nginx.take_log();
    assert!(log.iter().any(|hit| hit.status == 429), "the limit was met: {log:#?}");
    let text = String::from_utf8(Plimsoll::db("info", &store).bytes()).expect("UTF-8");
    for ecosystem in ["PyPI", "Debian", "npm", "Alpine"] {
        assert!(text.contains(ecosystem), "{ecosystem}: {text}");
    }
}

#[test]
fn fifty_scans_go_on_while_five_updates_run() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let nginx = Nginx::serve(&bucket.path(), Manner::Plain);
    let store = folder.path("store");
    good(update(&store, &nginx, &["PyPI"]));
    let project = folder.path("project");
    std::fs::create_dir_all(&project).expect("a folder of ours");
    std::fs::write(project.join("requirements.txt"), "pillow==8.2.0\nurllib3==1.26.4\n")
        .expect("a file of ours");
    let target = format!("dir:{}", project.display());
    thread::scope(|scope| {
        let updates: Vec<_> = [&["Debian"][..], &["npm"], &["Alpine"], &["Debian", "npm"], &["PyPI"]]
            .into_iter()
            .map(|ecosystems| scope.spawn(|| update(&store, &nginx, ecosystems)))
            .collect();
        let scanners: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    let run = good(Plimsoll::scan(&target, &store).without_cache().run());
                    assert!(String::from_utf8_lossy(&run.stdout).contains("CVE-"), "{}", run.stderr);
                })
            })
            .collect();
        for update in updates {
            good(update.join().expect("an update ends"));
        }
        for scanner in scanners {
            scanner.join().expect("each scan passes");
        }
    });
    let text = String::from_utf8(Plimsoll::db("info", &store).bytes()).expect("UTF-8");
    for ecosystem in ["PyPI", "Debian", "npm", "Alpine"] {
        assert!(text.contains(ecosystem), "no update lost what another brought: {text}");
    }
    good(Plimsoll::db("verify", &store).run());
}

#[test]
fn updates_killed_at_any_moment_leave_a_whole_database() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let nginx = Nginx::serve(&bucket.path(), Manner::Plain);
    let store = folder.path("store");
    good(update(&store, &nginx, &["PyPI"]));
    let project = folder.path("project");
    std::fs::create_dir_all(&project).expect("a folder of ours");
    std::fs::write(project.join("requirements.txt"), "pillow==8.2.0\n").expect("a file of ours");
    let target = format!("dir:{}", project.display());
    for round in 0..12_u64 {
        let mirror = format!("osv={}", nginx.url());
        let ecosystem = ["Debian", "npm", "Alpine"][usize::try_from(round % 3).expect("small")];
        let call = Plimsoll::db("update", &store).arguments(&[
            "--source",
            "osv",
            "--force",
            "--ecosystem",
            ecosystem,
            "--mirror",
            &mirror,
        ]);
        thread::scope(|scope| {
            let scans: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| good(Plimsoll::scan(&target, &store).without_cache().run())))
                .collect();
            call.run_and_kill_after(std::time::Duration::from_millis(20 + round * 45));
            for scan in scans {
                scan.join().expect("each scan passes");
            }
        });
        good(Plimsoll::db("verify", &store).run());
    }
    good(update(&store, &nginx, &["Debian", "npm", "Alpine"]));
    good(Plimsoll::db("verify", &store).run());
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_one_of_an_own_authority_is_not() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let nginx = Nginx::serve(&bucket.path(), Manner::Encrypted);
    let store = folder.path("store");
    let run = update(&store, &nginx, &["PyPI"]);
    assert_ne!(run.status, Some(0));
    assert!(run.stderr.contains("127.0.0.1") && run.stderr.contains("certificate"), "{}", run.stderr);
    assert!(run.stderr.contains("--ca-cert"), "the hint says what to do: {}", run.stderr);
    let trusted = Plimsoll::db("update", &store)
        .arguments(&["--source", "osv", "--ecosystem", "PyPI", "--mirror", &format!("osv={}", nginx.url())])
        .arguments(&["--ca-cert", &nginx.certificate().display().to_string()]);
    good(trusted.run());
}

#[test]
fn circles_and_login_pages_leave_the_old_generation_and_are_named() {
    let (bucket, folder) = (Bucket::new(), Scratch::new());
    let mut nginx = Nginx::serve(&bucket.path(), Manner::Plain);
    let store = folder.path("store");
    good(update(&store, &nginx, &["PyPI"]));
    let before = digest(&store);
    for (manner, word) in [(Manner::Circling, "redirect"), (Manner::LoginPage, "html")] {
        nginx.start_again(manner);
        let run = update(&store, &nginx, &["PyPI", "npm"]);
        assert_ne!(run.status, Some(0), "{manner:?}: {}", run.stderr);
        assert!(run.stderr.contains("PyPI") && run.stderr.contains(word), "{manner:?}: {}", run.stderr);
        assert_eq!(digest(&store), before, "{manner:?}");
    }
}

fn wait_for(mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("expected it within half a minute");
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}
