//! Artifacts in files: written, read back, and everything that may be wrong with one.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and read what they made"
)]

mod world;

use std::fs;
use std::sync::Mutex;

use expect_test::expect;
use plimsoll_artifact::{
    CHUNK_MEDIA_TYPE, DICTIONARY_MEDIA_TYPE, Error, Packing, Progress, Taking, export, import,
};
use plimsoll_attest::{PrivateKey, Trust, Verified};
use plimsoll_model::Namespace;
use world::{CREATED, Folder, change, files, fill, forge, pack, packing, show, taking, unpack};

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let folder = Folder::new();
    let here = folder.store("here");
    let generation = fill(&here, 1_000);
    let file = folder.path("db.tar");
    let exported = export(&generation, &file, &packing(None)).unwrap();
    assert_eq!(&exported.database, generation.digest());
    assert!(exported.chunks > 4, "{}", exported.chunks);
    assert!(!exported.signed);

    let there = folder.store("there");
    let trust = Trust::anyone();
    let received = import(&file, &there, &taking(&trust)).unwrap();
    assert_eq!(received.generation.digest(), generation.digest());
    assert_eq!(received.generation.manifest_bytes(), generation.manifest_bytes());
    assert_eq!((received.verified, received.created.as_str()), (Verified::NotAsked, CREATED));
    assert_eq!(received.digest, exported.digest);
    assert_eq!((received.fetched_chunks, received.known_chunks), (exported.chunks, 0));
    assert!(!received.unchanged);
    there.verify().unwrap();
    assert_eq!(there.current().unwrap().unwrap().open_all().unwrap().digest(), *generation.digest());

    // Once more there is nothing to do.
    let again = import(&file, &there, &taking(&trust)).unwrap();
    assert!(again.unchanged);
    assert_eq!((again.fetched_chunks, again.partitions), (0, 0));
    assert_eq!(again.generation.number(), received.generation.number());

    // What was imported is exported to the same bytes.
    let second = folder.path("second.tar");
    export(&received.generation, &second, &packing(None)).unwrap();
    assert!(fs::read(&file).unwrap() == fs::read(&second).unwrap());
    assert!(!files(folder.0.path()).iter().any(|path| path.to_string_lossy().ends_with(".part")));
}

#[test]
fn of_a_changed_database_little_is_read() {
    let folder = Folder::new();
    let here = folder.store("here");
    let (first, second) = (folder.path("first.tar"), folder.path("second.tar"));
    export(&fill(&here, 1_000), &first, &packing(None)).unwrap();
    let generation = change(&here, 700);
    let exported = export(&generation, &second, &packing(None)).unwrap();
    let there = folder.store("there");
    let trust = Trust::anyone();
    import(&first, &there, &taking(&trust)).unwrap();
    let received = import(&second, &there, &taking(&trust)).unwrap();
    assert_eq!(received.generation.digest(), generation.digest());
    assert_eq!(received.partitions, 1);
    assert!(received.fetched_chunks <= 3, "{} of {}", received.fetched_chunks, exported.chunks);
    assert!(received.known_chunks > 0);
    let dictionary = |generation: &plimsoll_db::Generation| {
        generation.partition("PyPI").unwrap().dictionary_bytes().to_vec()
    };
    assert!(!dictionary(&generation).is_empty());
    assert_eq!(dictionary(&generation), dictionary(&received.generation));
    there.verify().unwrap();
    // Back to the first: nothing of it was thrown away.
    let back = import(&first, &there, &taking(&trust)).unwrap();
    assert_eq!((back.fetched_chunks, back.unchanged), (0, false));
    assert_eq!(there.generations().unwrap().len(), 3);
}

