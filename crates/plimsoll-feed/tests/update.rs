//! Updates from a publisher on loopback, who keeps a log of what he was asked for.

mod support;

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll_feed::{
    Error, FeedReport, Feeds, Outcome, Progress, UpdateOptions, ensure, missing_facts, update,
};
use plimsoll_model::{AdvisoryLookup as _, Ecosystem, Namespace};
use plimsoll_testkit::{FileServer, WebFault};
use support::{Record, Setting, epss, feed, kev, listing, many, reason, zip_of};

const ZIP: &str = "osv/PyPI/all.zip";
const LIST: &str = "osv/PyPI/modified_id.csv";

#[test]
fn everything_is_fetched_once_and_then_nothing() {
    let setting = Setting::with("first", &[Record::new("PYSEC-1", 1, "flask")]);
    let report = setting.update();
    assert_eq!((report.before.as_str(), report.failed().count()), ("", 0), "{report}");
    assert!(report.after.starts_with("sha256:"));
    assert_eq!(setting.advisories("flask"), ["PYSEC-1 2025-01-01T00:00:00Z"]);
    let snapshot = setting.snapshot();
    assert!(snapshot.known("CVE-2024-0001").unwrap().kev.is_some());
    assert_eq!(snapshot.known("CVE-2024-0001").unwrap().epss.unwrap().probability, 50_000);
    assert_eq!(setting.asked().len(), 4);
    assert_eq!(setting.downloads(), 0);

    let mut later = setting.options.clone();
    later.now = "2026-01-03T00:00:00Z".to_owned();
    let again = update(&setting.store, &later).unwrap();
    assert_eq!((again.received_bytes, &again.before, &again.after), (0, &report.after, &report.after));
    assert!(again.feeds.iter().all(|feed| feed.outcome == Outcome::Unchanged), "{again}");
    let asked = setting.asked();
    assert_eq!(
        asked,
        [
            "epss/epss_scores-current.csv.gz 304 0",
            "kev/known_exploited_vulnerabilities.json 304 0",
            "osv/PyPI/modified_id.csv 304 0",
        ]
    );
    let feeds = Feeds::read(&setting.store);
    assert_eq!((feeds.feeds().count(), feeds.checked_at(None)), (3, Some("2026-01-03T00:00:00Z")));
    assert!(feeds.feeds().all(|feed| feed.fetched_at == "2026-01-02T03:04:05Z"));

    // And whatever the tags say, where it is asked for.
    later.force = true;
    let forced = update(&setting.store, &later).unwrap();
    assert!(forced.received_bytes > 0);
    assert_eq!(forced.after, report.after);
}

#[test]
fn of_one_changed_record_only_that_is_fetched() {
    let mut records = many();
    let setting = Setting::with("changed", &records);
    setting.update();
    setting.asked();

    records[7].modified = "2025-06-01T00:00:00.123Z".to_owned();
    records.remove(9);
    setting.publish("PyPI", &records);
    setting.server.remove("osv/PyPI/PYSEC-9.json");
    let report = setting.update();
    assert_eq!(
        feed(&report, "osv PyPI").outcome,
        Outcome::Patched { changed: 1, removed: 1, failed: 0 },
        "{report}"
    );
    let asked = setting.asked();
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(asked[2].starts_with("osv/PyPI/PYSEC-7.json 200"), "{asked:?}");
    assert!(asked[3].starts_with("osv/PyPI/PYSEC-9.json 404"), "{asked:?}");
    assert!(asked[4].starts_with("osv/PyPI/modified_id.csv 200"), "{asked:?}");
    assert_eq!(setting.advisories("package-7"), ["PYSEC-7 2025-06-01T00:00:00.123Z"]);
    assert_eq!(setting.advisories("package-9"), [""; 0]);
    assert_eq!(setting.advisories("package-8").len(), 1);
    assert_eq!(std::fs::read_dir(setting.folder.join("listings")).unwrap().count(), 1);

    let again = setting.update();
    assert_eq!((feed(&again, "osv PyPI").outcome.clone(), again.received_bytes), (Outcome::Unchanged, 0));
    setting.asked();

    // Many at once are not.
    for record in &mut records[..100] {
        record.modified = "2025-07-01T00:00:00Z".to_owned();
    }
    setting.publish("PyPI", &records);
    let report = setting.update();
    assert!(matches!(feed(&report, "osv PyPI").outcome, Outcome::Fetched { .. }), "{report}");
    assert!(setting.asked().iter().all(|line| !line.contains("PYSEC")));
    assert_eq!(setting.advisories("package-7"), ["PYSEC-7 2025-07-01T00:00:00Z"]);
}

