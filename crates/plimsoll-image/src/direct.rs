//! Which installed packages an application names itself, where the file that names them is not the one that records them.
//!
//! Source: Node.js documentation, "Modules: `CommonJS` modules", "Loading from `node_modules` folders"; pnpm, "Symlinked
//! `node_modules` structure".

use std::collections::{HashMap, HashSet};

use plimsoll_model::{Package, PackageKind};

use crate::fold::Stack;
use crate::layer::FileCatalog;
use crate::links::resolve;

/// Names of an image's applications that are looked for. Behind that nothing is said of any package.
const MAX_NAMES: usize = 100_000;

/// Folders above an application that are searched.
const MAX_FOLDERS_ABOVE: usize = 32;

/// The file that records a Node package.
const RECORD: &str = "/package.json";

/// Tells of Node packages whether their application names them.
///
/// A name is looked for as Node does it: in the `node_modules` beside the `package.json` that names it, then in each folder
/// above. What no application names is transitive where the folder that holds its outermost `node_modules` has a
/// `package.json` of its own; elsewhere, as for packages that are installed for the whole system, nothing is known.
pub(crate) fn tell_direct(stack: &Stack<'_>, visible: &[(usize, &FileCatalog)], packages: &mut [Package]) {
    let applications: Vec<(&str, &[String])> = visible
        .iter()
        .filter(|(_, file)| !file.catalog.named.is_empty())
        .map(|(_, file)| (above(&file.path), file.catalog.named.as_slice()))
        .collect();
    let number: usize = applications.iter().map(|(_, names)| names.len()).sum();
    if number == 0 || number > MAX_NAMES {
        return;
    }
    let installed: HashMap<&str, usize> = packages
        .iter()
        .enumerate()
        .filter(|(_, package)| package.kind == PackageKind::Npm && package.inner_path.is_none())
        .filter_map(|(index, package)| Some((package.path.strip_suffix(RECORD)?, index)))
        .collect();
    let mut named = HashSet::new();
    for (folder, names) in &applications {
        let folders =
            std::iter::successors(Some(*folder), |folder| (!folder.is_empty()).then(|| above(folder)));
        let folders: Vec<&str> = folders.take(MAX_FOLDERS_ABOVE).collect();
        for name in *names {
            for folder in &folders {
                let place = below(folder, &format!("node_modules/{name}"));
                if let Some(&index) = installed.get(place.as_str()) {
                    named.insert(index);
                    break;
                }
                if stack.link_at(&place).is_some() {
                    let target = resolve(&place, |path| stack.link_at(path).map(str::to_owned));
                    named.extend(target.and_then(|target| installed.get(target.as_str())));
                    break;
                }
            }
        }
    }
    let roots: HashSet<&str> = applications.iter().map(|(folder, _)| *folder).collect();
    let told: Vec<(usize, bool)> = installed
        .iter()
        .filter_map(|(folder, &index)| {
            let is_named = named.contains(&index);
            (is_named || roots.contains(outermost(folder)?)).then_some((index, is_named))
        })
        .collect();
    for (index, is_named) in told {
        packages[index].direct = Some(is_named);
    }
}

/// The folder that a path lies in; empty for the root.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

/// The folder that holds the outermost `node_modules` of a path.
fn outermost(path: &str) -> Option<&str> {
    if path.starts_with("node_modules/") {
        return Some("");
    }
    path.find("/node_modules/").map(|end| &path[..end])
}