#[test]
fn what_is_older_than_what_is_here_is_refused_before_any_of_it_is_read() {
    let folder = Folder::new();
    let (here, there) = (folder.store("here"), folder.store("there"));
    let (old, new) = (folder.path("old.tar"), folder.path("new.tar"));
    let key = PrivateKey::generate().unwrap();
    export(&fill(&here, 20), &old, &packing(Some(&key))).unwrap();
    let later = Packing { created: "2026-01-03T01:00:00+01:00", ..packing(Some(&key)) };
    let newer = export(&change(&here, 7), &new, &later).unwrap();
    let trust = Trust::keys(vec![key.public()]);
    let held = "2026-01-03T00:00:00Z";
    let taking = Taking { not_before: Some(held), ..taking(&trust) };
    // The same moment is not older, in whatever zone it is written.
    assert_eq!(import(&new, &there, &taking).unwrap().generation.digest(), &newer.database);
    let error = import(&old, &there, &taking).unwrap_err();
    assert!(error.hint().unwrap().contains("--allow-older"));
    expect!["cannot take over `FOLDER/old.tar`: expected a database at least as new as the one here, of 2026-01-03T00:00:00Z, found one of 2026-01-02T03:04:05Z"]
        .assert_eq(&show(&folder, Err(error)));
    assert_eq!(there.current().unwrap().unwrap().digest(), &newer.database);
    // It is taken where it is asked for, and then it is what is here.
    import(&old, &there, &Taking { not_before: None, ..taking }).unwrap();
    assert!(import(&old, &there, &taking).unwrap().unchanged);
    // Where nothing is known of what is here, nothing is older.
    assert!(import(&old, &there, &Taking { not_before: Some("unknown"), ..taking }).is_ok());
}

#[test]
fn a_partition_that_is_damaged_is_read_anew() {
    let folder = Folder::new();
    let file = folder.path("db.tar");
    export(&fill(&folder.store("here"), 20), &file, &packing(None)).unwrap();
    let there = folder.store("there");
    let trust = Trust::anyone();
    import(&file, &there, &taking(&trust)).unwrap();
    let partitions = files(&there.path().join("partitions"));
    fs::remove_file(&partitions[0]).unwrap();
    fs::write(&partitions[1], b"PLIMSOLL").unwrap();
    let received = import(&file, &there, &taking(&trust)).unwrap();
    assert_eq!(received.partitions, 2);
    there.verify().unwrap();
}

#[test]
fn only_what_is_wanted_is_read() {
    let folder = Folder::new();
    let file = folder.path("db.tar");
    let generation = fill(&folder.store("here"), 50);
    export(&generation, &file, &packing(None)).unwrap();
    let there = folder.store("there");
    let trust = Trust::anyone();
    let wanted = [Namespace::parse("Debian:12").unwrap()];
    let some = Taking { wanted: Some(&wanted), ..taking(&trust) };
    let received = import(&file, &there, &some).unwrap();
    let here = |name: &str| received.generation.partition(name).is_ok();
    assert_eq!(
        ["Debian:12", "Debian", "cve", "Debian:11", "PyPI"].map(here),
        [true, true, true, false, false]
    );
    assert_eq!(received.generation.digest(), generation.digest(), "it is a part of the same database");
    assert!(import(&file, &there, &some).unwrap().unchanged);
    // The rest is added to it.
    let whole = import(&file, &there, &taking(&trust)).unwrap();
    assert_eq!((whole.partitions, whole.unchanged), (2, false));
    assert_eq!(whole.generation.number(), received.generation.number());
    there.verify().unwrap();
    // Of a part no artifact is made.
    let part = folder.store("part");
    let received = import(&file, &part, &some).unwrap();
    let error = export(&received.generation, &folder.path("part.tar"), &packing(None)).unwrap_err();
    assert!(error.to_string().contains("Debian:11"), "{error}");
    assert!(!folder.path("part.tar").exists());
}

#[test]
fn the_same_generation_key_and_moment_give_the_same_bytes() {
    let folder = Folder::new();
    let generation = fill(&folder.store("here"), 20);
    let key = PrivateKey::generate().unwrap();
    let (one, two) = (folder.path("one.tar"), folder.path("two.tar"));
    let exported = export(&generation, &one, &packing(Some(&key))).unwrap();
    assert!(exported.signed);
    export(&generation, &two, &packing(Some(&key))).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    let other = Packing { created: "2026-01-03T00:00:00Z", ..packing(Some(&key)) };
    assert_ne!(export(&generation, &two, &other).unwrap().digest, exported.digest);
    let none = Packing { created: "today", ..packing(None) };
    let error = export(&generation, &two, &none).unwrap_err().to_string();
    expect!["cannot write the database as an artifact: expected the moment it was last compared with its sources, found `today`"].assert_eq(&error);
    let error = export(&generation, &folder.path("no/such/folder.tar"), &packing(None)).unwrap_err();
    assert!(matches!(error, Error::Write { .. }));
}

