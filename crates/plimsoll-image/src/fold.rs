//! Layers folded into one image: which files are visible, whose they are, and which layer brought each package.
//!
//! Pure: the layers' results in, packages out.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use plimsoll_catalog::OS_RELEASE_PATHS;
use plimsoll_model::{Gap, Layer, OsRelease, Owner, Package, PackageKind};

use crate::direct::tell_direct;
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

    /// Whether what was at this path gives way to this layer's own entry, or to its whiteout.
    fn takes_place(&self, path: PathHash) -> bool {
        self.removed.contains(&path) || self.covers.binary_search(&path.0).is_ok()
    }

    /// Whether the entry at this path is hidden, as far as the path itself says it.
    fn hides(&self, path: PathHash) -> bool {
        self.folders.binary_search(&path.0).is_ok() || self.takes_place(path)
    }

    /// Whether everything below this folder is hidden. The root's own opaque mark stands under the empty path.
    fn hides_below(&self, folder: PathHash) -> bool {
        self.opaque.contains(&folder) || self.takes_place(folder)
    }
}

/// The layers of an image with what each hides, to ask what is visible.
pub(crate) struct Stack<'a> {
    layers: &'a [FoldLayer],
    covers: Vec<Cover<'a>>,
    /// For a folder and a layer: the first layer above it that hides everything below the folder. Files share their
    /// folders, so each folder is looked for once, however deep it lies.
    folders: RefCell<HashMap<(PathHash, usize), Option<usize>>>,
}

impl<'a> Stack<'a> {
    pub(crate) fn new(layers: &'a [FoldLayer]) -> Self {
        let covers = layers.iter().map(|layer| Cover::of(&layer.catalog)).collect();
        Self { layers, covers, folders: RefCell::default() }
    }

    /// The first layer above `index` that hides this path of layer `index`.
    fn hidden_by(&self, path: &str, index: usize) -> Option<usize> {
        let below = self.folder_hidden_by(path, index);
        let hash = PathHash::of(path);
        let end = below.unwrap_or(self.layers.len());
        (index + 1..end).find(|&above| self.covers[above].hides(hash)).or(below)
    }

    /// The first layer above `index` that hides everything below the folder of `path`, or below one above that.
    fn folder_hidden_by(&self, path: &str, index: usize) -> Option<usize> {
        let mut known = self.folders.borrow_mut();
        let root = std::iter::once(PathHash::of(""));
        let ancestors: Vec<PathHash> = root.chain(PathHash::ancestors(path)).collect();
        let first_unknown = ancestors
            .iter()
            .rposition(|folder| known.contains_key(&(*folder, index)))
            .map_or(0, |deepest_known| deepest_known + 1);
        let above = first_unknown.checked_sub(1);
        let mut hidden_by = above.and_then(|above| known[&(ancestors[above], index)]);
        for &folder in &ancestors[first_unknown..] {
            let end = hidden_by.unwrap_or(self.layers.len());
            let own = (index + 1..end).find(|&above| self.covers[above].hides_below(folder));
            hidden_by = own.or(hidden_by);
            known.insert((folder, index), hidden_by);
        }
        hidden_by
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
        let history = histories.of(&stack, file, *index);
        for package in &file.catalog.packages {
            let mut package = package.clone();
            package.path.clone_from(&file.path);
            package.layer = layer_at(layers, *index);
            let first = Histories::introduced(&history, &package, *index);
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
    tell_direct(&stack, &visible, &mut folded.packages);
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

/// The versions that files went through.
struct Histories<'a> {
    /// By path and cataloger, for files that several layers have: those layers, from the base up, and what the
    /// file's packages are there.
    versions: HashMap<(&'a str, &'a str), Vec<Version<'a>>>,
}

/// A layer, and what a file's packages are there.
type Version<'a> = (usize, HashSet<Identity<'a>>);

type Identity<'a> = (PackageKind, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

fn identity(package: &Package) -> Identity<'_> {
    let Package { kind, name, version, architecture, inner_path, .. } = package;
    (*kind, name, version, architecture.as_deref(), inner_path.as_deref())
}

impl<'a> Histories<'a> {
    fn new(layers: &'a [FoldLayer]) -> Self {
        let mut places: HashMap<(&str, &str), Vec<(usize, &FileCatalog)>> = HashMap::new();
        for (index, layer) in layers.iter().enumerate() {
            for file in &layer.catalog.files {
                places.entry((&file.path, &file.cataloger)).or_default().push((index, file));
            }
        }
        places.retain(|_, places| places.len() > 1);
        let identities = |file: &'a FileCatalog| file.catalog.packages.iter().map(identity).collect();
        let versions = places.into_iter().map(|(file, places)| {
            (file, places.into_iter().map(|(index, file)| (index, identities(file))).collect())
        });
        Self { versions: versions.collect() }
    }

    /// The versions before that of layer `top`, newest first, as far as each was replaced by the next and nothing
    /// else: not what was removed in between.
    fn of<'s>(&'s self, stack: &Stack<'_>, file: &'s FileCatalog, top: usize) -> Vec<&'s Version<'s>> {
        let versions = self.versions.get(&(file.path.as_str(), file.cataloger.as_str()));
        let mut history = Vec::new();
        let mut first = top;
        for version in versions.into_iter().flatten().rev().filter(|(index, _)| *index < top) {
            let replaced_by = stack.hidden_by(&file.path, version.0);
            if replaced_by != Some(first) || stack.covers[first].removed.contains(&PathHash::of(&file.path)) {
                break;
            }
            first = version.0;
            history.push(version);
        }
        history
    }

    /// The lowest layer from which on, without a break, the file has this package in this version.
    fn introduced(history: &[&Version<'_>], package: &Package, top: usize) -> usize {
        let same = history.iter().take_while(|(_, packages)| packages.contains(&identity(package)));
        same.last().map_or(top, |(index, _)| *index)
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