#[test]
fn a_record_that_cannot_be_fetched_is_asked_for_again() {
    let mut records = many();
    let setting = Setting::with("lost", &records);
    setting.update();
    records[1].modified = "2025-06-01T00:00:00Z".to_owned();
    records[2].modified = "2025-06-01T00:00:00Z".to_owned();
    records[3].modified = "2025-06-01T00:00:00Z".to_owned();
    setting.publish("PyPI", &records);
    // The first cannot be had, the second is listed and not there, the third is none.
    setting.server.fail_next("PYSEC-1.json", WebFault::Status(403, Vec::new()));
    setting.server.remove("osv/PyPI/PYSEC-2.json");
    setting.server.put("osv/PyPI/PYSEC-3.json", b"{\"id\": 3}");
    let report = setting.update();
    let osv = feed(&report, "osv PyPI");
    assert_eq!(osv.outcome, Outcome::Patched { changed: 0, removed: 0, failed: 3 }, "{report}");
    assert_eq!(osv.notes.len(), 3, "{report}");
    assert_eq!(setting.advisories("package-1"), ["PYSEC-1 2025-01-01T00:00:00Z"]);
    assert_eq!(setting.advisories("package-2"), ["PYSEC-2 2025-01-01T00:00:00Z"]);
    assert_eq!(setting.advisories("package-3"), ["PYSEC-3 2025-01-01T00:00:00Z"]);
    setting.asked();

    let report = setting.update();
    assert_eq!(feed(&report, "osv PyPI").outcome, Outcome::Patched { changed: 1, removed: 0, failed: 1 });
    assert_eq!(setting.advisories("package-1"), ["PYSEC-1 2025-06-01T00:00:00Z"]);
    assert_eq!(setting.asked().iter().filter(|line| line.contains("PYSEC")).count(), 2);
}

#[test]
fn an_archive_that_lags_behind_its_list_is_caught_up_with() {
    let mut records = many();
    let setting = Setting::with("lag", &records);
    records[5].modified = "2025-06-01T00:00:00Z".to_owned();
    records.push(Record::new("PYSEC-NEW", 20, "new"));
    setting.publish_changes("PyPI", &records);
    setting.update();
    assert_eq!(setting.advisories("new"), [""; 0]);
    setting.server.put(LIST, &[listing(&records).as_bytes(), b"\n"].concat());
    let report = setting.update();
    assert_eq!(feed(&report, "osv PyPI").outcome, Outcome::Patched { changed: 2, removed: 0, failed: 0 });
    assert_eq!(setting.advisories("package-5"), ["PYSEC-5 2025-06-01T00:00:00Z"]);
    assert_eq!(setting.advisories("new"), ["PYSEC-NEW 2025-01-20T00:00:00Z"]);
}

#[test]
fn hostile_ids_are_refused_and_never_asked_for() {
    let records = many();
    let setting = Setting::with("hostile", &records);
    setting.update();
    let long = "A".repeat(10_000);
    let mut rows = listing(&records);
    for id in ["../../../etc/passwd", "a/../b", "a\u{1}b", "%2e%2e%2fx", "x?y", "x#y", &long, "", ".."] {
        rows.extend(["2025-09-01T00:00:00Z,", id, "\n"]);
    }
    rows.push_str("2025-09-01T00:00:00Z,PYSEC:odd+1\n");
    setting.server.put(LIST, rows.as_bytes());
    setting
        .server
        .put("osv/PyPI/PYSEC%3Aodd%2B1.json", Record::new("PYSEC:odd+1", 9, "odd").json().as_bytes());
    setting.asked();
    let report = setting.update();
    let osv = feed(&report, "osv PyPI");
    assert_eq!(osv.outcome, Outcome::Patched { changed: 1, removed: 0, failed: 9 }, "{report}");
    assert!(osv.notes[0].starts_with("9 rows of `modified_id.csv` were refused"), "{report}");
    let asked = setting.asked();
    assert_eq!(asked.iter().filter(|line| !line.contains("304")).count(), 2, "{asked:?}");
    assert_eq!(setting.advisories("odd").len(), 1);
}