#[test]
fn a_key_is_believed_and_no_other() {
    let folder = Folder::new();
    let generation = fill(&folder.store("here"), 20);
    let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let (signed, unsigned) = (folder.path("signed.tar"), folder.path("unsigned.tar"));
    export(&generation, &signed, &packing(Some(&key))).unwrap();
    export(&generation, &unsigned, &packing(None)).unwrap();
    let trust = Trust::keys(vec![other.public(), key.public()]);
    let received = import(&signed, &folder.store("good"), &taking(&trust)).unwrap();
    let Verified::By { key: by, claim } = received.verified else { panic!("a signature was verified") };
    assert_eq!((by, claim.digest), (key.public().id(), received.digest));

    let there = folder.store("there");
    let wrong = Trust::keys(vec![other.public()]);
    for (file, trust, found) in [
        (&unsigned, &trust, "found no signature"),
        (&unsigned, &wrong, "found no signature"),
        (&signed, &wrong, "found a signature by another key, or of other bytes"),
    ] {
        let said = show(&folder, import(file, &there, &taking(trust)));
        assert!(said.starts_with("cannot trust `FOLDER/") && said.contains(found), "{said}");
        assert!(files(there.path()).is_empty());
    }
    // Without a key it is taken, and said that nobody was asked.
    let received = import(&signed, &there, &taking(&Trust::anyone())).unwrap();
    assert_eq!(received.verified, Verified::NotAsked);
}

#[test]
fn whatever_byte_is_changed_nothing_else_is_taken() {
    let folder = Folder::new();
    let generation = fill(&folder.store("here"), 12);
    let key = PrivateKey::generate().unwrap();
    let file = folder.path("db.tar");
    export(&generation, &file, &packing(Some(&key))).unwrap();
    let good = fs::read(&file).unwrap();
    let trusts = [Trust::keys(vec![key.public()]), Trust::anyone()];
    let (bad, mut refused, mut taken) = (folder.path("bad.tar"), 0, 0);
    // A part of them: each import writes files.
    for at in (0..good.len()).step_by(good.len() / 90) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        fs::write(&bad, &bytes).unwrap();
        for trust in &trusts {
            let store = folder.store("there");
            match import(&bad, &store, &taking(trust)) {
                // Padding, and names that nobody looks at.
                Ok(received) => {
                    assert_eq!(received.generation.digest(), generation.digest(), "byte {at}");
                    taken += 1;
                }
                Err(error) => {
                    assert!(store.current().unwrap().is_none(), "byte {at}: {error}");
                    refused += 1;
                }
            }
            fs::remove_dir_all(store.path()).ok();
        }
    }
    assert!(refused > taken, "{refused} refused, {taken} taken");
    // Cut short, it is refused wherever that is.
    for length in (0..good.len() - 1_024).step_by(good.len() / 25) {
        fs::write(&bad, &good[..length]).unwrap();
        assert!(import(&bad, &folder.store("there"), &taking(&trusts[1])).is_err(), "{length}");
        assert!(files(&folder.path("there/generations")).is_empty());
    }
}

