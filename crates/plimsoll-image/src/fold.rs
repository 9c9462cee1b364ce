//! Layers folded into one image: which files are visible, whose they are, and which layer brought each package.
//!
//! Pure: the layers' results in, packages out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use plimsoll_catalog::OS_RELEASE_PATHS;
use plimsoll_model::{Gap, Layer, OsRelease, Owner, Package, PackageKind};

use crate::layer::{FileCatalog, LayerCatalog};
use crate::path_hash::PathHash;

/// A layer with the diff ID it is known by; empty for a plain folder.
pub(crate) struct FoldLayer {
    pub(crate) diff_id: String,
    pub(crate) catalog: Arc<LayerCatalog>,
}

/// What the layers hold together.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) os: Option<OsRelease>,
    pub(crate) packages: Vec<Package>,
    pub(crate) gaps: Vec<Gap>,
}

/// What hides the files of lower layers.
struct Cover<'a> {
    /// Everything at these paths and below them: whiteouts.
    removed: HashSet<PathHash>,
    /// Everything strictly below these.
    opaque: HashSet<PathHash>,
    /// Everything at these paths and below them: entries that are no folders, sorted.
    covers: &'a [u64],
    /// The entry at exactly these paths: a folder takes the place of what was no folder. Sorted.
    folders: &'a [u64],
}

impl<'a> Cover<'a> {
    fn of(layer: &'a LayerCatalog) -> Self {
        Self {
            removed: layer.whiteouts.iter().map(|path| PathHash::of(path)).collect(),
            opaque: layer.opaque.iter().map(|path| PathHash::of(path)).collect(),
            covers: &layer.covers,
            folders: &layer.folders,
        }
    }

    fn hides(&self, path: PathHash, ancestors: &[PathHash]) -> bool {
        let takes_place =
            |hash: &PathHash| self.removed.contains(hash) || self.covers.binary_search(&hash.0).is_ok();
        // The root's own opaque mark stands under the empty path.
        self.opaque.contains(&PathHash::of(""))
            || self.folders.binary_search(&path.0).is_ok()
            || takes_place(&path)
            || ancestors.iter().any(|hash| takes_place(hash) || self.opaque.contains(hash))
    }
}

/// The layers of an image with what each hides, to ask what is visible.
pub(crate) struct Stack<'a> {
    layers: &'a [FoldLayer],
    covers: Vec<Cover<'a>>,
}

impl<'a> Stack<'a> {
    pub(crate) fn new(layers: &'a [FoldLayer]) -> Self {
        Self { layers, covers: layers.iter().map(|layer| Cover::of(&layer.catalog)).collect() }
    }

    /// The first layer above `index` that hides this path of layer `index`.
    fn hidden_by(&self, path: &str, index: usize) -> Option<usize> {
        let ancestors: Vec<PathHash> = PathHash::ancestors(path).collect();
        let hash = PathHash::of(path);
        (index + 1..self.layers.len()).find(|&above| self.covers[above].hides(hash, &ancestors))
    }

    /// Whether this path of layer `index` is visible in the image.
    pub(crate) fn is_visible(&self, path: &str, index: usize) -> bool {
        self.hidden_by(path, index).is_none()
    }

    /// The layer whose entry (no folder) at this path is visible in the image.
    pub(crate) fn layer_of(&self, path: &str) -> Option<usize> {
        let hash = PathHash::of(path);
        let index = (0..self.layers.len())
            .rev()
            .find(|&index| self.layers[index].catalog.covers.binary_search(&hash.0).is_ok())?;
        self.is_visible(path, index).then_some(index)
    }

    /// The target of the symbolic link at this path, if a link is what is visible there.
    pub(crate) fn link_at(&self, path: &str) -> Option<&'a str> {
        let index = self.layer_of(path)?;
        let links = &self.layers[index].catalog.symlinks;
        let behind = links.partition_point(|(link, _)| link.as_str() <= path);
        let (link, target) = links.get(behind.checked_sub(1)?)?;
        (link == path).then_some(target.as_str())
    }
}

/// Folds the layers, base first.
pub(crate) fn fold(layers: &[FoldLayer]) -> Folded {
    let stack = Stack::new(layers);
    let histories = Histories::new(layers);
    let mut folded = Folded::default();
    let mut visible: Vec<(usize, &FileCatalog)> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        for file in &layer.catalog.files {
            if stack.is_visible(&file.path, index) {
                visible.push((index, file));
            }
        }
        // A layer's own gaps count even where later layers hide what it has: nobody knows what was not read.
        folded.gaps.extend(layer.catalog.gaps.iter().map(|gap| Gap {
            path: gap.path.clone(),
            place: String::new(),
            diff_id: some_text(&layer.diff_id),
            reporter: gap.reporter.clone(),
            reason: gap.reason.clone(),
        }));
    }
    let mut releases: Vec<&OsRelease> = Vec::new();
    for (index, file) in &visible {
        releases.extend(&file.catalog.os);
        folded.gaps.extend(file.catalog.gaps.iter().map(|(place, reason)| Gap {
            path: file.path.clone(),
            place: place.clone(),
            diff_id: some_text(&layers[*index].diff_id),
            reporter: file.cataloger.clone(),
            reason: reason.clone(),
        }));
        for package in &file.catalog.packages {
            let mut package = package.clone();
            package.path.clone_from(&file.path);
            package.layer = layer_at(layers, *index);
            let first = histories.introduced(&stack, file, &package, *index);
            package.introduced_in = layer_at(layers, first);
            folded.packages.push(package);
        }
    }
    // A lesser release file that cannot be read is no gap where a better one spoke.
    if let Some(best) = releases.iter().map(|release| release_rank(&release.path)).min() {
        folded
            .gaps
            .retain(|gap| !OS_RELEASE_PATHS.contains(&gap.path.as_str()) || release_rank(&gap.path) < best);
    }
    folded.os = releases
        .into_iter()
        .min_by_key(|release| (release_rank(&release.path), release.path.as_str()))
        .cloned();
    let owners = Owners::new(&visible, &folded.packages);
    for package in folded.packages.iter_mut().filter(|package| !package.kind.is_os()) {
        package.owner = owners.owner_of(package);
    }
    folded.packages.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    folded.gaps.sort();
    folded.gaps.dedup();
    folded
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn layer_at(layers: &[FoldLayer], index: usize) -> Option<Layer> {
    let diff_id = &layers[index].diff_id;
    (!diff_id.is_empty()).then(|| Layer { diff_id: diff_id.clone(), index })
}