#[test]
fn a_cut_transfer_is_gone_on_with() {
    let setting = Setting::with("cut", &many());
    setting.server.fail_next(ZIP, WebFault::CutAfter(1000));
    setting.server.fail_next(ZIP, WebFault::CutAfter(500));
    let report = setting.update();
    assert_eq!(report.failed().count(), 0, "{report}");
    let zips: Vec<_> =
        setting.requests().into_iter().filter(|request| request.path.ends_with("all.zip")).collect();
    let ranges: Vec<_> = zips.iter().map(|request| (request.header("range"), request.status)).collect();
    assert_eq!(ranges, [(None, 200), (Some("bytes=1000-"), 206), (Some("bytes=1500-"), 206)]);
    assert!(zips[1].header("if-range").is_some());
    assert_eq!(setting.advisories("package-100").len(), 1);
}

#[test]
fn a_transfer_that_failed_is_gone_on_with_by_the_next_update() {
    let records = many();
    let setting = Setting::with("resumed", &records);
    for _ in 0..3 {
        setting.server.fail_next(ZIP, WebFault::CutAfter(1000));
    }
    let report = setting.update();
    assert!(reason(&report, "osv PyPI").contains("all.zip"), "{report}");
    assert_eq!(setting.downloads(), 2);
    setting.requests();
    let zips = |setting: &Setting| -> Vec<_> {
        let requests = setting.requests().into_iter().filter(|request| request.path.ends_with("all.zip"));
        requests.map(|request| (request.header("range").map(str::to_owned), request.status)).collect()
    };
    let report = setting.update();
    assert!(matches!(feed(&report, "osv PyPI").outcome, Outcome::Fetched { .. }), "{report}");
    assert_eq!(zips(&setting), [(Some("bytes=3000-".to_owned()), 206)]);
    assert_eq!((setting.advisories("package-0").len(), setting.downloads()), (1, 0));

    // A new version meanwhile, and a server that knows no ranges: both begin anew.
    for fault in [None, Some(WebFault::NoRange), Some(WebFault::Status(416, Vec::new()))] {
        let mut options = setting.options.clone();
        options.force = true;
        for _ in 0..3 {
            setting.server.fail_next(ZIP, WebFault::CutAfter(1000));
        }
        update(&setting.store, &options).unwrap();
        let mut changed = records.clone();
        changed[0].package = format!("other-{}", fault.is_some());
        match fault {
            None => setting.publish("PyPI", &changed),
            Some(fault) => setting.server.fail_next(ZIP, fault),
        }
        setting.requests();
        let report = update(&setting.store, &options).unwrap();
        assert_eq!(report.failed().count(), 0, "{report}");
        assert_eq!(setting.snapshot().verify().map_err(|error| error.to_string()), Ok(()));
        assert_eq!(setting.advisories("package-1").len(), 1);
    }
}

/// What [`a_killed_update_is_gone_on_with`] starts as a process of its own.
#[test]
#[ignore = "a part of another test"]
fn killed_child() {
    #[expect(clippy::disallowed_methods, reason = "how the other test says where")]
    let (Ok(base), Ok(folder)) = (std::env::var(CHILD_BASE), std::env::var(CHILD_STORE)) else { return };
    let mut options = UpdateOptions::new("2026-01-01T00:00:00Z");
    options.ecosystems = Some(vec![Ecosystem::PyPi]);
    for source in ["osv", "kev", "epss"] {
        options.mirrors.insert(source.to_owned(), vec![format!("{base}{source}")]);
    }
    let _ = update(&plimsoll_db::Store::at(folder.as_ref()), &options);
}

const CHILD_BASE: &str = "PLIMSOLL_TEST_CHILD_BASE";
const CHILD_STORE: &str = "PLIMSOLL_TEST_CHILD_STORE";

