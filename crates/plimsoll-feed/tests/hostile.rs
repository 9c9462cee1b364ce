//! Publishers and mirrors that give less than they should: nothing that is held is lost by it.

mod support;

use std::fs::File;
use std::time::{Duration, SystemTime};

use plimsoll_feed::{Outcome, update};
use plimsoll_model::AdvisoryLookup as _;
use plimsoll_testkit::{FileServer, WebFault};
use support::{Record, Setting, feed, kev, listing, many, reason, zip};

const ZIP: &str = "osv/PyPI/all.zip";
const LIST: &str = "osv/PyPI/modified_id.csv";
const KEV: &str = "kev/known_exploited_vulnerabilities.json";

#[test]
fn a_mirror_without_single_records_takes_none_away() {
    let mut records = many();
    let setting = Setting::with("partial-mirror", &records);
    setting.update();
    for record in &mut records[..3] {
        record.modified = "2025-06-01T00:00:00Z".to_owned();
    }
    setting.publish("PyPI", &records);
    for record in &records {
        setting.server.remove(&format!("osv/PyPI/{}.json", record.id));
    }
    let report = setting.update();
    assert!(matches!(feed(&report, "osv PyPI").outcome, Outcome::Fetched { .. }), "{report}");
    assert_eq!(setting.advisories("package-1"), ["PYSEC-1 2025-06-01T00:00:00Z"]);
}

#[test]
fn a_record_that_was_not_there_is_asked_for_again_though_the_list_is_the_same() {
    let mut records = many();
    let setting = Setting::with("not-there", &records);
    setting.update();
    for record in &mut records[1..3] {
        record.modified = "2025-06-01T00:00:00Z".to_owned();
    }
    setting.publish("PyPI", &records);
    setting.server.fail_next("PYSEC-1.json", WebFault::Status(404, Vec::new()));
    let report = setting.update();
    let patched = |changed, failed| Outcome::Patched { changed, removed: 0, failed };
    assert_eq!(feed(&report, "osv PyPI").outcome, patched(1, 1), "{report}");
    assert_eq!(setting.advisories("package-1"), ["PYSEC-1 2025-01-01T00:00:00Z"]);
    let report = setting.update();
    assert_eq!(feed(&report, "osv PyPI").outcome, patched(1, 0), "{report}");
    assert_eq!(setting.advisories("package-1"), ["PYSEC-1 2025-06-01T00:00:00Z"]);
    setting.asked();
    assert_eq!(setting.update().received_bytes, 0);
    assert!(setting.asked().iter().all(|line| line.ends_with(" 304 0")));
}

#[test]
fn a_lagging_archive_is_caught_up_with_though_the_list_is_the_same() {
    let mut records = many();
    let setting = Setting::with("lag-same-list", &records);
    records[5].modified = "2025-06-01T00:00:00Z".to_owned();
    setting.publish_changes("PyPI", &records);
    setting.update();
    setting.update();
    assert_eq!(setting.advisories("package-5"), ["PYSEC-5 2025-06-01T00:00:00Z"]);
}

#[test]
fn a_list_that_is_cut_at_the_end_of_a_row_removes_nothing() {
    let setting = Setting::with("cut-list", &many());
    setting.update();
    let whole = listing(&many());
    for rows in [120, 197] {
        let cut: String = whole.split_inclusive('\n').take(rows).collect();
        setting.server.put(LIST, cut.as_bytes());
        let report = setting.update();
        assert_eq!(feed(&report, "osv PyPI").outcome, Outcome::Unchanged, "{report}");
        for number in 0..200 {
            assert_eq!(setting.advisories(&format!("package-{number}")).len(), 1, "{rows} {number}");
        }
    }
    // What is in neither the list nor its own place is gone.
    setting.server.remove("osv/PyPI/PYSEC-9.json");
    let rest: Vec<Record> = many().into_iter().filter(|record| record.id != "PYSEC-9").collect();
    setting.server.put(LIST, listing(&rest).as_bytes());
    let report = setting.update();
    assert_eq!(feed(&report, "osv PyPI").outcome, Outcome::Patched { changed: 0, removed: 1, failed: 0 });
    assert_eq!(setting.advisories("package-9").len(), 0);
}