#[test]
fn what_is_forged_is_refused() {
    let folder = Folder::new();
    let here = folder.store("here");
    let generation = fill(&here, 1_000);
    let key = PrivateKey::generate().unwrap();
    let file = folder.path("db.tar");
    export(&generation, &file, &packing(Some(&key))).unwrap();
    let good = unpack(&file);
    let (trust, anyone) = (Trust::keys(vec![key.public()]), Trust::anyone());
    let there = folder.store("there");
    let bad = folder.path("bad.tar");
    let index: serde_json::Value = serde_json::from_slice(&good["index.json"]).unwrap();
    let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
    let manifest: serde_json::Value =
        serde_json::from_slice(&good[&blob(index["manifests"][0]["digest"].as_str().unwrap())]).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let digest = |index: usize| layers[index]["digest"].as_str().unwrap();
    let last = layers.len() - 1;

    // A chunk that is not there.
    let mut members = good.clone();
    members.remove(&blob(digest(last)));
    pack(&bad, &members);
    for trust in [&trust, &anyone] {
        let said = show(&folder, import(&bad, &there, &taking(trust)));
        let expected = format!(
            "cannot read chunk {} of `FOLDER/bad.tar`: expected it there, since its manifest names it, found none",
            digest(last)
        );
        assert_eq!(said, expected);
    }

    // A chunk with other bytes.
    let mut members = good.clone();
    members.insert(blob(digest(1)), good[&blob(digest(0))].clone());
    pack(&bad, &members);
    let said = show(&folder, import(&bad, &there, &taking(&trust)));
    assert!(said.contains(&format!("cannot read chunk {}", digest(1))), "{said}");

    // Chunks in each other's place, under names that are right: who has no key can write such a manifest. With a key it is
    // refused for that, without one since the blocks make up another partition.
    let by_partition = |name: &str| {
        let is_first = |layer: &serde_json::Value| {
            layer["annotations"]["vnd.plimsoll.partition"] == name && layer["mediaType"] == CHUNK_MEDIA_TYPE
        };
        layers.iter().position(is_first).unwrap()
    };
    let (one, two) = (by_partition("PyPI"), by_partition("Debian"));
    for (first, second) in [(one, one + 1), (one, two)] {
        let swap = |text: String| {
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            for field in ["digest", "size"] {
                let kept = json["layers"][first][field].clone();
                json["layers"][first][field] = json["layers"][second][field].clone();
                json["layers"][second][field] = kept;
            }
            let blocks = json["layers"][first]["annotations"]["vnd.plimsoll.blocks"].clone();
            json["layers"][first]["annotations"]["vnd.plimsoll.blocks"] =
                json["layers"][second]["annotations"]["vnd.plimsoll.blocks"].clone();
            json["layers"][second]["annotations"]["vnd.plimsoll.blocks"] = blocks;
            json.to_string()
        };
        let mut members = good.clone();
        forge(&mut members, swap);
        pack(&bad, &members);
        let said = show(&folder, import(&bad, &there, &taking(&trust)));
        assert!(said.contains("cannot trust `FOLDER/bad.tar`"), "{said}");
        let said = show(&folder, import(&bad, &there, &taking(&anyone)));
        assert!(said != "taken" && said.contains("partition"), "{said}");
        assert_eq!(there.current().unwrap().map(|found| found.number()), None);
    }

    // The manifest of another database of the same publisher, with the signature of this one.
    let other = change(&here, 3);
    export(&other, &folder.path("other.tar"), &packing(None)).unwrap();
    let mut members = unpack(&folder.path("other.tar"));
    for (name, bytes) in &good {
        members.entry(name.clone()).or_insert_with(|| bytes.clone());
    }
    let mut theirs: serde_json::Value = serde_json::from_slice(&members["index.json"]).unwrap();
    let mut signature = index["manifests"][1].clone();
    let tag = theirs["manifests"][0]["digest"].as_str().unwrap().replace(':', "-") + ".sig";
    signature["annotations"]["org.opencontainers.image.ref.name"] = tag.into();
    theirs["manifests"].as_array_mut().unwrap().push(signature);
    members.insert("index.json".to_owned(), theirs.to_string().into_bytes());
    pack(&bad, &members);
    let said = show(&folder, import(&bad, &there, &taking(&trust)));
    assert!(said.contains("found its signature of `sha256:"), "{said}");

    // Both in one file: which is meant is not guessed.
    let both =
        [index["manifests"].as_array().unwrap().clone(), theirs["manifests"].as_array().unwrap().clone()];
    theirs["manifests"] = both.concat().into();
    members.insert("index.json".to_owned(), theirs.to_string().into_bytes());
    pack(&bad, &members);
    let said = show(&folder, import(&bad, &there, &taking(&trust)));
    assert!(
        said.ends_with("expected one artifact of type `application/vnd.plimsoll.database.v2`, found 2"),
        "{said}"
    );
    assert!(there.current().unwrap().is_none());
    assert!(files(&there.path().join("generations")).is_empty());
}