#[test]
fn a_killed_update_is_gone_on_with() {
    let setting = Setting::with("killed", &many());
    setting.server.fail_next(ZIP, WebFault::Stall(5000, Duration::from_secs(8)));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_child", "--ignored", "--nocapture"])
        .env(CHILD_BASE, setting.server.base())
        .env(CHILD_STORE, &setting.folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let arrived = || {
        let entries = std::fs::read_dir(setting.store.downloads_path()).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).any(|file| file.len() == 5000)
    };
    for _ in 0..700 {
        if arrived() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(arrived());
    child.kill().unwrap();
    child.wait().unwrap();
    setting.requests();
    assert_eq!(setting.update().failed().count(), 0);
    let zips = setting.requests().into_iter().filter(|request| request.path.ends_with("all.zip"));
    let ranges: Vec<_> =
        zips.map(|request| (request.header("range").map(str::to_owned), request.status)).collect();
    assert_eq!(ranges, [(Some("bytes=5000-".to_owned()), 206)]);
    assert_eq!((setting.advisories("package-0").len(), setting.downloads()), (1, 0));
}

#[test]
fn a_busy_server_is_waited_for() {
    let setting = Setting::with("busy", &[Record::new("PYSEC-1", 1, "flask")]);
    let busy = |seconds: &str| WebFault::Status(429, vec![("Retry-After".to_owned(), seconds.to_owned())]);
    setting.server.fail_next("kev", busy("0"));
    setting.server.fail_next("kev", busy("1"));
    setting.server.fail_next("epss", busy("86400"));
    let report = setting.update();
    assert!(matches!(feed(&report, "kev").outcome, Outcome::Fetched { .. }), "{report}");
    assert!(reason(&report, "epss").contains("asks to wait for 86400 s"), "{report}");
    assert_eq!(setting.asked().iter().filter(|line| line.starts_with("epss")).count(), 1);
}

#[test]
fn a_mirror_that_fails_is_told_and_the_next_one_asked() {
    let mut setting = Setting::with("mirror", &[Record::new("PYSEC-1", 1, "flask")]);
    let bad = FileServer::start();
    bad.put("kev/known_exploited_vulnerabilities.json", b"{\"vulnerabilities\": 7}");
    bad.fail_next("epss", WebFault::WebPage);
    for source in ["osv", "kev", "epss"] {
        let mirrors = setting.options.mirrors.get_mut(source).unwrap();
        mirrors.insert(0, format!("{}{source}/", bad.base()));
        mirrors.insert(0, "http://127.0.0.1:1/".to_owned());
    }
    let report = setting.update();
    assert_eq!(report.failed().count(), 0, "{report}");
    for (name, said) in [("osv PyPI", "found status 404"), ("epss", "a web page"), ("kev", "KEV catalogue")] {
        let notes = &feed(&report, name).notes;
        assert!(notes.iter().any(|note| note.contains("127.0.0.1:1/")), "{report}");
        assert!(notes.iter().any(|note| note.contains(said)), "{report}");
    }
    assert_eq!(setting.advisories("flask").len(), 1);
}

#[test]
fn what_is_no_feed_leaves_the_old_one_in_place() {
    let setting = Setting::with("broken", &[Record::new("PYSEC-1", 1, "flask")]);
    let first = setting.update();
    let whole = support::zip(&many());
    let bomb = zip_of(&[("PYSEC-1.json".to_owned(), vec![b' '; 100 << 20])]);
    let loops = || {
        for _ in 0..9 {
            setting.server.fail_next(ZIP, WebFault::Redirect("all.zip".to_owned()));
        }
    };
    let page = b"<!DOCTYPE html><html><body>log in</body></html>";
    for (name, bytes) in [
        ("truncated", &whole[..whole.len() / 2]),
        ("bomb", &bomb),
        ("page", page),
        ("empty", b""),
        ("garbage", &[0xfe; 1000]),
        ("loop", b"PK"),
    ] {
        setting.server.put(ZIP, bytes);
        setting.server.remove(LIST);
        if name == "loop" {
            loops();
        }
        let report = setting.update();
        let reason = reason(&report, "osv PyPI");
        assert!(reason.contains("/osv/PyPI/all.zip"), "{name}: {reason}");
        assert_eq!(report.after, first.after, "{name}");
        assert_eq!(setting.advisories("flask").len(), 1, "{name}");
        assert_eq!(feed(&report, "kev").outcome, Outcome::Unchanged);
        let feeds = Feeds::read(&setting.store);
        let failed: Vec<_> = feeds.feeds().filter(|feed| !feed.failure.is_empty()).collect();
        assert_eq!((failed.len(), failed[0].scope.as_str()), (1, "PyPI"));
    }
    setting.publish("PyPI", &[Record::new("PYSEC-1", 3, "flask")]);
    assert_eq!(setting.update().failed().count(), 0);
    assert!(Feeds::read(&setting.store).feeds().all(|feed| feed.failure.is_empty()));
}

#[test]
fn a_feed_that_has_shrunk_is_not_taken() {
    let records = many();
    let setting = Setting::with("shrunk", &records);
    setting.update();
    setting.publish("PyPI", &records[..10]);
    let report = setting.update();
    assert!(reason(&report, "osv PyPI").contains("expected about as many records as before, 200, found 10"));
    assert_eq!(setting.advisories("package-100").len(), 1);
    let mut options = setting.options.clone();
    options.force = true;
    update(&setting.store, &options).unwrap();
    assert_eq!(setting.advisories("package-100").len(), 0);
}

#[test]
fn where_nothing_can_be_fetched_it_is_an_error_and_the_database_stays() {
    let mut setting = Setting::with("nothing", &[Record::new("PYSEC-1", 1, "flask")]);
    let first = setting.update();
    for mirrors in setting.options.mirrors.values_mut() {
        *mirrors = vec!["http://127.0.0.1:1/".to_owned()];
    }
    let error = setting.try_update().unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot update the advisory database: expected at least one of 3 feeds"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("the database is as it was"));
    assert_eq!(setting.snapshot().digest().to_string(), first.after);
}

#[test]
fn without_the_network_it_says_so() {
    let mut setting = Setting::with("offline", &[]);
    setting.options.offline = true;
    let error = setting.try_update().unwrap_err();
    assert!(matches!(error, Error::Offline { .. }), "{error}");
    assert!(setting.asked().is_empty());
}

#[test]
fn an_index_is_followed_and_asked_for_only_if_it_has_changed() {
    let mut setting = Setting::new("index");
    setting.options.ecosystems = Some(vec![Ecosystem::RockyLinux]);
    setting.options.with = vec!["rocky".to_owned()];
    setting.options.without = ["osv", "kev", "epss"].map(str::to_owned).into();
    setting.options.mirrors = [("rocky".to_owned(), vec![setting.server.base()])].into();
    let folder = "9/BaseOS/x86_64/os";
    let index = |name: &str| {
        format!(
            r#"<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="updateinfo"><location href="repodata/{name}"/></data></repomd>"#
        )
    };
    let errata = |version: &str| {
        format!(
            r#"<?xml version="1.0"?><updates><update from="x" status="final" type="security" version="2"><id>RLSA-2024:1</id><title>t</title><issued date="2024-01-01 00:00:00"/><updated date="2024-01-01 00:00:00"/><severity>Important</severity><description>d</description><references><reference href="https://x.example/" id="CVE-2024-1" type="cve" title="CVE-2024-1"/></references><pkglist><collection short="c"><name>n</name><package name="bash" version="{version}" release="1.el9" epoch="0" arch="x86_64" src="bash-{version}-1.el9.src.rpm"><filename>bash-{version}-1.el9.x86_64.rpm</filename></package></collection></pkglist></update></updates>"#
        )
    };
    setting.server.put(&format!("{folder}/repodata/repomd.xml"), index("1-updateinfo.xml").as_bytes());
    setting.server.put(&format!("{folder}/repodata/1-updateinfo.xml"), errata("5").as_bytes());
    let report = setting.update();
    let fetched = |report: &plimsoll_feed::UpdateReport| {
        report.feeds.iter().filter(|feed| matches!(feed.outcome, Outcome::Fetched { .. })).count()
    };
    assert_eq!(fetched(&report), 1, "{report}");
    // The other repositories are not there, and each says so.
    assert!(report.failed().all(|feed| feed.name().starts_with("rocky Rocky Linux:")));
    assert!(setting.snapshot().covers(&Namespace::release(Ecosystem::RockyLinux, "9")));

    setting.asked();
    let again = setting.update();
    assert_eq!((fetched(&again), &again.after), (0, &report.after), "{again}");
    let asked = setting.asked();
    assert_eq!(asked.iter().filter(|line| line.ends_with(" 304 0")).count(), 2, "{asked:?}");

    // A new file under a new name takes the place of the old one.
    setting.server.put(&format!("{folder}/repodata/repomd.xml"), index("2-updateinfo.xml").as_bytes());
    setting.server.put(&format!("{folder}/repodata/2-updateinfo.xml"), errata("6").as_bytes());
    let report = setting.update();
    assert_eq!(fetched(&report), 1, "{report}");
    assert_ne!(report.before, report.after);
    assert_eq!(Feeds::read(&setting.store).feeds().count(), 1);
}

#[test]
fn a_store_that_cannot_be_written_is_an_error() {
    let mut setting = Setting::with("unwritable", &[]);
    let file = setting.folder.with_extension("file");
    std::fs::write(&file, b"no folder").unwrap();
    setting.store = plimsoll_db::Store::at(&file);
    let error = setting.try_update().unwrap_err();
    assert!(matches!(error, Error::File { .. } | Error::Database(_)), "{error}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn sources_are_chosen_by_name() {
    let mut setting = Setting::with("chosen", &[]);
    setting.options.without = vec!["osv".to_owned(), "epss".to_owned()];
    let report = setting.update();
    assert_eq!(report.feeds.len(), 1);
    setting.options.with = vec!["ovs".to_owned()];
    let text = setting.try_update().unwrap_err().to_string();
    assert!(
        text.starts_with("cannot choose source `ovs`: expected one of") && text.contains(", osv"),
        "{text}"
    );
    setting.options.with.clear();
    setting.options.mirrors.insert("kev".to_owned(), vec!["kev".to_owned()]);
    let text = setting.try_update().unwrap_err().to_string();
    assert!(text.starts_with("cannot use address `kev` of source `kev`"), "{text}");
}

#[test]
fn only_what_a_scan_lacks_is_fetched() {
    let mut setting = Setting::with("ensure", &[Record::new("PYSEC-1", 1, "flask")]);
    setting.options.ecosystems = None;
    let wanted = [Namespace::whole(Ecosystem::PyPi)];
    let report = ensure(&setting.store, &wanted, &setting.options).unwrap();
    assert_eq!(report.feeds.len(), 3, "{report}");
    setting.publish("PyPI", &[Record::new("PYSEC-2", 2, "flask")]);
    setting.asked();
    let report = ensure(&setting.store, &wanted, &setting.options).unwrap();
    assert!(report.feeds.is_empty() && setting.asked().is_empty(), "{report}");
    assert_eq!(report.before, report.after);
    assert_eq!(setting.advisories("flask"), ["PYSEC-1 2025-01-01T00:00:00Z"]);
    setting.publish("crates.io", &[]);
    setting.asked();
    setting.options.offline = true;
    assert!(ensure(&setting.store, &wanted, &setting.options).is_ok());
    let more = [Namespace::whole(Ecosystem::PyPi), Namespace::whole(Ecosystem::CratesIo)];
    assert!(matches!(ensure(&setting.store, &more, &setting.options), Err(Error::Offline { .. })));
}

#[test]
fn facts_of_flaws_that_could_not_be_fetched_are_asked_for_again_but_not_each_time() {
    let mut setting = Setting::new("facts");
    setting.publish("PyPI", &[Record::new("PYSEC-1", 1, "flask")]);
    let wanted = [Namespace::whole(Ecosystem::PyPi)];
    assert_eq!(missing_facts(&setting.store, &setting.options).unwrap(), [""; 0], "nothing is there at all");
    let report = ensure(&setting.store, &wanted, &setting.options).unwrap();
    assert_eq!(report.failed().count(), 2, "{report}");
    let missed: Vec<_> = Feeds::read(&setting.store).missed().map(|feed| feed.source.clone()).collect();
    assert_eq!(missed, ["epss", "kev"]);
    let mut at = |now: &str| {
        setting.options.now = now.to_owned();
        missing_facts(&setting.store, &setting.options).unwrap()
    };
    assert_eq!(at("2026-01-02T03:59:00Z"), [""; 0]);
    assert_eq!(at("2026-01-02T04:04:05Z"), ["kev", "epss"]);
    assert_eq!(at("2025-01-01T00:00:00Z"), ["kev", "epss"], "a clock that was put back");
    assert_eq!(at("today"), ["kev", "epss"]);
    setting.options.without = vec!["epss".to_owned()];
    assert_eq!(missing_facts(&setting.store, &setting.options).unwrap(), ["kev"]);
    setting.options.without.clear();

    // One of them still cannot be had; the hour begins anew for that one.
    setting.options.now = "2026-01-02T05:00:00Z".to_owned();
    setting.server.put("kev/known_exploited_vulnerabilities.json", kev(&["CVE-2024-0001"]).as_bytes());
    setting.asked();
    let report = ensure(&setting.store, &wanted, &setting.options).unwrap();
    assert_eq!((report.feeds.len(), report.failed().count()), (2, 1), "{report}");
    assert!(setting.asked().iter().all(|asked| !asked.starts_with("osv")));
    assert!(matches!(feed(&report, "kev").outcome, Outcome::Fetched { .. }), "{report}");
    let missed: Vec<_> = Feeds::read(&setting.store).missed().cloned().collect();
    assert_eq!((missed.len(), missed[0].tried_at.as_str()), (1, "2026-01-02T05:00:00Z"), "{missed:?}");
    assert_eq!(missing_facts(&setting.store, &setting.options).unwrap(), [""; 0]);
    setting.options.now = "2026-01-02T07:00:00Z".to_owned();
    setting.server.put("epss/epss_scores-current.csv.gz", &epss(&[("CVE-2024-0001", "0.5")]));
    assert_eq!(missing_facts(&setting.store, &setting.options).unwrap(), ["epss"]);
    ensure(&setting.store, &wanted, &setting.options).unwrap();
    assert_eq!(Feeds::read(&setting.store).missed().count(), 0);
    assert_eq!(missing_facts(&setting.store, &setting.options).unwrap(), [""; 0]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads a small file that it had written")]
fn credentials_of_a_mirror_are_sent_and_written_nowhere() {
    let mut setting = Setting::with("secret", &[Record::new("PYSEC-1", 1, "flask")]);
    for urls in setting.options.mirrors.values_mut() {
        urls[0] = urls[0].replace("://", "://user:hush-hush@");
    }
    setting.server.fail_next("epss", WebFault::Status(403, Vec::new()));
    let report = setting.update();
    assert_eq!(report.failed().count(), 1, "{report}");
    let requests = setting.requests();
    let basic = Some("Basic dXNlcjpodXNoLWh1c2g=");
    assert!(requests.iter().all(|request| request.header("authorization") == basic), "{requests:?}");
    let said = format!("{report} {report:?}");
    let known = std::fs::read(setting.store.feeds_path()).unwrap();
    for text in [said, String::from_utf8_lossy(&known).into_owned()] {
        assert!(!text.contains("hush") && !text.contains("aHVza") && !text.contains('@'), "{text}");
    }
    setting.options.mirrors.insert("kev".to_owned(), vec!["https://user:hush@x/?q".to_owned()]);
    let error = setting.try_update().unwrap_err().to_string();
    assert!(error.contains("https://[redacted]@x/") && !error.contains("hush"), "{error}");
}

#[test]
fn a_database_that_was_put_back_is_brought_up_to_date() {
    let mut setting = Setting::with("back", &[Record::new("PYSEC-1", 1, "flask")]);
    setting.update();
    setting.options.now = "2026-01-03T00:00:00Z".to_owned();
    let old = setting.store.current().unwrap().unwrap();
    setting.publish("PyPI", &[Record::new("PYSEC-1", 2, "flask")]);
    setting.server.put("epss/epss_scores-current.csv.gz", &epss(&[("CVE-2024-0001", "0.75")]));
    setting.update();
    setting.store.adopt(old.manifest_bytes(), false).unwrap();
    assert_eq!(setting.advisories("flask"), ["PYSEC-1 2025-01-01T00:00:00Z"]);
    // What is remembered of its feeds makes it no newer than it was, nor older than it was said to be.
    let feeds = Feeds::read(&setting.store);
    assert_eq!(feeds.checked_at(None), Some("2026-01-03T00:00:00Z"));
    for carried in ["2026-01-02T03:04:05Z", "2026-01-05T00:00:00Z"] {
        assert_eq!(feeds.checked_at_since(carried, old.manifest(), None), carried);
    }
    let report = setting.update();
    let (feeds, now) = (Feeds::read(&setting.store), setting.store.current().unwrap().unwrap());
    let since = feeds.checked_at_since("2026-01-02T03:04:05Z", now.manifest(), None);
    assert_eq!(since, "2026-01-03T00:00:00Z", "all of it was fetched here");
    assert_eq!(feed(&report, "kev").outcome, Outcome::Unchanged);
    assert_eq!(setting.advisories("flask"), ["PYSEC-1 2025-01-02T00:00:00Z"]);
    assert_eq!(setting.snapshot().known("CVE-2024-0001").unwrap().epss.unwrap().probability, 75_000);
}

/// Puts an old database back when OSV is done.
struct PutBack(plimsoll_db::Store, Vec<u8>);

impl Progress for PutBack {
    fn started(&self, _: &str) {}

    fn received(&self, _: &str, _: u64, _: Option<u64>) {}

    fn finished(&self, report: &FeedReport) {
        if report.source == "osv" {
            self.0.adopt(&self.1, false).map(drop).unwrap_or_default();
        }
    }
}

#[test]
fn a_database_that_is_put_back_during_an_update_is_brought_up_to_date_by_the_next() {
    let mut setting = Setting::with("during", &[Record::new("PYSEC-1", 1, "flask")]);
    setting.update();
    let old = setting.store.current().unwrap().unwrap();
    setting.publish("PyPI", &[Record::new("PYSEC-1", 2, "flask")]);
    setting.update();
    // OSV is found unchanged, then the old database comes back, then EPSS is published.
    setting.server.put("epss/epss_scores-current.csv.gz", &epss(&[("CVE-2024-0001", "0.75")]));
    let put_back = PutBack(setting.store.clone(), old.manifest_bytes().to_vec());
    setting.options.progress = Some(Arc::new(put_back));
    let report = setting.update();
    assert_eq!(feed(&report, "osv PyPI").outcome, Outcome::Unchanged);
    assert_eq!(setting.advisories("flask"), ["PYSEC-1 2025-01-01T00:00:00Z"]);
    setting.options.progress = None;
    setting.update();
    assert_eq!(setting.advisories("flask"), ["PYSEC-1 2025-01-02T00:00:00Z"]);
    assert_eq!(setting.snapshot().known("CVE-2024-0001").unwrap().epss.unwrap().probability, 75_000);
    assert_eq!(setting.update().received_bytes, 0);
}

#[test]
fn a_damaged_memory_only_costs_a_download() {
    let setting = Setting::with("memory", &[Record::new("PYSEC-1", 1, "flask")]);
    let first = setting.update();
    for bytes in [&b""[..], b"{", b"[]", b"{\"schema\":9,\"feeds\":{}}", &[0xff; 100]] {
        std::fs::write(setting.store.feeds_path(), bytes).unwrap();
        let error = Feeds::open(&setting.store).unwrap_err().to_string();
        assert!(error.contains("feeds.json`: expected what is known of the feeds, found "), "{error}");
        let report = setting.update();
        assert_eq!((report.failed().count(), &report.after), (0, &first.after), "{report}");
        assert!(report.received_bytes > 0);
    }
    // Without the list of what is held, the archive's tag is still good.
    std::fs::remove_dir_all(setting.folder.join("listings")).unwrap();
    setting.asked();
    assert_eq!(feed(&setting.update(), "osv PyPI").outcome, Outcome::Unchanged);
}

#[test]
fn several_updates_at_once_lose_nothing() {
    let setting = Setting::with("several", &many());
    setting
        .server
        .put("kev/known_exploited_vulnerabilities.json", kev(&["CVE-2024-0001", "CVE-2024-0002"]).as_bytes());
    let choices: [&[&str]; 4] = [&["kev", "epss"], &["osv", "epss"], &["osv", "kev"], &[]];
    std::thread::scope(|scope| {
        for without in choices {
            let mut options = setting.options.clone();
            options.without = without.iter().map(|name| (*name).to_owned()).collect();
            let store = &setting.store;
            scope.spawn(move || {
                let report = update(store, &options).unwrap();
                assert_eq!(report.failed().count(), 0, "{report}");
            });
        }
    });
    assert_eq!(setting.advisories("package-50").len(), 1);
    let snapshot = setting.snapshot();
    assert!(snapshot.known("CVE-2024-0002").unwrap().kev.is_some());
    assert!(snapshot.known("CVE-2024-0001").unwrap().epss.is_some());
    assert_eq!(setting.downloads(), 0);
    // What they wrote down is either true or not trusted.
    assert_eq!(setting.update().failed().count(), 0);
    assert_eq!(setting.update().received_bytes, 0);
}

#[test]
fn an_address_without_tls_has_to_be_named() {
    let mut setting = Setting::with("plain", &[]);
    setting.options.without = vec!["osv".to_owned(), "epss".to_owned()];
    setting.options.mirrors.insert("kev".to_owned(), vec!["http://mirror.invalid/kev".to_owned()]);
    let text = setting.try_update().unwrap_err().to_string();
    assert!(
        text.contains("expected an https address, or a host that is named with `--insecure-http`"),
        "{text}"
    );
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Progress for Log {
    fn started(&self, feed: &str) {
        self.0.lock().expect("no test panics here").push(format!("{feed} started"));
    }

    fn received(&self, feed: &str, bytes: u64, total: Option<u64>) {
        if Some(bytes) == total {
            self.0.lock().expect("no test panics here").push(format!("{feed} received"));
        }
    }

    fn finished(&self, report: &FeedReport) {
        self.0.lock().expect("no test panics here").push(format!("{} finished", report.name()));
    }
}

#[test]
fn progress_is_told() {
    let mut setting = Setting::with("progress", &[]);
    let log = Arc::new(Log::default());
    setting.options.without = vec!["osv".to_owned(), "epss".to_owned()];
    setting.options.progress = Some(log.clone());
    setting.update();
    setting.update();
    let told = log.0.lock().unwrap().clone();
    assert_eq!(told, ["kev started", "kev received", "kev finished", "kev started", "kev finished"]);
}
