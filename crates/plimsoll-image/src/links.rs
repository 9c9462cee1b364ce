//! Symbolic links that stand where a cataloger looks.

use plimsoll_catalog::{Cataloger, Entry};
use plimsoll_model::Gap;

use crate::fold::{FoldLayer, Stack};

/// Links that are followed on the way to one file; the kernel's number.
const MAX_HOPS: usize = 40;
/// Folders, files and `..` that are stepped through on the way to one file, over all its links.
const MAX_STEPS: usize = 1000;
/// Links of an image that are looked at.
const MAX_LINKS: usize = 10_000;

/// A link to a file that no cataloger wants under the file's own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FollowedLink {
    /// The link's path: what the cataloger is told.
    pub(crate) path: String,
    /// The layer that has the link.
    pub(crate) layer: usize,
    /// The file.
    pub(crate) target: String,
    /// The layer that has the file.
    pub(crate) target_layer: usize,
}

/// The links that must be followed, and a gap for each that cannot be.
pub(crate) fn links_to_follow(
    layers: &[FoldLayer],
    catalogers: &[&dyn Cataloger],
) -> (Vec<FollowedLink>, Vec<Gap>) {
    let stack = Stack::new(layers);
    let (mut links, mut gaps) = (Vec::new(), Vec::new());
    let mut looked_at = 0;
    for (index, layer) in layers.iter().enumerate() {
        for (path, _) in &layer.catalog.symlinks {
            let wants = |path: &str, cataloger: &dyn Cataloger| {
                cataloger.wants(&Entry { path, size: None, executable: Some(false) })
            };
            let readers: Vec<_> = catalogers.iter().filter(|cataloger| wants(path, **cataloger)).collect();
            if readers.is_empty() || !stack.is_visible(path, index) {
                continue;
            }
            looked_at += 1;
            if looked_at > MAX_LINKS {
                gaps.push(gap(layer, "", format!("expected at most {MAX_LINKS} symbolic links to package records, found more; the others were not followed")));
                return (links, gaps);
            }
            let Some(target) = resolve(path, |path| stack.link_at(path).map(str::to_owned)) else {
                gaps.push(gap(
                    layer,
                    path,
                    format!(
                        "expected a symbolic link to a file, found a cycle, or a way of more than {MAX_HOPS} links or \
                         {MAX_STEPS} steps"
                    ),
                ));
                continue;
            };
            // A dangling link holds nothing; a file that is wanted by its own name was read there.
            let Some(target_layer) = stack.layer_of(&target) else { continue };
            if readers.iter().all(|cataloger| wants(&target, **cataloger)) {
                continue;
            }
            links.push(FollowedLink { path: path.clone(), layer: index, target, target_layer });
        }
    }
    (links, gaps)
}

pub(crate) fn gap(layer: &FoldLayer, path: &str, reason: String) -> Gap {
    let diff_id = (!layer.diff_id.is_empty()).then(|| layer.diff_id.clone());
    Gap { path: path.to_owned(), place: String::new(), diff_id, reporter: "layers".to_owned(), reason }
}

/// Where a path leads inside the root; `None` for a cycle, and for a way that is too long. `..` at the root stays there, as in a chroot.
pub(crate) fn resolve(path: &str, link_at: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut hops, mut steps) = (0, 0);
    let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut done = String::new();
    while let Some(segment) = rest.pop() {
        steps += 1;
        if steps > MAX_STEPS {
            return None;
        }
        match segment.as_str() {
            "" | "." => continue,
            ".." => {
                done.truncate(done.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let parent = done.len();
        if parent > 0 {
            done.push('/');
        }
        done.push_str(&segment);
        if let Some(target) = link_at(&done) {
            hops += 1;
            if hops > MAX_HOPS {
                return None;
            }
            done.truncate(if target.starts_with('/') { 0 } else { parent });
            rest.extend(target.split('/').rev().map(str::to_owned));
        }
    }
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(path: &str) -> Option<String> {
        let target = match path {
            "etc/os-release" => Some("../usr/lib/os-release"),
            "lib" => Some("usr/lib"),
            "up" => Some("../../../../etc/shadow"),
            "abs" => Some("/lib/x"),
            "a" => Some("b"),
            "b" => Some("a"),
            _ => None,
        };
        target.map(str::to_owned)
    }

    #[test]
    fn links_stay_inside_the_root() {
        for (path, target) in [
            ("etc/os-release", Some("usr/lib/os-release")),
            ("lib/apk/db/installed", Some("usr/lib/apk/db/installed")),
            ("up", Some("etc/shadow")),
            ("abs", Some("usr/lib/x")),
            ("a", None),
            ("plain/file", Some("plain/file")),
        ] {
            assert_eq!(resolve(path, links).as_deref(), target, "{path}");
        }
    }

    #[test]
    fn a_way_of_many_steps_is_given_up() {
        // Each link's target is long, and leads to the next link.
        let links = |path: &str| {
            let number: u8 = path.strip_prefix('l')?.parse().ok()?;
            (number < 39).then(|| format!("{}l{}", "a/../".repeat(800), number + 1))
        };
        assert_eq!(resolve("l39", links).as_deref(), Some("l39"));
        assert_eq!(resolve("l38", |path| links(path).map(|_| "a/../b".to_owned())).as_deref(), Some("b"));
        assert_eq!(resolve("l0", links), None);
    }
}
