//! A database on its way: a file through an air gap, an artefact in Debian's registry.

use std::path::Path;

use plimsoll_real::{Access, Plimsoll, Registry, Run, Scratch, comparable, database_store};

fn good(run: Run) -> Run {
    assert_eq!(run.status, Some(0), "`{}` failed:\n{}", run.call, run.stderr);
    run
}

fn keys(folder: &Scratch) -> (String, String) {
    let file = folder.path("db.key").display().to_string();
    good(Plimsoll::bare(&["db", "keygen", "--output", &file]).run());
    let public = format!("{file}.pub");
    (file, public)
}

fn project(folder: &Scratch) -> String {
    let project = folder.path("project");
    std::fs::create_dir_all(&project).expect("a folder of ours");
    std::fs::write(project.join("requirements.txt"), "pillow==8.2.0\nurllib3==1.26.4\n")
        .expect("a file of ours");
    format!("dir:{}", project.display())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_file_carries_the_database_over_an_air_gap() {
    let folder = Scratch::new();
    let (secret, public) = keys(&folder);
    let (file, far) = (folder.path("plimsoll-db.tar"), folder.path("far"));
    good(Plimsoll::db("export", &database_store().path).arguments(&[&text(&file), "--key", &secret]).run());
    let target = project(&folder);
    let here = comparable(Plimsoll::scan(&target, &database_store().path).without_cache().json());

    // A network of its own, which has no way out.
    good(
        Plimsoll::db("import", &far)
            .arguments(&[&text(&file), "--public-key", &public])
            .in_no_network()
            .run(),
    );
    let there = Plimsoll::scan(&target, &far).without_cache().in_no_network().json();
    assert_eq!(there["Results"], here["Results"], "the same findings on both sides");
    good(Plimsoll::db("verify", &far).in_no_network().run());
}

#[test]
fn a_flipped_byte_or_another_key_is_refused_and_leaves_nothing() {
    let folder = Scratch::new();
    let (secret, public) = keys(&folder);
    let other = Scratch::new();
    let (_, stranger) = keys(&other);
    let file = folder.path("plimsoll-db.tar");
    good(Plimsoll::db("export", &database_store().path).arguments(&[&text(&file), "--key", &secret]).run());

    let far = folder.path("far");
    let run = Plimsoll::db("import", &far).arguments(&[&text(&file), "--public-key", &stranger]).run();
    assert_ne!(run.status, Some(0), "another key: {}", run.stderr);
    assert!(run.stderr.contains("sign"), "{}", run.stderr);

    #[expect(clippy::disallowed_methods, reason = "a file that this test has just made")]
    let whole = std::fs::read(&file).expect("it was written");
    for share in 1..8 {
        let mut bytes = whole.clone();
        let place = whole.len() / 8 * share;
        bytes[place] ^= 1;
        let broken = folder.path("broken.tar");
        std::fs::write(&broken, &bytes).expect("a file of ours");
        let run = Plimsoll::db("import", &far).arguments(&[&text(&broken), "--public-key", &public]).run();
        // Between two members of the archive lie bytes that mean nothing.
        if run.status == Some(0) {
            good(Plimsoll::db("verify", &far).run());
            assert_eq!(bytes[place] ^ 1, 0, "byte {place} says something, and was changed");
            std::fs::remove_dir_all(&far).expect("a folder of ours");
        } else {
            let run = Plimsoll::db("info", &far).run();
            assert_ne!(run.status, Some(0), "nothing was taken over from byte {place}");
        }
    }
    good(Plimsoll::db("import", &far).arguments(&[&text(&file), "--public-key", &public]).run());
}

#[test]
fn a_registry_carries_the_database() {
    let folder = Scratch::new();
    let (secret, public) = keys(&folder);
    let other = Scratch::new();
    let (_, stranger) = keys(&other);
    let registry = Registry::empty(Access::Anyone);
    let reference = format!("oci://{}/plimsoll/db:latest", registry.address());
    good(Plimsoll::db("push", &database_store().path).arguments(&[&reference, "--key", &secret]).run());

    let far = folder.path("far");
    let run = Plimsoll::db("pull", &far).arguments(&[&reference, "--public-key", &stranger]).run();
    assert_ne!(run.status, Some(0), "another key: {}", run.stderr);
    good(Plimsoll::db("pull", &far).arguments(&[&reference, "--public-key", &public]).run());
    let target = project(&folder);
    let here = comparable(Plimsoll::scan(&target, &database_store().path).without_cache().json());
    let there = comparable(Plimsoll::scan(&target, &far).without_cache().json());
    assert_eq!(there["Results"], here["Results"]);
    assert_eq!(there["Plimsoll"]["Database"]["Digest"], here["Plimsoll"]["Database"]["Digest"]);

    // Again: everything is there, in the registry as in the store.
    good(Plimsoll::db("push", &database_store().path).arguments(&[&reference, "--key", &secret]).run());
    good(Plimsoll::db("pull", &far).arguments(&[&reference, "--public-key", &public]).run());

    // A blob of the registry is damaged on its disk.
    registry.damage_largest_blob();
    let again = folder.path("again");
    let run = Plimsoll::db("pull", &again).arguments(&[&reference, "--public-key", &public]).run();
    assert_ne!(run.status, Some(0), "a flipped byte: {}", run.stderr);
    assert_ne!(Plimsoll::db("info", &again).run().status, Some(0), "nothing was taken over");
}
