//! A store through its public door: what is published is found, nothing is lost, damage is told.

#![expect(
    clippy::disallowed_methods,
    reason = "small files that the test itself has written, and its child's order"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use plimsoll_advisory::Document;
use plimsoll_db::{
    Builder, ChangeKind, Database, Error, FORMAT, Generation, Manifest, SourceInfo, Store, Update, diff,
    open, search,
};
use plimsoll_model::{
    Advisory, AdvisoryLookup, Affected, AffectedEvent, AffectedRange, AffectedStatus, Digest, Epss,
    EventKind, KevEntry, Namespace, Rating, RatingScale, Severity, VulnerabilityScore,
};

/// A folder of its own for one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("plimsoll-store-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self(path)
    }

    fn store(&self) -> Store {
        Store::at(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn namespace(text: &str) -> Namespace {
    Namespace::parse(text).expect("a known ecosystem")
}

/// `packages` are as in `Debian:12/curl<7.88`.
fn advisory(id: &str, packages: &[&str]) -> Document {
    let affected = |text: &&str| {
        let (space, rest) = text.rsplit_once('/').expect("a namespace");
        let (name, fixed) = rest.split_once('<').expect("a fixed version");
        let event = |kind, version: &str| AffectedEvent { kind, version: version.to_owned() };
        let events = vec![event(EventKind::Introduced, "0"), event(EventKind::Fixed, fixed)];
        Affected {
            ranges: vec![AffectedRange { events }],
            ..Affected::new(namespace(space), name.to_owned())
        }
    };
    Document::Advisory(Box::new(Advisory {
        id: id.to_owned(),
        upstream: vec![format!("CVE-of-{id}")],
        summary: format!("summary of {id}"),
        details: format!("details of {id}"),
        published: "2024-01-02T00:00:00Z".to_owned(),
        modified: "2024-05-06T07:08:09Z".to_owned(),
        affected: packages.iter().map(affected).collect(),
        ..Advisory::default()
    }))
}

fn withdrawn(id: &str) -> Document {
    Document::Withdrawn {
        source: String::new(),
        id: id.to_owned(),
        modified: "2025-01-01T00:00:00Z".to_owned(),
    }
}

fn publish(store: &Store, change: impl FnOnce(&mut Update)) -> Generation {
    let mut update = Update::new();
    change(&mut update);
    store.publish(&update).expect("the store is whole")
}

/// The IDs of the advisories that speak of a package, sorted, each with its source and summary.
fn found(lookup: &impl AdvisoryLookup, space: &str, name: &str) -> Vec<String> {
    let mut found: Vec<String> = lookup
        .candidates(&namespace(space), name)
        .expect("the store is whole")
        .iter()
        .map(|candidate| {
            let advisory = lookup.document(candidate.advisory).expect("the store is whole");
            format!("{} of {}: {}", advisory.id, advisory.source, advisory.summary)
        })
        .collect();
    found.sort();
    found
}

fn ids(generation: &Generation, space: &str, name: &str) -> Vec<String> {
    let snapshot = generation.open(&[namespace(space)]).expect("the store is whole");
    let mut ids: Vec<String> = snapshot
        .candidates(&namespace(space), name)
        .expect("the store is whole")
        .iter()
        .map(|candidate| snapshot.advisory(candidate.advisory).expect("the store is whole").id)
        .collect();
    ids.sort();
    ids
}

fn names(generation: &Generation) -> Vec<&str> {
    generation.manifest().partitions.iter().map(|info| &*info.name).collect()
}

fn first(store: &Store) -> Generation {
    publish(store, |update| {
        let debian = update.replace("osv", "Debian");
        debian.add(advisory("DSA-1", &["Debian:11/curl<7.74", "Debian:12/curl<7.88"]));
        debian.add(advisory("DSA-2", &["Debian:12/zlib<1.3"]));
        let tracker = update.replace("debian-tracker", "");
        tracker.add(advisory("DSA-1", &["Debian:12/curl<7.88-2"]));
        let pypi = update.replace("osv", "PyPI");
        pypi.add(advisory("GHSA-1", &["PyPI/flask<2", "npm/flask<3"]));
        let npm = update.replace("osv", "npm");
        npm.add(advisory("GHSA-1", &["PyPI/flask<2", "npm/flask<3"]));
        npm.add(advisory("MAL-1", &["npm/evil<9"]));
        let kev = |id: &str| KevEntry {
            id: id.to_owned(),
            date_added: "2024-02-03".to_owned(),
            due_date: "2024-03-04".to_owned(),
            ransomware: false,
            name: "Bad Thing".to_owned(),
        };
        update.replace("kev", "").add(Document::Kev(kev("CVE-of-DSA-1")));
        let epss = Epss { probability: 97_565, percentile: 99_999 };
        update.replace("epss", "").add(Document::Epss { id: "CVE-of-DSA-1".to_owned(), epss });
        let rating = Rating { source: "nvd".to_owned(), scale: RatingScale::Word(Severity::High) };
        update
            .replace("cve-severity", "")
            .add(Document::Score(VulnerabilityScore { id: "CVE-of-DSA-1".to_owned(), rating }));
        update.replace("nvd", "2024").add(advisory("CVE-of-DSA-1", &[]));
    })
}

#[test]
fn what_is_published_is_found() {
    let folder = Folder::new();
    let generation = first(&folder.store());
    assert_eq!(names(&generation), ["Debian", "Debian:11", "Debian:12", "PyPI", "cve", "epss", "npm", "nvd"]);
    folder.store().verify().unwrap();
    assert_eq!(generation.number(), 1);
    assert_eq!(generation.manifest().advisories, 6);
    assert_eq!(generation.manifest().source("osv", "Debian").unwrap().newest, "2024-05-06T07:08:09Z");
    assert_eq!(generation.manifest().source("kev", "").unwrap().newest, "2024-02-03");

    let snapshot = generation.open(&[namespace("Debian:12")]).unwrap();
    assert_eq!(
        found(&snapshot, "Debian:12", "curl"),
        ["DSA-1 of debian-tracker: summary of DSA-1", "DSA-1 of osv: summary of DSA-1"]
    );
    let candidates = snapshot.candidates(&namespace("Debian:12"), "curl").unwrap();
    for candidate in &candidates {
        let advisory = snapshot.document(candidate.advisory).unwrap();
        assert_eq!(advisory.details, "details of DSA-1", "of {}", advisory.source);
        assert_eq!(advisory.published, "2024-01-02T00:00:00Z");
    }
    assert!(snapshot.covers(&namespace("Debian:11")), "the manifest has it");
    assert!(snapshot.candidates(&namespace("Debian:11"), "curl").is_err(), "it was not opened");
    assert!(!snapshot.covers(&namespace("Debian:10")));
    assert_eq!(snapshot.candidates(&namespace("Debian:10"), "curl").unwrap(), []);
    let mut numbers = snapshot.known("CVE-of-DSA-1").unwrap().advisories;
    numbers.sort_unstable();
    let sources: Vec<String> =
        numbers.iter().map(|&number| snapshot.advisory(number).unwrap().source).collect();
    assert_eq!(sources, ["debian-tracker", "osv", "nvd"]);
    assert_eq!(snapshot.known("CVE-of-DSA-1").unwrap().kev.unwrap().name, "Bad Thing");
    assert_eq!(snapshot.known("CVE-of-DSA-1").unwrap().epss.unwrap().probability, 97_565);
    assert_eq!(snapshot.known("CVE-of-DSA-2").unwrap().epss, None);
    assert_eq!(snapshot.known("CVE-of-DSA-1").unwrap().scores.len(), 1);
    assert_eq!(snapshot.database_info().unwrap().digest, generation.digest().to_string());

    let all = generation.open_all().unwrap();
    all.verify().unwrap();
    assert_eq!(found(&all, "npm", "flask"), ["GHSA-1 of osv: summary of GHSA-1"]);
    assert_eq!(all.known("GHSA-1").unwrap().advisories.len(), 1, "it stands in two partitions");
    assert_eq!(all.info().unwrap().advisories, 6);
    assert_eq!(all.info().unwrap().ecosystems["Debian"].advisories, 3);
}

#[test]
fn statuses_notes_and_modules_are_kept() {
    let folder = Folder::new();
    let mut affected = Affected::new(namespace("Red Hat:8"), "nodejs".to_owned());
    affected.status = AffectedStatus::WillNotFix;
    affected.note = "Minor issue".to_owned();
    affected.module = "nodejs:18".to_owned();
    let advisory =
        Advisory { id: "CVE-1".to_owned(), affected: vec![affected.clone()], ..Advisory::default() };
    let generation = publish(&folder.store(), |update| {
        update.replace("redhat", "").add(Document::Advisory(Box::new(advisory)));
    });
    let snapshot = generation.open(&[namespace("Red Hat:8")]).unwrap();
    let found = snapshot.candidates(&namespace("Red Hat:8"), "nodejs").unwrap();
    assert_eq!(found[0].affected, affected);
    let database = generation.partition("Red Hat:8").unwrap();
    let block = database.blocks().next().unwrap().unwrap();
    let records = database.records(&block).unwrap();
    let Document::Advisory(record) = &records[0].document else { panic!("an advisory") };
    assert_eq!((record.affected.as_slice(), &*records[0].source), (&[affected][..], "redhat"));
}

#[test]
fn a_replacement_takes_old_records_away_and_a_patch_does_not() {
    let folder = Folder::new();
    let store = folder.store();
    let one = first(&store);
    let same = first(&store);
    assert_eq!((same.number(), same.digest()), (1, one.digest()), "nothing has changed");

    let two = publish(&store, |update| {
        let patch = update.patch("osv", "Debian");
        patch.add(advisory("DSA-3", &["Debian:12/curl<8"]));
        patch.add(advisory("DSA-1", &["Debian:12/curl<7.89"]));
        patch.remove("DSA-2");
    });
    assert_eq!(two.number(), 2);
    assert_eq!(ids(&two, "Debian:12", "curl"), ["DSA-1", "DSA-1", "DSA-3"]);
    assert_eq!(ids(&two, "Debian:12", "zlib"), [""; 0]);
    assert!(!names(&two).contains(&"Debian:11"), "nothing is left of it");
    assert!(!names(&two).contains(&"Debian"), "no text is shared any more");
    for name in ["PyPI", "cve", "epss", "npm", "nvd"] {
        assert_eq!(one.manifest().partition(name), two.manifest().partition(name), "{name}");
    }

    let three = publish(&store, |update| {
        update.replace("osv", "Debian").add(advisory("DSA-9", &["Debian:12/curl<8"]));
        update.patch("osv", "npm").add(withdrawn("MAL-1"));
        update.patch("debian-tracker", "").remove("DSA-404");
    });
    assert_eq!(ids(&three, "Debian:12", "curl"), ["DSA-1", "DSA-9"]);
    assert_eq!(ids(&three, "npm", "evil"), [""; 0]);
    assert_eq!(ids(&three, "PyPI", "flask"), ["GHSA-1"], "the other scope of the source is as it was");
    let four = publish(&store, |update| {
        update.replace("osv", "");
    });
    assert_eq!(names(&four), ["Debian:12", "cve", "epss", "nvd"]);
    assert_eq!(ids(&four, "Debian:12", "curl"), ["DSA-1"], "the tracker's");
    assert!(four.manifest().source("osv", "npm").is_none());
    assert_eq!(store.generations().unwrap().len(), 4);
    store.verify().unwrap();
}

#[test]
fn the_same_content_gives_the_same_manifest_whatever_the_road() {
    let (one, two) = (Folder::new(), Folder::new());
    let documents: Vec<Document> = (0..300)
        .map(|n| advisory(&format!("DSA-{n}"), &["Debian:11/a<1", "Debian:12/b<2"][n % 2..]))
        .collect();
    let forward = publish(&one.store(), |update| {
        for document in &documents {
            update.replace("osv", "Debian").add(document.clone());
        }
    });
    publish(&two.store(), |update| {
        update.replace("osv", "Debian").add(advisory("DSA-7", &["Debian:10/c<1"]));
    });
    for chunk in documents.chunks(70).rev() {
        publish(&two.store(), |update| {
            chunk.iter().rev().for_each(|document| update.patch("osv", "Debian").add(document.clone()));
        });
    }
    let backward = two.store().current().unwrap().unwrap();
    let partitions = |generation: &Generation| generation.manifest().partitions.clone();
    assert_eq!(partitions(&forward), partitions(&backward));
    for info in partitions(&forward) {
        let bytes = |folder: &Folder| {
            let path = folder.0.join(format!("partitions/{}.{FORMAT}.plimsoll", info.digest.hex()));
            fs::read(path).unwrap()
        };
        assert!(bytes(&one) == bytes(&two), "{}", info.name);
    }
}

fn many(count: usize, changed: Option<usize>) -> impl Iterator<Item = Document> {
    (0..count).map(move |n| {
        let fixed = if changed == Some(n) { 1_000_000 } else { n };
        let package = format!("PyPI/p{}<{fixed}", n % 700);
        let Document::Advisory(mut advisory) = advisory(&format!("PYSEC-{n}"), &[&*package]) else {
            panic!("an advisory")
        };
        advisory.published = format!("2024-{:02}-{:02}T00:00:00Z", n % 12 + 1, n % 28 + 1);
        advisory.details = format!("words {n} ").repeat(n % 40 + 10);
        Document::Advisory(advisory)
    })
}

fn block_digests(database: &Database) -> Vec<String> {
    database.blocks().map(|block| block.expect("a whole file").digest.to_string()).collect()
}

#[test]
fn one_changed_record_changes_one_block() {
    let folder = Folder::new();
    let store = folder.store();
    let replace = |changed| {
        publish(&store, |update| many(5000, changed).for_each(|d| update.replace("osv", "PyPI").add(d)))
    };
    let before = replace(None).partition("PyPI").unwrap();
    let old: Vec<String> = block_digests(&before);
    assert!(old.len() > 40, "{}", old.len());
    for changed in [0, 1, 1234, 4999] {
        let after = replace(Some(changed)).partition("PyPI").unwrap();
        let new = block_digests(&after);
        let others = new.iter().filter(|digest| !old.contains(digest)).count();
        assert_eq!((others, new.len()), (1, old.len()), "record {changed}");
    }
    // A new record, and one that is gone: the block, and its neighbour at most.
    for change in ["add", "remove"] {
        replace(None);
        let after = publish(&store, |update| {
            let patch = update.patch("osv", "PyPI");
            match change {
                "add" => patch.add(advisory("PYSEC-new", &["PyPI/new<1"])),
                _ => patch.remove("PYSEC-77"),
            }
        });
        let new = block_digests(&after.partition("PyPI").unwrap());
        let others = new.iter().filter(|digest| !old.contains(digest)).count();
        assert!((1..=2).contains(&others), "{change}: {others}");
    }
    // Frames of blocks that are the same are taken as they are.
    let after = store.current().unwrap().unwrap().partition("PyPI").unwrap();
    for block in after.blocks().map(Result::unwrap) {
        if let Some(old) = before.blocks().map(Result::unwrap).find(|old| old.digest == block.digest) {
            assert_eq!(old.frame, block.frame);
        }
    }
}

#[test]
fn a_partition_is_rebuilt_from_its_blocks() {
    let (folder, other) = (Folder::new(), Folder::new());
    let generation = publish(&folder.store(), |update| {
        many(500, None).for_each(|document| update.replace("osv", "PyPI").add(document));
        update.replace("osv", "Debian").add(advisory("DSA-1", &["Debian:11/a<1", "Debian:12/b<2"]));
    });
    let pulled = other.store();
    assert!(matches!(pulled.adopt(generation.manifest_bytes(), false), Err(Error::Partition { .. })));
    assert!(pulled.current().unwrap().is_none());
    for info in &generation.manifest().partitions {
        let database = generation.partition(&info.name).unwrap();
        let frames: Vec<Vec<u8>> = database.blocks().map(|block| block.unwrap().frame.to_vec()).collect();
        let dictionary = database.dictionary_bytes();
        assert_eq!(dictionary.is_empty(), info.name != "PyPI", "only that one is large enough");
        let rebuilt = Builder::from_blocks(&info.name, dictionary, frames.clone()).unwrap();
        assert!(rebuilt == fs::read(database.path()).unwrap(), "{}", info.name);
        let renamed = Builder::from_blocks("other", dictionary, frames.clone()).unwrap();
        assert_ne!(Database::from_bytes(renamed).unwrap().content_digest(), info.digest);
        let mut writer = pulled.partition_writer(&info.name, dictionary).unwrap();
        for (frame, block) in frames.iter().zip(database.blocks()) {
            assert_eq!(writer.push(frame).unwrap(), block.unwrap().digest);
        }
        assert_eq!(writer.finish().unwrap(), *info);
        if frames.len() > 1 {
            let swapped = frames.iter().rev().cloned();
            assert!(matches!(
                Builder::from_blocks(&info.name, dictionary, swapped),
                Err(Error::Block { .. })
            ));
            let twice = frames.iter().chain(&frames).cloned();
            assert!(matches!(Builder::from_blocks(&info.name, dictionary, twice), Err(Error::Block { .. })));
        }
        let known = folder.store().known_blocks().unwrap();
        for block in database.blocks().map(Result::unwrap) {
            let (ours, other) = (sha256(dictionary), sha256(b"another"));
            assert_eq!(known.frame(&block.digest, &ours), Some(block.frame));
            assert!(known.contains(&block.digest, &ours) && !known.contains(&block.digest, &other));
        }
    }
    let adopted = pulled.adopt(generation.manifest_bytes(), false).unwrap();
    assert_eq!(adopted.digest(), generation.digest());
    assert_eq!(pulled.adopt(generation.manifest_bytes(), false).unwrap().number(), 1);
    pulled.verify().unwrap();
    assert_eq!(diff(&generation, &adopted).unwrap(), []);
}

#[test]
fn what_a_fetched_block_unpacks_to_is_counted_and_not_what_its_frames_say() {
    let folder = Folder::new();
    let name = "a".repeat(100_000);
    let Document::Advisory(mut long) = advisory(&format!("UBUNTU-{name}"), &["npm/a<1"]) else {
        unreachable!()
    };
    long.aliases = vec![name; 300];
    let generation = publish(&folder.store(), |update| {
        update.replace("osv", "npm").add(Document::Advisory(long));
    });
    let info = &generation.manifest().partitions[0];
    let database = generation.partition(&info.name).unwrap();
    let other = Folder::new();
    let mut writer = other.store().partition_writer(&info.name, database.dictionary_bytes()).unwrap();
    assert_eq!(writer.unpacked_bytes(), 0);
    for block in database.blocks() {
        let block = block.unwrap();
        assert!(block.frame.len() < 10_000, "{}", block.frame.len());
        writer.push(block.frame).unwrap();
    }
    assert_eq!(writer.unpacked_bytes(), info.size_bytes);
    assert!(info.size_bytes > 30_000_000, "{}", info.size_bytes);
    assert_eq!(writer.finish().unwrap(), *info);
}

fn sha256(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest::sha256(&sha2::Sha256::digest(bytes).into())
}

/// A block of one frame.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let frame = zstd::bulk::compress(bytes, 1).expect("memory is enough");
    [&u32::try_from(frame.len()).expect("it is short").to_le_bytes()[..], &frame].concat()
}

#[test]
fn foreign_blocks_are_refused() {
    let database = {
        let mut builder = Builder::new();
        many(30, None).for_each(|document| builder.add_document(document));
        Database::from_bytes(builder.to_bytes().unwrap()).unwrap()
    };
    let frame = database.blocks().next().unwrap().unwrap().frame.to_vec();
    let refuse = |frame: Vec<u8>, why: &str| {
        assert!(matches!(Builder::from_blocks("PyPI", &[], [frame]), Err(Error::Block { .. })), "{why}");
    };
    refuse(Vec::new(), "empty");
    refuse(b"<html>not here</html>".to_vec(), "a page");
    refuse([&frame[..], &frame].concat(), "two blocks");
    refuse([&frame[..], b"x"].concat(), "a byte more");
    for end in 0..frame.len() {
        refuse(frame[..end].to_vec(), "cut short");
    }
    refuse(packed(&[]), "no block");
    refuse(packed(&[0, 0]), "no record");
    refuse(packed(&[0xff; 100]), "huge numbers");
    refuse(packed(&vec![0; 65 * 1024 * 1024]), "a bomb");
    let sizeless = zstd::stream::encode_all(&b"\x01\x00\x00\x00"[..], 1).unwrap();
    let length = u32::try_from(sizeless.len()).unwrap().to_le_bytes();
    refuse([&length[..], &sizeless].concat(), "a frame without its size");
    // A block whose bytes are changed gives another digest, or is none.
    let length = usize::try_from(u32::from_le_bytes(*frame.first_chunk().unwrap())).unwrap();
    let (first, texts) = frame[4..].split_at(length);
    let unpacked = zstd::bulk::decompress(first, 1 << 20).unwrap();
    for index in (0..unpacked.len()).step_by(3) {
        let mut bytes = unpacked.clone();
        bytes[index] ^= 0x81;
        if let Ok(file) = Builder::from_blocks("*", &[], [[&packed(&bytes)[..], texts].concat()]) {
            assert_ne!(Database::from_bytes(file).unwrap().content_digest(), database.content_digest());
        }
    }
    assert!(Builder::from_blocks("", &[], [frame.clone()]).is_err());
    assert!(Builder::from_blocks(&"x".repeat(2000), &[], [frame.clone()]).is_err());
    assert!(Builder::from_blocks("*", b"1234", [frame.clone()]).is_err(), "a dictionary that is none");
    assert!(
        Builder::from_blocks("*", &vec![0; 200 << 10], [frame]).is_err(),
        "a dictionary that is too long"
    );
}

#[test]
fn the_next_generation_keeps_the_dictionary_and_its_blocks() {
    let (folder, other) = (Folder::new(), Folder::new());
    let store = folder.store();
    let one = publish(&store, |update| {
        many(2_000, None).for_each(|document| update.replace("osv", "PyPI").add(document));
    });
    let first = one.partition("PyPI").unwrap();
    assert!(!first.dictionary_bytes().is_empty());
    let two = publish(&store, |update| {
        update.patch("osv", "PyPI").add(advisory("PYSEC-NEW", &["PyPI/new<2"]));
    });
    let second = two.partition("PyPI").unwrap();
    assert_ne!(first.content_digest(), second.content_digest());
    assert_eq!(first.dictionary_bytes(), second.dictionary_bytes());
    let old: BTreeMap<String, &[u8]> =
        first.blocks().map(Result::unwrap).map(|block| (block.digest.to_string(), block.frame)).collect();
    let mut kept = 0;
    for block in second.blocks().map(Result::unwrap) {
        if let Some(frame) = old.get(&block.digest.to_string()) {
            assert_eq!(*frame, block.frame);
            kept += 1;
        }
    }
    assert!(kept + 2 >= old.len(), "{kept} of {}", old.len());
    // Once there is more than twice as much, it is trained anew, and all can be read.
    let three = publish(&store, |update| {
        many(6_000, None).for_each(|document| update.replace("osv", "PyPI").add(document));
    });
    let third = three.partition("PyPI").unwrap();
    assert_ne!(third.dictionary_bytes(), first.dictionary_bytes());
    store.verify().unwrap();
    // What was built at once has the same digest, whatever dictionaries there were before.
    let at_once = publish(&other.store(), |update| {
        many(6_000, None).for_each(|document| update.replace("osv", "PyPI").add(document));
    });
    assert_eq!(at_once.digest(), three.digest());
}

#[test]
fn a_damaged_dictionary_or_second_frame_is_an_error() {
    let folder = Folder::new();
    let generation = publish(&folder.store(), |update| {
        many(1_000, None).for_each(|document| update.replace("osv", "PyPI").add(document));
    });
    let database = generation.partition("PyPI").unwrap();
    let good = fs::read(database.path()).unwrap();
    let place = |part: &[u8]| good.windows(part.len()).position(|found| found == part).unwrap();
    let dictionary = place(database.dictionary_bytes());
    let block = database.blocks().next().unwrap().unwrap().frame;
    let behind = place(block) + block.len();
    let change = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Database::from_bytes(bytes).unwrap()
    };
    for at in
        [dictionary + 8, dictionary + 20, dictionary + database.dictionary_bytes().len() - 1, behind - 1]
    {
        let damaged = change(at, good[at] ^ 0x10);
        assert!(matches!(damaged.verify(), Err(Error::Damaged { .. })), "{at}");
        for block in damaged.blocks().map(Result::unwrap) {
            drop(damaged.records(&block));
        }
    }
    // One that is no dictionary any more.
    let damaged = change(dictionary + 8 + 9, good[dictionary + 8 + 9] ^ 0xff);
    drop(damaged.advisory(0));
    assert!(damaged.verify().is_err());
}