#[test]
fn another_dictionary_is_refused() {
    let folder = Folder::new();
    let file = folder.path("db.tar");
    let generation = fill(&folder.store("here"), 1_000);
    let dictionary = generation.partition("PyPI").unwrap().dictionary_bytes().to_vec();
    assert!(!dictionary.is_empty());
    let key = PrivateKey::generate().unwrap();
    export(&generation, &file, &packing(Some(&key))).unwrap();
    let good = unpack(&file);
    let (trust, anyone) = (Trust::keys(vec![key.public()]), Trust::anyone());
    let (bad, there) = (folder.path("bad.tar"), folder.store("there"));
    let digest = world::sha256(&dictionary);
    let name = format!("blobs/{}", digest.replace(':', "/"));
    assert_eq!(good[&name], dictionary);

    // A byte of it is another, or it is not there.
    for at in [0, 8, 100, dictionary.len() - 1] {
        let mut members = good.clone();
        members.get_mut(&name).unwrap()[at] ^= 1;
        pack(&bad, &members);
        for trust in [&trust, &anyone] {
            let said = show(&folder, import(&bad, &there, &taking(trust)));
            assert!(said.starts_with(&format!("cannot read dictionary {digest}")), "{said}");
        }
    }
    let mut members = good.clone();
    members.remove(&name);
    pack(&bad, &members);
    let said = show(&folder, import(&bad, &there, &taking(&trust)));
    assert!(said.contains("since its manifest names it, found none"), "{said}");

    // A manifest that names another: a damaged one, that of another partition, none, or the same behind its chunks.
    let change = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut members = good.clone();
        let mut damaged = dictionary.clone();
        damaged[60_000.min(dictionary.len() / 2)] ^= 1;
        members.insert(format!("blobs/{}", world::sha256(&damaged).replace(':', "/")), damaged);
        forge(&mut members, |text| {
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            change(json["layers"].as_array_mut().unwrap());
            json.to_string()
        });
        pack(&bad, &members);
        let said = show(&folder, import(&bad, &there, &taking(&trust)));
        assert!(said.contains("cannot trust `FOLDER/bad.tar`"), "{said}");
        let said = show(&folder, import(&bad, &there, &taking(&anyone)));
        assert_ne!(said, "taken");
        assert!(there.current().unwrap().is_none());
        said
    };
    let place =
        |layers: &[serde_json::Value]| layers.iter().position(|layer| layer["digest"] == *digest).unwrap();
    let mut damaged = dictionary.clone();
    damaged[60_000.min(dictionary.len() / 2)] ^= 1;
    let damaged = world::sha256(&damaged);
    change(&|layers| {
        let place = place(layers);
        layers[place]["digest"] = damaged.clone().into();
    });
    change(&|layers| {
        let is_debian = |layer: &&serde_json::Value| {
            layer["annotations"]["vnd.plimsoll.partition"] == "Debian"
                && layer["mediaType"] == DICTIONARY_MEDIA_TYPE
        };
        let other = layers.iter().find(is_debian).unwrap().clone();
        let place = place(layers);
        layers[place]["digest"] = other["digest"].clone();
        layers[place]["size"] = other["size"].clone();
    });
    change(&|layers| {
        let place = place(layers);
        layers.remove(place);
    });
    let said = change(&|layers| {
        let place = place(layers);
        layers.swap(place, place + 1);
    });
    assert!(said.contains("expected one dictionary before its chunks"), "{said}");
    let said = change(&|layers| {
        let twice = layers[place(layers)].clone();
        layers.insert(place(layers), twice);
    });
    assert!(said.contains("expected one dictionary before its chunks"), "{said}");
    assert!(files(&there.path().join("generations")).is_empty());
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    let file = folder.path("db.tar");
    export(&fill(&folder.store("here"), 5), &file, &packing(None)).unwrap();
    let good = unpack(&file);
    let bad = folder.path("bad.tar");
    let there = folder.store("there");
    let pairs: [(&str, &str, &str); 6] = [
        (
            "\"vnd.plimsoll.chunk\":\"0\"",
            "\"vnd.plimsoll.chunk\":\"1\"",
            "expected chunk 0 with block 0 as its first",
        ),
        ("\"vnd.plimsoll.first-block\":\"0\"", "\"vnd.plimsoll.first-block\":\"7\"", "found chunk 0 with 7"),
        ("\"vnd.plimsoll.blocks\":\"1\"", "\"vnd.plimsoll.blocks\":\"2\"", "expected 1 blocks, found 2"),
        (
            "\"vnd.plimsoll.partition\":\"PyPI\"",
            "\"vnd.plimsoll.partition\":\"npm\"",
            "expected 1 blocks, found 0",
        ),
        ("\"layers\":[", "\"layers\":[],\"other\":[", "blocks, found 0"),
        ("\"org.opencontainers.image.created\"", "\"created\"", "expected a moment"),
    ];
    for (from, to, found) in pairs {
        let mut members = good.clone();
        forge(&mut members, |text| {
            assert!(text.contains(from), "{from} in {text}");
            text.replace(from, to)
        });
        pack(&bad, &members);
        let said = show(&folder, import(&bad, &there, &taking(&Trust::anyone())));
        assert!(said.contains(found), "{said}");
    }
    assert!(files(there.path()).is_empty());
}