#[test]
fn a_feed_that_has_shrunk_is_not_taken_where_only_the_database_remembers_it() {
    let setting = Setting::with("shrunk-imported", &many());
    let ids: Vec<String> = (0..150).map(|number| format!("CVE-2024-{number:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    setting.server.put(KEV, kev(&ids).as_bytes());
    setting.update();
    std::fs::remove_file(setting.store.feeds_path()).unwrap();
    setting.publish("PyPI", &many()[..10]);
    setting.server.put(KEV, kev(&ids[..1]).as_bytes());
    let report = setting.update();
    assert!(reason(&report, "osv PyPI").contains("as before, 200, found 10"), "{report}");
    assert!(reason(&report, "kev").contains("as before, 150, found 1"), "{report}");
    assert_eq!(setting.advisories("package-100").len(), 1);
}

#[test]
fn a_mirror_with_an_older_copy_is_passed_over() {
    let mut setting = Setting::with("older", &many());
    let old = FileServer::start();
    for path in [LIST, ZIP, KEV] {
        let bytes = match path {
            LIST => listing(&many()).into_bytes(),
            ZIP => zip(&many()),
            _ => kev(&["CVE-2024-0001"]).into_bytes(),
        };
        old.put(path, &bytes);
    }
    let mut records = many();
    for record in &mut records[..100] {
        record.modified = "2025-06-01T00:00:00Z".to_owned();
    }
    records.push(Record::new("PYSEC-NEW", 20, "new"));
    setting.publish("PyPI", &records);
    let newer = kev(&["CVE-2024-0001", "CVE-2024-0002"]).replacen("2024-01-01", "2024-03-01", 1);
    setting.server.put(KEV, newer.as_bytes());
    setting.update();

    let own = setting.options.mirrors.clone();
    for source in ["osv", "kev"] {
        setting.options.mirrors.insert(source.to_owned(), vec![format!("{}{source}/", old.base())]);
    }
    let report = setting.update();
    for name in ["osv PyPI", "kev"] {
        assert!(reason(&report, name).contains("older"), "{report}");
    }
    assert_eq!(setting.advisories("new").len(), 1);
    assert_eq!(setting.advisories("package-5"), ["PYSEC-5 2025-06-01T00:00:00Z"]);
    assert!(setting.snapshot().known("CVE-2024-0002").unwrap().kev.is_some());

    for (source, addresses) in own {
        setting.options.mirrors.get_mut(&source).unwrap().extend(addresses);
    }
    setting.publish("PyPI", &many()[..1]);
    records[0].modified = "2025-07-01T00:00:00Z".to_owned();
    setting.publish("PyPI", &records);
    let report = setting.update();
    assert_eq!(report.failed().count(), 0, "{report}");
    assert_eq!(setting.advisories("package-0"), ["PYSEC-0 2025-07-01T00:00:00Z"]);

    // Who wants to go back says so.
    for source in ["osv", "kev"] {
        setting.options.mirrors.insert(source.to_owned(), vec![format!("{}{source}/", old.base())]);
    }
    setting.options.force = true;
    update(&setting.store, &setting.options).unwrap();
    assert_eq!(setting.advisories("new").len(), 0);
}

#[test]
fn a_range_that_was_not_asked_is_no_lasting_trouble() {
    let setting = Setting::with("ranges", &many());
    for range in ["bytes 0-10/20", "bytes 3000-3010/3011"] {
        let mut options = setting.options.clone();
        options.force = true;
        for _ in 0..3 {
            setting.server.fail_next(ZIP, WebFault::CutAfter(1000));
        }
        let report = update(&setting.store, &options).unwrap();
        assert!(reason(&report, "osv PyPI").contains("all.zip"), "{report}");
        // Another place of the file, and the same place of another version.
        let headers = [("Content-Range", range), ("ETag", "\"another\"")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        setting.server.fail_next(ZIP, WebFault::Status(206, headers));
        let report = update(&setting.store, &options).unwrap();
        assert_eq!(report.failed().count(), 0, "{report}");
        assert_eq!((setting.advisories("package-0").len(), setting.downloads()), (1, 0));
    }
}

#[test]
fn a_part_that_cannot_be_opened_is_gone_around() {
    let setting = Setting::with("foreign-part", &many());
    for _ in 0..3 {
        setting.server.fail_next(ZIP, WebFault::CutAfter(1000));
    }
    setting.update();
    let left = std::fs::read_dir(setting.store.downloads_path()).unwrap().flatten();
    let part = left.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "part"));
    let part = part.unwrap();
    // As one of another user, which root could open.
    std::fs::remove_file(&part).unwrap();
    std::fs::create_dir(&part).unwrap();
    assert_eq!(setting.update().failed().count(), 0);
    assert_eq!(setting.advisories("package-0").len(), 1);
}

#[test]
fn what_no_update_goes_on_with_is_swept_away() {
    let setting = Setting::with("swept", &many());
    setting.update();
    let listings = setting.folder.join("listings");
    let is_one = || std::fs::read_dir(&listings).unwrap().count() == 1;
    assert!(is_one());
    // One that is refused leaves nothing.
    setting.publish("PyPI", &many()[..10]);
    assert!(setting.update().failed().count() == 1 && is_one());

    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let kept = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_300_001);
    let downloads = setting.store.downloads_path();
    for (path, modified) in [
        (downloads.join("aa.part"), old),
        (downloads.join("aa.json"), old),
        (downloads.join("bb.part"), kept),
        (downloads.join("bb.json"), kept),
        (listings.join(format!("{}.csv", "a".repeat(64))), old),
        (listings.join("x.1-1.tmp"), old),
    ] {
        File::create(path).unwrap().set_modified(modified).unwrap();
    }
    setting.update();
    assert!(is_one());
    assert_eq!(setting.downloads(), 2);
    assert!(downloads.join("bb.part").exists());
}