#[test]
fn a_damaged_manifest_does_not_take_those_before_it_along() {
    let folder = Folder::new();
    let store = folder.store();
    let next = |scope: &str, id: &str| {
        let package = format!("{scope}/name<2");
        publish(&store, |update| update.replace("osv", scope).add(advisory(id, &[package.as_str()])))
    };
    let (first, second) = (next("PyPI", "GHSA-1"), next("npm", "GHSA-2"));
    let file = |generation: &Generation| {
        store.path().join("generations").join(format!("{:020}.json", generation.number()))
    };
    fs::write(file(&second), b"").unwrap();
    assert_eq!(store.current().unwrap().unwrap().digest(), first.digest());
    let third = next("Go", "GO-3");
    assert!(third.number() > second.number(), "the damaged number is passed over");
    assert_eq!(store.current().unwrap().unwrap().digest(), third.digest());
    fs::write(file(&first), b"{").unwrap();
    fs::write(file(&third), b"{").unwrap();
    assert!(store.current().is_err(), "where none can be read it is said");
}

#[test]
fn damage_is_told_with_partition_and_file() {
    let folder = Folder::new();
    let store = folder.store();
    let generation = first(&store);
    let info = generation.manifest().partition("Debian:12").unwrap();
    let path = folder.0.join(format!("partitions/{}.{FORMAT}.plimsoll", info.digest.hex()));
    let whole = fs::read(&path).unwrap();
    let shown = path.display();
    let start = format!(
        "cannot open partition `Debian:12` of the advisory database: expected a partition with digest `{}` in `{shown}`, found ",
        info.digest
    );
    let check = |found: &str| {
        let error = open(&folder.0, Some(&[namespace("Debian:12")]), None).unwrap_err();
        assert_eq!(error.to_string(), format!("{start}{found}"));
        assert!(error.hint().unwrap().contains("plimsoll db update"));
        assert!(open(&folder.0, Some(&[namespace("PyPI")]), None).is_ok(), "the others are whole");
    };
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    check(&format!("damage: expected {} bytes, found {}", whole.len(), whole.len() / 2));
    fs::write(&path, b"<html>").unwrap();
    check("`<html>`");
    let other = generation.partition("PyPI").unwrap();
    fs::copy(other.path(), &path).unwrap();
    check(&format!("one with digest `{}`", other.content_digest()));
    fs::remove_file(&path).unwrap();
    check("no such file");
    // What replaces all of it does not need it.
    let mended = publish(&store, |update| {
        update.replace("debian-tracker", "");
        update.replace("osv", "Debian").add(advisory("DSA-5", &["Debian:12/curl<9"]));
    });
    assert_eq!(ids(&mended, "Debian:12", "curl"), ["DSA-5"]);

    let manifest = folder.0.join("generations/00000000000000000002.json");
    let bytes = fs::read(&manifest).unwrap();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(Manifest::parse(&changed, "x").is_err(), "byte {index}");
        assert!(Manifest::parse(&bytes[..index], "x").is_err(), "{index} bytes");
    }
    // The one before is read in its place; where none can be read, that is said.
    fs::write(&manifest, "{}").unwrap();
    assert_eq!(store.current().unwrap().unwrap().number(), 1);
    fs::write(folder.0.join("generations/00000000000000000001.json"), "{}").unwrap();
    let error = store.current().unwrap_err();
    assert!(matches!(&error, Error::Manifest { .. }), "{error}");
    assert!(error.hint().is_some());
    let empty = Folder::new();
    fs::create_dir_all(empty.0.join("generations")).unwrap();
    assert!(matches!(open(&empty.0, None, None), Err(Error::Empty { .. })));
}