#[test]
fn other_files_are_named() {
    let folder = Folder::new();
    let file = folder.path("file");
    let there = folder.store("there");
    let trust = Trust::anyone();
    let check = |bytes: &[u8], expected: expect_test::Expect| {
        fs::write(&file, bytes).unwrap();
        expected.assert_eq(&show(&folder, import(&file, &there, &taking(&trust))));
    };
    check(
        b"",
        expect!["cannot read `index.json` of `FOLDER/file`: expected an index of an OCI layout, found none"],
    );
    check(b"<html>", expect!["cannot read archive `FOLDER/file`"]);
    check(
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0],
        expect![
            "cannot read archive of `FOLDER/file`: expected the tar archive of an OCI layout, found a compressed archive"
        ],
    );
    let mut members = std::collections::BTreeMap::new();
    for (index, expected) in [
        (
            "[]",
            expect![
                "cannot read `index.json` of `FOLDER/file`: expected an index of an OCI layout, found something else"
            ],
        ),
        (
            "{}",
            expect![
                "cannot read `index.json` of `FOLDER/file`: expected an index of an OCI layout, found missing field `schemaVersion` at line 1 column 2"
            ],
        ),
        (
            r#"{"schemaVersion":2,"manifests":[]}"#,
            expect![
                "cannot read `index.json` of `FOLDER/file`: expected one artifact of type `application/vnd.plimsoll.database.v2`, found none"
            ],
        ),
        (
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2}]}"#,
            expect![
                "cannot read `index.json` of `FOLDER/file`: expected one artifact of type `application/vnd.plimsoll.database.v2`, found `application/vnd.oci.image.index.v1+json`"
            ],
        ),
        (
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2}]}"#,
            expect![
                "cannot read manifest sha256:0000000000000000000000000000000000000000000000000000000000000000 of `FOLDER/file`: expected it there, since `index.json` names it, found none"
            ],
        ),
        (
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../etc/passwd","size":2}]}"#,
            expect![
                "cannot read `index.json` of `FOLDER/file`: expected an index of an OCI layout, found cannot read digest `sha256:../../etc/passwd`: expected `sha256:` and 64, or `sha512:` and 128, lower-case hex digits at line 1 column 124"
            ],
        ),
        (
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":18446744073709551615}]}"#,
            expect![
                "cannot read manifest sha256:0000000000000000000000000000000000000000000000000000000000000000 of `FOLDER/file`: expected at most 4 MiB, found 18446744073709551615 bytes"
            ],
        ),
    ] {
        members.insert("index.json".to_owned(), index.as_bytes().to_vec());
        pack(&folder.path("packed"), &members);
        check(&fs::read(folder.path("packed")).unwrap(), expected);
    }
    assert!(matches!(import(&folder.path("none"), &there, &taking(&trust)), Err(Error::Read { .. })));
    fs::write(&file, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]).unwrap();
    let error = import(&file, &there, &taking(&trust)).map(|_| ()).unwrap_err();
    assert!(error.hint().unwrap().contains("gzip -d"));
}

