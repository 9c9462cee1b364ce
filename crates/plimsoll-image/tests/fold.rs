//! Whiteouts, opaque folders, links and replaced files, as the runtimes show them.

mod support;

use support::lines;

#[test]
fn a_whiteout_removes_a_file_and_what_is_below_it() {
    let found = lines(
        "//- layer\n//- file a/x.list\npypi a 1\n//- file b/c/y.list\npypi b 1\n//- file bc.list\npypi c 1\n\
         //- layer\n//- whiteout a/x.list\n//- whiteout b\n",
    );
    assert_eq!(found, ["pypi c 1 at bc.list since 0 in 0"]);
}

#[test]
fn an_opaque_folder_hides_what_lies_below_and_shows_its_own() {
    let found = lines(
        "//- layer\n//- file a/x.list\npypi old 1\n//- file z.list\npypi z 1\n\
         //- layer\n//- opaque a\n//- file a/n.list\npypi new 1\n",
    );
    assert_eq!(found, ["pypi new 1 at a/n.list since 1 in 1", "pypi z 1 at z.list since 0 in 0"]);
}

#[test]
fn a_whiteout_does_not_touch_its_own_layer() {
    let found = lines(
        "//- layer\n//- file a.list\npypi old 1\n//- layer\n//- whiteout a.list\n//- file a.list\npypi old 1\n",
    );
    assert_eq!(found, ["pypi old 1 at a.list since 1 in 1"]);
}

#[test]
fn an_overwritten_database_tells_which_layer_introduced_each_package() {
    let found = lines(
        "//- layer\n//- file s.list\ndeb a 1\ndeb b 1\n\
         //- layer\n//- file other.list\npypi o 1\n\
         //- layer\n//- file s.list\ndeb a 1\ndeb b 2\n\
         //- layer\n//- file s.list\ndeb a 1\ndeb b 2\ndeb c 1\n",
    );
    assert_eq!(
        found,
        [
            "deb a 1 at s.list since 0 in 3",
            "deb b 2 at s.list since 2 in 3",
            "deb c 1 at s.list since 3 in 3",
            "pypi o 1 at other.list since 1 in 1",
        ]
    );
}

#[test]
fn a_package_that_came_back_is_introduced_where_it_came_back() {
    let found = lines(
        "//- layer\n//- file s.list\ndeb a 1\n//- layer\n//- file s.list\ndeb b 1\n//- layer\n//- file s.list\ndeb a 1\n",
    );
    assert_eq!(found, ["deb a 1 at s.list since 2 in 2"]);
}

#[test]
fn a_file_or_link_in_place_of_a_folder_hides_what_was_below() {
    let below = "//- layer\n//- file a/b/x.list\npypi a 1\n";
    assert!(lines(&format!("{below}//- layer\n//- symlink a/b -> ../elsewhere\n")).is_empty());
    assert!(lines(&format!("{below}//- layer\n//- file a\nplain\n")).is_empty());
    assert_eq!(lines(&format!("{below}//- layer\n//- folder a\n")), ["pypi a 1 at a/b/x.list since 0 in 0"]);
}

#[test]
fn a_folder_or_an_unwanted_file_in_place_of_a_file_hides_it() {
    let below = "//- layer\n//- file x.list\npypi a 1\n";
    assert!(lines(&format!("{below}//- layer\n//- folder x.list\n")).is_empty());
    assert!(lines(&format!("{below}//- layer\n//- file x.list\nnot a list\n")).is_empty());
}

#[test]
fn the_later_of_two_entries_of_one_path_counts() {
    assert_eq!(
        lines("//- layer\n//- file x.list\npypi a 1\n//- file x.list\npypi b 1\n"),
        ["pypi b 1 at x.list since 0 in 0"]
    );
}

#[test]
fn a_hard_link_is_read_whatever_its_target_is_called() {
    // The package managers that keep a store link from names nobody knows.
    assert_eq!(
        lines("//- layer\n//- file store/0a1b\npypi a 1\n//- hardlink x.list -> store/0a1b\n"),
        ["pypi a 1 at x.list since 0 in 0"]
    );
    assert_eq!(
        lines("//- layer\n//- file a.list\npypi a 1\n//- hardlink b.list -> a.list\n"),
        ["pypi a 1 at a.list since 0 in 0", "pypi a 1 at b.list since 0 in 0"]
    );
}

#[test]
fn a_symbolic_link_is_followed_inside_the_image_across_layers() {
    assert_eq!(
        lines(
            "//- layer\n//- file store/data\npypi a 1\n//- symlink usr -> store\n//- layer\n//- symlink x.list -> ../../usr/data\n"
        ),
        ["pypi a 1 at x.list since 1 in 1"]
    );
    // Read under its own name: once.
    assert_eq!(
        lines("//- layer\n//- file a.list\npypi a 1\n//- symlink b.list -> a.list\n"),
        ["pypi a 1 at a.list since 0 in 0"]
    );
    assert!(lines("//- layer\n//- symlink b.list -> nowhere\n").is_empty());
}

#[test]
fn cyclic_links_are_a_gap() {
    let found = lines("//- layer\n//- symlink a.list -> b.list\n//- symlink b.list -> a.list\n");
    assert_eq!(found.len(), 2);
    assert!(
        found[0].starts_with("gap a.list: expected a symbolic link to a file, found a cycle"),
        "{found:?}"
    );
}

#[test]
fn a_language_package_has_the_owner_that_installed_its_file() {
    let found = lines(
        "//- layer\n//- file s.list\ndeb p 1\nowns p usr/lib/m.list\n//- file usr/lib/m.list\npypi m 1\n//- file own.list\npypi m 2\n",
    );
    assert_eq!(
        found,
        [
            "deb p 1 at s.list since 0 in 0",
            "pypi m 1 at usr/lib/m.list since 0 in 0 owned by p 1",
            "pypi m 2 at own.list since 0 in 0",
        ]
    );
}

#[test]
fn a_file_list_from_before_the_usr_merge_owns_all_the_same() {
    let found =
        lines("//- layer\n//- file s.list\ndeb p 1\nowns p lib/m.list\n//- file usr/lib/m.list\npypi m 1\n");
    assert_eq!(found[1], "pypi m 1 at usr/lib/m.list since 0 in 0 owned by p 1");
}

#[test]
fn a_file_replaced_behind_the_package_managers_back_is_nobodys() {
    let base = "//- layer\n//- file s.list\ndeb p 1\nowns p m.list\n//- file m.list\npypi m 1\n";
    let replaced = lines(&format!("{base}//- layer\n//- file m.list\npypi m 9\n"));
    assert_eq!(replaced[1], "pypi m 9 at m.list since 1 in 1");
    // Only touched: a layer that changes the mode holds the same content again.
    let touched = lines(&format!("{base}//- layer\n//- file m.list\npypi m 1\n"));
    assert_eq!(touched[1], "pypi m 1 at m.list since 0 in 1 owned by p 1");
}

#[test]
fn an_image_without_layers_or_with_empty_ones_is_empty() {
    for text in ["", "//- layer\n//- layer\n"] {
        let inventory = support::catalog(support::Memory::new(
            &plimsoll_testkit::image::ImageBuilder::from_text(text).build(),
        ));
        assert!(inventory.packages.is_empty());
        assert!(
            inventory.gaps[0].reason.starts_with("expected packages, found none"),
            "{:?}",
            inventory.gaps
        );
    }
}