#[test]
fn a_generation_is_opened_by_its_digest() {
    let folder = Folder::new();
    let store = folder.store();
    let one = first(&store);
    let two = publish(&store, |update| {
        update.replace("osv", "npm");
    });
    let open_at = |generation: &Generation| open(&folder.0, None, Some(generation.digest())).unwrap();
    assert_eq!(found(&open_at(&one), "npm", "evil").len(), 1);
    assert!(!open_at(&two).covers(&namespace("npm")));
    assert_eq!(open(&folder.0, None, None).unwrap().digest(), *two.digest());
    let unknown = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let error = open(&folder.0, None, Some(&unknown)).unwrap_err();
    assert!(error.to_string().ends_with("found 2 others"), "{error}");
}

#[test]
fn pruning_keeps_what_counts_and_what_is_pinned() {
    let folder = Folder::new();
    let store = folder.store();
    let one = first(&store);
    let generations: Vec<Generation> = (0..4)
        .map(|n| {
            publish(&store, |update| {
                let package = format!("npm/left-pad<{n}");
                update.replace("osv", "npm").add(advisory("GHSA-9", &[&*package]));
            })
        })
        .collect();
    store.pin(one.digest()).unwrap();
    assert!(store.pin(&format!("sha256:{}", "0".repeat(64)).parse().unwrap()).is_err());
    fs::write(folder.0.join("partitions/.tmp-1-1"), "x").unwrap();
    fs::write(folder.0.join("generations/.tmp-1-2"), "x").unwrap();
    let young = store.prune(1, Duration::from_hours(1), UNIX_EPOCH).unwrap();
    assert_eq!(young, plimsoll_db::Pruned::default(), "everything is young");
    let later = UNIX_EPOCH + Duration::from_secs(100_000_000_000);
    let snapshot = generations[0].open_all().unwrap();
    let pruned = store.prune(2, Duration::from_hours(1), later).unwrap();
    assert_eq!((pruned.generations, pruned.partitions, pruned.temporary_files), (2, 2, 2));
    let left: Vec<u64> = store.generations().unwrap().iter().map(Generation::number).collect();
    assert_eq!(left, [1, 4, 5]);
    store.generations().unwrap().iter().for_each(|generation| drop(generation.open_all().unwrap()));
    assert_eq!(found(&snapshot, "npm", "left-pad").len(), 1, "what is open stays");
    store.unpin(one.digest()).unwrap();
    store.unpin(one.digest()).unwrap();
    store.prune(0, Duration::ZERO, later).unwrap();
    let left: Vec<u64> = store.generations().unwrap().iter().map(Generation::number).collect();
    assert_eq!(left, [5], "the current one always stays");
    store.verify().unwrap();
    assert_eq!(publish(&store, |update| _ = update.replace("osv", "")).number(), 6);
}