#[test]
fn several_may_take_it_at_once() {
    let folder = Folder::new();
    let file = folder.path("db.tar");
    let generation = fill(&folder.store("here"), 50);
    export(&generation, &file, &packing(None)).unwrap();
    let there = folder.store("there");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let received = import(&file, &there, &taking(&Trust::anyone())).unwrap();
                assert_eq!(received.generation.digest(), generation.digest());
            });
        }
    });
    assert_eq!(there.generations().unwrap().len(), 1);
    there.verify().unwrap();
}

#[test]
fn a_folder_is_read_as_well() {
    let folder = Folder::new();
    let generation = fill(&folder.store("here"), 20);
    let key = PrivateKey::generate().unwrap();
    let file = folder.path("db.tar");
    export(&generation, &file, &packing(Some(&key))).unwrap();
    let layout = folder.path("layout");
    for (name, bytes) in unpack(&file) {
        let path = layout.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let trust = Trust::keys(vec![key.public()]);
    let received = import(&layout, &folder.store("there"), &taking(&trust)).unwrap();
    assert_eq!(received.generation.digest(), generation.digest());
    let index = layout.join("index.json");
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    assert!(import(&layout, &folder.store("other"), &taking(&trust)).is_err());
}

#[test]
fn bytes_are_told_of() {
    #[derive(Default)]
    struct Sum(Mutex<(u64, u64)>);
    impl Progress for Sum {
        fn total(&self, bytes: u64) {
            self.0.lock().unwrap().0 += bytes;
        }
        fn moved(&self, bytes: u64) {
            self.0.lock().unwrap().1 += bytes;
        }
    }
    let folder = Folder::new();
    let generation = fill(&folder.store("here"), 20);
    let file = folder.path("db.tar");
    let sum = Sum::default();
    let exported = export(&generation, &file, &Packing { progress: Some(&sum), ..packing(None) }).unwrap();
    assert_eq!(*sum.0.lock().unwrap(), (exported.size_bytes, exported.size_bytes));
    let sum = Sum::default();
    let trust = Trust::anyone();
    import(&file, &folder.store("there"), &Taking { progress: Some(&sum), ..taking(&trust) }).unwrap();
    assert_eq!(*sum.0.lock().unwrap(), (exported.size_bytes, exported.size_bytes));
}

#[test]
fn a_claim_of_another_signer_that_is_not_there_is_in_nobodys_way() {
    let folder = Folder::new();
    let key = PrivateKey::generate().unwrap();
    let file = folder.path("db.tar");
    export(&fill(&folder.store("here"), 5), &file, &packing(Some(&key))).unwrap();
    let mut members = unpack(&file);
    let index = String::from_utf8(members["index.json"].clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&index).unwrap();
    let signatures = &json["manifests"][1];
    let (digest, size) = (signatures["digest"].as_str().unwrap(), signatures["size"].as_u64().unwrap());
    let old = members.remove(&format!("blobs/{}", digest.replace(':', "/"))).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&old).unwrap();
    let layers = manifest["layers"].as_array_mut().unwrap();
    let mut stray = layers[0].clone();
    stray["digest"] = world::sha256(b"not there").into();
    layers.insert(0, stray);
    let new = serde_json::to_vec(&manifest).unwrap();
    let index = index
        .replace(digest, &world::sha256(&new))
        .replace(&format!("\"size\":{size}"), &format!("\"size\":{}", new.len()));
    members.insert("index.json".to_owned(), index.into_bytes());
    members.insert(format!("blobs/{}", world::sha256(&new).replace(':', "/")), new);
    pack(&file, &members);
    let trust = Trust::keys(vec![key.public()]);
    let received = import(&file, &folder.store("there"), &taking(&trust)).unwrap();
    assert!(matches!(received.verified, Verified::By { .. }));
}

#[test]
fn a_link_in_the_place_of_the_unfinished_file_is_not_followed() {
    let folder = Folder::new();
    let generation = fill(&folder.store("here"), 5);
    let (file, victim) = (folder.path("db.tar"), folder.path("victim"));
    fs::write(&victim, b"mine").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path(&format!("db.tar.{}.part", std::process::id()))).unwrap();
    export(&generation, &file, &packing(None)).unwrap();
    assert!(fs::read(&victim).unwrap() == b"mine");
    assert!(!fs::symlink_metadata(&file).unwrap().is_symlink());
}
