use super::*;
use crate::{Begun, Finished, Location, Options, Record, Subject};

const NOW: &str = "2026-11-22T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

/// Reports by tag and age in days.
fn reports(of: &[(&str, &str, i64)]) -> Vec<Meta> {
    let mut reports = Vec::new();
    for (number, (image, tag, age)) in of.iter().enumerate() {
        let time = days_ago(*age);
        let subject = Subject::of(&format!("{image}:{tag}"), &[]);
        let id = crate::layout::scan_id(time, &number.to_string());
        let key = crate::layout::report_key(&subject, time, &id);
        reports.push(Meta { key, size_bytes: 1, modified: time, e_tag: None });
    }
    reports
}

fn removed(reports: &[Meta], rules: &Rules) -> Vec<String> {
    let plan = Plan::of(reports, rules, now());
    let removed = plan.groups.iter().flat_map(|group| &group.removed);
    removed
        .map(|key| {
            let key = ReportKey::parse(key).unwrap();
            format!("{}:{} {}", key.repository, key.tag, now().duration_since(key.time).as_hours() / 24)
        })
        .collect()
}

#[test]
fn a_report_goes_where_every_limit_lets_it_go() {
    let all = reports(&[
        ("r.example/app", "1", 100),
        ("r.example/app", "1", 50),
        ("r.example/app", "1", 10),
        ("r.example/app", "2", 200),
        ("r.example/app", "2", 5),
        ("r.example/app", "v9", 300),
        ("r.example/app", "v9", 250),
        ("r.example/db", "1", 400),
    ]);
    let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
    let none = Rules::default();
    for (rules, expected) in [
        (none.clone(), &[][..]),
        (Rules { older_than: days(90), ..none.clone() }, &["app:v9 300", "app:2 200", "app:1 100"]),
        (Rules { keep_last: Some(2), ..none.clone() }, &["app:v9 300", "app:2 200", "app:1 100", "app:1 50"]),
        (Rules { keep_last: Some(4), older_than: days(90), ..none.clone() }, &["app:v9 300", "app:2 200"]),
        (
            Rules { older_than: days(90), keep_tags: vec!["v*".to_owned()], ..none.clone() },
            &["app:2 200", "app:1 100"],
        ),
        (
            Rules { older_than: days(90), may_remove_newest: true, ..none.clone() },
            &["app:v9 300", "app:v9 250", "app:2 200", "app:1 100", "db:1 400"],
        ),
        (
            Rules {
                older_than: days(90),
                may_remove_newest: true,
                repositories: vec!["*/db".to_owned()],
                ..none.clone()
            },
            &["db:1 400"],
        ),
        (
            Rules { older_than: days(90), repositories: vec!["app".to_owned()], keep_last: Some(5), ..none },
            &["app:v9 300"],
        ),
    ] {
        assert_eq!(removed(&all, &rules), expected, "{rules:?}");
    }
}

#[test]
fn what_is_new_or_not_ours_stays() {
    let mut all = reports(&[("r.example/app", "1", 100), ("r.example/app", "1", 50)]);
    // A backfill: an old scan that was stored just now.
    all[0].modified = now() - SignedDuration::from_mins(59);
    all.push(Meta {
        key: "reports/notes.txt".to_owned(),
        size_bytes: 1,
        modified: days_ago(999),
        e_tag: None,
    });
    let rules = Rules { keep_last: Some(0), may_remove_newest: true, ..Rules::default() };
    assert_eq!(removed(&all, &rules), ["app:1 50"]);
}