#[test]
fn a_diff_names_what_is_to_be_matched_again() {
    let folder = Folder::new();
    let store = folder.store();
    let one = first(&store);
    let two = publish(&store, |update| {
        let patch = update.patch("osv", "Debian");
        patch.add(advisory("DSA-1", &["Debian:11/curl<7.75", "Debian:12/curl<7.88"]));
        patch.add(advisory("DSA-3", &["Debian:12/zlib<1.4"]));
        patch.remove("DSA-2");
        let Document::Advisory(mut texts) = advisory("MAL-1", &["npm/evil<9"]) else { panic!("an advisory") };
        texts.summary = "other words".to_owned();
        update.patch("osv", "npm").add(Document::Advisory(texts));
        update.replace("kev", "");
    });
    let shown: Vec<String> = diff(&one, &two)
        .unwrap()
        .iter()
        .map(|change| {
            let packages: Vec<String> =
                change.packages.iter().map(|(n, name)| format!("{n}/{name}")).collect();
            let kind = match &change.kind {
                ChangeKind::Added => "added".to_owned(),
                ChangeKind::Removed => "removed".to_owned(),
                ChangeKind::Changed(fields) => fields.join(" "),
            };
            format!("{} {} {}: {kind}: {}", change.partition, change.source, change.id, packages.join(", "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Debian:11 osv DSA-1: affected: Debian:11/curl",
            "Debian:12 osv DSA-2: removed: Debian:12/zlib",
            "Debian:12 osv DSA-3: added: Debian:12/zlib",
            "cve kev CVE-of-DSA-1: removed: ",
            "npm osv MAL-1: summary: ",
        ]
    );
    assert_eq!(diff(&two, &two).unwrap(), []);
    assert_eq!(diff(&two, &one).unwrap().len(), 5);
}

#[test]
fn a_database_is_searched_by_id_and_by_name() {
    let folder = Folder::new();
    let snapshot = first(&folder.store()).open_all().unwrap();
    let packages = |text: &str, limit: usize| -> Vec<String> {
        let found = search(&snapshot, text, limit).unwrap();
        found.packages.iter().map(|p| format!("{}/{} {}", p.namespace, p.name, p.entries)).collect()
    };
    assert_eq!(search(&snapshot, "ghsa-1", 9).unwrap().advisories.len(), 1);
    assert_eq!(search(&snapshot, "CVE-of-DSA-1", 9).unwrap().advisories.len(), 3);
    assert_eq!(packages("curl", 9), ["Debian:11/curl 1", "Debian:12/curl 2"]);
    assert_eq!(packages("Debian:12/curl", 9), ["Debian:12/curl 2"]);
    assert_eq!(packages("pkg:pypi/Flask@1.0", 9), ["PyPI/flask 1"], "npm distinguishes case");
    assert_eq!(packages("LAS", 9), ["npm/flask 1", "PyPI/flask 1"], "a part of names");
    assert!(search(&snapshot, "las", 1).unwrap().is_cut);
    assert_eq!(search(&snapshot, "", 9).unwrap(), plimsoll_db::SearchResult::default());
    assert_eq!(packages("nothing of that name", 9), [""; 0]);
}

#[test]
fn what_was_read_is_told_by_source() {
    let folder = Folder::new();
    let store = folder.store();
    let mut report = plimsoll_advisory::ReadReport { records: 9, failed: 60, ..Default::default() };
    report.failures = (0..60)
        .map(|n| plimsoll_advisory::Failure { place: format!("{n}.json"), reason: "é".repeat(2000) })
        .collect();
    let generation = publish(&store, |update| {
        update.replace("osv", "npm").add(advisory("GHSA-1", &["npm/a<1"]));
        update.report(SourceInfo::new("osv", "npm", "CC-BY-4.0", &report));
    });
    let info = generation.manifest().source("osv", "npm").unwrap().clone();
    assert_eq!((info.records, info.failed, info.failures.len()), (9, 60, 50));
    assert_eq!(info.newest, "2024-05-06T07:08:09Z");
    let patched = publish(&store, |update| {
        update.patch("osv", "npm").add(advisory("GHSA-2", &["npm/b<1"]));
    });
    assert_eq!(*patched.manifest().source("osv", "npm").unwrap(), info, "of a patch the old report stays");
}

/// Each writer has its own scope and counts up in it; a reader must see each scope whole, and never an older number.
#[test]
fn writers_lose_nothing_and_readers_see_whole_generations() {
    const WRITERS: usize = 5;
    const ROUNDS: usize = 12;
    const READERS: usize = 20;
    let folder = Folder::new();
    let space = |writer: usize| format!("Alpine:v3.{writer}");
    let write = |writer: usize| {
        let store = folder.store();
        for round in 1..=ROUNDS {
            publish(&store, |update| {
                let changes = update.replace("secdb", &format!("{}/main", space(writer)));
                for record in 0..20 {
                    let package = format!("{}/p{record}<{round}", space(writer));
                    changes.add(advisory(&format!("CVE-{record}"), &[&*package]));
                }
            });
        }
    };
    let is_done = AtomicBool::new(false);
    let read = || {
        let mut seen = [0; WRITERS];
        let mut opened = 0;
        while !is_done.load(Ordering::Acquire) || opened == 0 {
            let Some(generation) = folder.store().current().unwrap() else { continue };
            let snapshot = generation.open_all().unwrap();
            opened += 1;
            for (writer, seen) in seen.iter_mut().enumerate() {
                let rounds: BTreeSet<usize> = (0..20)
                    .flat_map(|record| {
                        let name = format!("p{record}");
                        snapshot.candidates(&namespace(&space(writer)), &name).unwrap()
                    })
                    .map(|found| found.affected.ranges[0].events[1].version.parse().unwrap())
                    .collect();
                assert!(rounds.len() <= 1, "a scope is seen whole: {rounds:?}");
                let round = rounds.into_iter().next().unwrap_or_default();
                assert!(round >= *seen, "time does not run back");
                *seen = round;
            }
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        let written: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_done.store(true, Ordering::Release);
        let read: Vec<_> = readers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        assert!(written.iter().all(Result::is_ok) && read.iter().all(Result::is_ok));
    });
    let store = folder.store();
    store.verify().unwrap();
    let last = store.current().unwrap().unwrap();
    assert_eq!(last.number(), (WRITERS * ROUNDS) as u64, "each change is a generation");
    for writer in 0..WRITERS {
        let snapshot = last.open(&[namespace(&space(writer))]).unwrap();
        let found = snapshot.candidates(&namespace(&space(writer)), "p7").unwrap();
        assert_eq!(found[0].affected.ranges[0].events[1].version, ROUNDS.to_string());
    }
    let left = |name: &str| fs::read_dir(folder.0.join(name)).unwrap().map(|e| e.unwrap().file_name());
    assert!(!left("generations").chain(left("partitions")).any(|name| name.as_encoded_bytes()[0] == b'.'));
}

const CHILD: &str = "PLIMSOLL_TEST_CHILD_STORE";

/// Not a test of its own: what the child process of the next one does, until it is ended.
#[test]
fn child_publishes_until_it_is_ended() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::at(Path::new(&path));
    for round in 0..100_000 {
        publish(&store, |update| {
            let changes = update.replace("osv", "npm");
            many_of(round).for_each(|document| changes.add(document));
        });
    }
}

fn many_of(round: usize) -> impl Iterator<Item = Document> {
    (0..50).map(move |record| {
        let package = format!("npm/p{record}<{round}");
        advisory(&format!("GHSA-{record}"), &[&*package])
    })
}

#[test]
fn a_process_that_is_ended_at_any_moment_leaves_a_whole_store() {
    let folder = Folder::new();
    let store = folder.store();
    first(&store);
    let program = std::env::current_exe().unwrap();
    for attempt in 0..12_u64 {
        let mut child = std::process::Command::new(&program)
            .args(["--exact", "child_publishes_until_it_is_ended", "--test-threads=1"])
            .env(CHILD, &folder.0)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(20_000 + attempt * 7_919));
        child.kill().unwrap();
        child.wait().unwrap();
        store.verify().unwrap();
        let snapshot = open(&folder.0, None, None).unwrap();
        assert_eq!(found(&snapshot, "Debian:12", "curl").len(), 2, "attempt {attempt}");
        let rounds: BTreeSet<String> = (0..50)
            .flat_map(|n| snapshot.candidates(&namespace("npm"), &format!("p{n}")).unwrap())
            .map(|found| found.affected.ranges[0].events[1].version.clone())
            .collect();
        assert!(rounds.len() <= 1, "attempt {attempt}: {rounds:?}");
    }
    assert!(store.current().unwrap().unwrap().number() > 1, "the child came to publish");
    let later = UNIX_EPOCH + Duration::from_secs(100_000_000_000);
    store.prune(1, Duration::ZERO, later).unwrap();
    store.verify().unwrap();
    let left = |name: &str| fs::read_dir(folder.0.join(name)).unwrap().map(|e| e.unwrap().file_name());
    assert!(!left("generations").chain(left("partitions")).any(|name| name.as_encoded_bytes()[0] == b'.'));
}