type SortKey<'a> = (PackageKind, &'a str, &'a str, Option<&'a str>, &'a str, Option<&'a str>);

fn sort_key(package: &Package) -> SortKey<'_> {
    let Package { kind, name, version, architecture, path, inner_path, .. } = package;
    (*kind, name, version, architecture.as_deref(), path, inner_path.as_deref())
}

/// The catalogers' own order: the most telling file first.
fn release_rank(path: &str) -> usize {
    OS_RELEASE_PATHS.iter().position(|known| *known == path).unwrap_or(usize::MAX)
}

/// The versions a file went through.
struct Histories<'a> {
    layers: &'a [FoldLayer],
    /// By path and cataloger: the layers that have it, from the base up, and its place there.
    places: HashMap<(&'a str, &'a str), Vec<(usize, usize)>>,
    /// What the packages of a file are, for files with many.
    sets: Vec<Vec<HashSet<Identity<'a>>>>,
}

type Identity<'a> = (PackageKind, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

fn identity(package: &Package) -> Identity<'_> {
    let Package { kind, name, version, architecture, inner_path, .. } = package;
    (*kind, name, version, architecture.as_deref(), inner_path.as_deref())
}

impl<'a> Histories<'a> {
    fn new(layers: &'a [FoldLayer]) -> Self {
        let mut places: HashMap<(&str, &str), Vec<(usize, usize)>> = HashMap::new();
        let mut sets = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let mut of_layer = Vec::new();
            for (place, file) in layer.catalog.files.iter().enumerate() {
                places.entry((&file.path, &file.cataloger)).or_default().push((index, place));
                of_layer.push(file.catalog.packages.iter().map(identity).collect());
            }
            sets.push(of_layer);
        }
        Self { layers, places, sets }
    }

    /// The lowest layer from which on, without a break, the file has this package in this version.
    fn introduced(&self, stack: &Stack<'_>, file: &FileCatalog, package: &Package, top: usize) -> usize {
        let Some(places) = self.places.get(&(file.path.as_str(), file.cataloger.as_str())) else {
            return top;
        };
        let mut first = top;
        for &(index, place) in places.iter().rev().filter(|(index, _)| *index < top) {
            debug_assert_eq!(self.layers[index].catalog.files[place].path, file.path);
            // The earlier file must be what the later one replaced, not something that was removed in between.
            let replaced_by = stack.hidden_by(&file.path, index);
            if replaced_by != Some(first) || stack.covers[first].removed.contains(&PathHash::of(&file.path)) {
                break;
            }
            if !self.sets[index][place].contains(&identity(package)) {
                break;
            }
            first = index;
        }
        first
    }
}

/// The files that OS packages installed.
struct Owners {
    by_path: HashMap<String, (Owner, usize)>,
}

impl Owners {
    fn new(visible: &[(usize, &FileCatalog)], packages: &[Package]) -> Self {
        let mut installed: HashMap<(PackageKind, &str), Vec<&Package>> = HashMap::new();
        for package in packages.iter().filter(|package| package.kind.is_os()) {
            installed.entry((package.kind, &package.name)).or_default().push(package);
        }
        let mut by_path = HashMap::new();
        for (_, file) in visible {
            for owned in &file.catalog.owned {
                let Some(candidates) = installed.get(&(owned.kind, owned.name.as_str())) else {
                    // A list of a package that is not installed any more owns nothing.
                    continue;
                };
                let package = candidates
                    .iter()
                    .find(|package| {
                        owned.architecture.is_some() && package.architecture == owned.architecture
                    })
                    .unwrap_or(&candidates[0]);
                let since = package.introduced_in.as_ref().map_or(0, |layer| layer.index);
                let owner = Owner {
                    kind: package.kind,
                    name: package.name.clone(),
                    version: package.version.clone(),
                };
                for path in &owned.paths {
                    by_path.insert(merged_usr(path), (owner.clone(), since));
                }
            }
        }
        Self { by_path }
    }

    /// The OS package that installed the file of a language package. A file that came with a later layer than its
    /// owner was replaced by somebody else, and is nobody's.
    fn owner_of(&self, package: &Package) -> Option<Owner> {
        let (owner, since) = self.by_path.get(&merged_usr(&package.path))?;
        let introduced = package.introduced_in.as_ref().map_or(0, |layer| layer.index);
        (introduced <= *since).then(|| owner.clone())
    }
}

/// File lists of distributions still name `/lib/…` for what lies in `/usr/lib/…` since the merge of the two.
fn merged_usr(path: &str) -> String {
    let in_root = ["bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/"]
        .iter()
        .any(|folder| path.starts_with(folder));
    if in_root { format!("usr/{path}") } else { path.to_owned() }
}