#[test]
fn patterns_fit_names() {
    for (pattern, name, expected) in [
        ("*", "", true),
        ("v*", "v1", true),
        ("v*", "1v", false),
        ("*/app", "r.example/team/app", true),
        ("r.*/t?am/*", "r.example/team/app", true),
        ("app", "app2", false),
        ("", "a", false),
        ("*a*b*c", "xxaxxbxxbc", true),
        ("*a*b*c", "xxaxxbxxcb", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}

async fn stored(store: &Store, image: &str, time: Timestamp, inventory: &str) -> Record {
    let report = format!("{{\"of\": \"{image} {time}\"}}");
    let subject = Subject::of(image, &[]);
    let record = Record::new(&subject, time, report.into(), inventory.to_owned().into(), Verdict::default());
    let begun = record.begin(store).await.unwrap();
    assert_eq!(record.finish(store, begun).await.unwrap(), Finished::Whole);
    record
}

fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn verdicts_and_inventories_go_with_their_last_report() {
    blocking(async {
        let location = Location::parse("memory:///").unwrap();
        let store = Store::open_with(&location, &Options::default()).unwrap();
        let base: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let day = SignedDuration::from_hours(24);
        let one = stored(&store, "r.example/app:1", base, "{\"a\": 1}").await;
        let two = stored(&store, "r.example/app:1", base + day, "{\"a\": 2}").await;
        let three = stored(&store, "r.example/app:1", base + day * 2, "{\"a\": 2}").await;
        // The same again changes nothing.
        let again = three.begin(&store).await.unwrap();
        assert_eq!(again, Begun { is_new: false, has_rows: true, needs_inventory: false });
        assert_eq!(three.finish(&store, again).await.unwrap(), Finished::Whole);
        assert_eq!(store.list("").await.unwrap().len(), 3 + 3 + 2);
        // The store is as new as the test; the clean-up is next year's.
        let later: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
        let rules = Rules { keep_last: Some(1), ..Rules::default() };
        let dry = prune(&store, &rules, later, true).await.unwrap();
        assert_eq!((dry.reports, dry.verdicts, dry.inventories), (2, 2, 1));
        assert_eq!(store.list("").await.unwrap().len(), 8);
        let done = prune(&store, &rules, later, false).await.unwrap();
        assert_eq!(done, dry);
        assert_eq!(done.scan_ids, [&one, &two].map(|record| record.verdict().scan_id.clone()).into());
        assert!(!store.has(&one.verdict().inventory_key).await.unwrap());
        let keys: Vec<String> = store.list("").await.unwrap().into_iter().map(|meta| meta.key).collect();
        assert_eq!(keys.len(), 3, "{keys:?}");
        assert!(keys.contains(&three.verdict().inventory_key));
        let nothing = prune(&store, &rules, later, false).await.unwrap();
        assert_eq!((nothing.reports, nothing.verdicts, nothing.inventories), (0, 0, 0));
    });
}

#[test]
fn a_scan_that_is_stored_while_its_inventory_goes_finds_out() {
    blocking(async {
        let location = Location::parse("memory:///").unwrap();
        let store = Store::open_with(&location, &Options::default()).unwrap();
        let time: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let one = stored(&store, "r.example/app:1", time, "{}").await;
        let two = Record::new(
            &Subject::of("r.example/app:2", &[]),
            time,
            "{\"two\": 2}".into(),
            "{}".into(),
            Verdict::default(),
        );
        let begun = two.begin(&store).await.unwrap();
        assert_eq!(begun, Begun { is_new: true, has_rows: false, needs_inventory: false });
        store.delete(&one.verdict().inventory_key).await.unwrap();
        assert_eq!(two.finish(&store, begun).await.unwrap(), Finished::InventoryGone);
        // Broken off here, its rows are written when it is stored again, although its verdict stands.
        let again = two.begin(&store).await.unwrap();
        assert_eq!(again, Begun { is_new: false, has_rows: true, needs_inventory: true });
        assert!(again.needs_rows() && !begun.has_rows);
        two.put_inventory(&store).await.unwrap();
        assert!(!two.begin(&store).await.unwrap().needs_rows());
        // Broken off behind the report: done again, it is whole.
        store.delete(&store.list(VERDICTS).await.unwrap()[0].key).await.unwrap();
        let again = [one.begin(&store).await.unwrap(), two.begin(&store).await.unwrap()];
        assert_eq!(again.iter().filter(|begun| begun.has_rows).count(), 1);
    });
}

#[test]
fn inventories_go_in_lots_that_can_be_held() {
    let of = |sizes: &[u64]| -> Vec<Meta> {
        let meta = |&size_bytes: &u64| Meta {
            key: String::new(),
            size_bytes,
            modified: Timestamp::UNIX_EPOCH,
            e_tag: None,
        };
        sizes.iter().map(meta).collect()
    };
    let lots = |sizes: &[u64]| chunks(&of(sizes)).iter().map(|lot| lot.len()).collect::<Vec<_>>();
    assert_eq!(lots(&[]), [0_usize; 0]);
    assert_eq!(lots(&[1, 2, 3]), [3]);
    assert_eq!(lots(&[1, MAX_HELD_BYTES, 1, 1, MAX_HELD_BYTES * 3]), [1, 1, 2, 1]);
    assert_eq!(lots(&[1; MAX_HELD * 2 + 1]), [MAX_HELD, MAX_HELD, 1]);
}

#[test]
fn a_verdict_that_cannot_be_read_stops_before_anything_is_lost() {
    blocking(async {
        let location = Location::parse("memory:///").unwrap();
        let store = Store::open_with(&location, &Options::default()).unwrap();
        let one = stored(&store, "r.example/app:1", "2026-01-01T00:00:00Z".parse().unwrap(), "{}").await;
        let key = one.verdict().report_key.rsplit('/').next().unwrap().to_owned();
        let all = store.list(VERDICTS).await.unwrap();
        assert!(all[0].key.ends_with(&key));
        store.put(&all[0].key, "<html>", Put::Overwrite).await.unwrap();
        let later: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
        let rules = Rules { keep_last: Some(1), ..Rules::default() };
        let error = prune(&store, &rules, later, false).await.unwrap_err();
        assert!(error.to_string().contains("the verdict"), "{error}");
        assert_eq!(store.list("").await.unwrap().len(), 3);
    });
}
