//! An image, or a folder, to its inventory.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use plimsoll_catalog::{Cataloger, Evidence};
use plimsoll_model::{Artifact, ArtifactKind, Gap, Inventory};
use plimsoll_oci::{ImageSource, ImageStream, ResolvedImage, Source};

use crate::cache::{CacheKey, LayerCache};
use crate::error::Error;
use crate::fold::{FoldLayer, fold};
use crate::folder::{walk_file, walk_folder};
use crate::in_flight::InFlight;
use crate::layer::{LayerCatalog, LayerReader, Wanted};
use crate::limits::Limits;
use crate::links::{FollowedLink, gap, links_to_follow};
use crate::weight;

/// Is told how far the work has come. Called from several threads.
pub trait Progress: Sync {
    /// The layers of the image are known.
    fn image(&self, image: &ResolvedImage);
    /// A layer was found in the cache.
    fn cached(&self, index: usize);
    /// So many more stored bytes of a layer were read.
    fn read(&self, index: usize, bytes: u64);
    /// A layer is done.
    fn done(&self, index: usize);
    /// A result could not be kept; the scan goes on.
    fn cache_failed(&self, index: usize, error: &io::Error);
}

/// Tells nobody.
pub struct NoProgress;

impl Progress for NoProgress {
    fn image(&self, _: &ResolvedImage) {}
    fn cached(&self, _: usize) {}
    fn read(&self, _: usize, _: u64) {}
    fn done(&self, _: usize) {}
    fn cache_failed(&self, _: usize, _: &io::Error) {}
}

/// How an image is read.
pub struct Options<'a> {
    /// The catalogers, mostly [`plimsoll_catalog::CATALOGERS`].
    pub catalogers: &'a [&'a dyn Cataloger],
    /// Where results of layers are kept; `None`: nowhere.
    pub cache: Option<&'a LayerCache>,
    /// Shared by images that are read at the same time, with one cache: a layer of several is read once.
    pub in_flight: Option<&'a InFlight>,
    /// A folder for wanted files that are too large for memory. They are unlinked before they are written.
    pub spool_folder: &'a Path,
    /// Bounds.
    pub limits: Limits,
    /// Layers that are read at once, at least 1.
    pub threads: usize,
    /// Who is told.
    pub progress: &'a dyn Progress,
}

impl Options<'_> {
    fn reader(&self) -> LayerReader<'_> {
        LayerReader { catalogers: self.catalogers, limits: &self.limits, spool_folder: self.spool_folder }
    }

    fn key(&self, diff_id: &str) -> CacheKey {
        CacheKey::new(diff_id, self.catalogers, &self.limits)
    }

    fn cached(&self, key: &CacheKey) -> Option<LayerCatalog> {
        self.cache.and_then(|cache| cache.get(key))
    }

    fn keep(&self, key: &CacheKey, index: usize, catalog: &LayerCatalog) {
        if let Some(cache) = self.cache
            && let Err(error) = cache.put(key, catalog)
        {
            self.progress.cache_failed(index, &error);
        }
    }
}

/// What the results of an image's layers take together, counted by several threads.
struct Held<'a> {
    bytes: AtomicU64,
    limits: &'a Limits,
}

impl<'a> Held<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self { bytes: AtomicU64::new(0), limits }
    }

    fn add(&self, catalog: &LayerCatalog) -> Result<(), Error> {
        let more = weight::of_layer(catalog);
        let before = self.bytes.fetch_add(more, Ordering::Relaxed);
        let limit_bytes = self.limits.image_result_bytes;
        if before.saturating_add(more) > limit_bytes { Err(Error::TooMuch { limit_bytes }) } else { Ok(()) }
    }
}

/// Catalogs an image.
///
/// # Errors
/// [`Error`] where the image cannot be had: its source failed, or a layer is not what the config says. Damage inside
/// a layer is a gap of the inventory.
pub fn catalog_image(source: Source, options: &Options<'_>) -> Result<Inventory, Error> {
    // What a lock file in an image lists was asked for once; what came of it is read where it was installed.
    let installed: Vec<&dyn Cataloger> = options
        .catalogers
        .iter()
        .copied()
        .filter(|cataloger| cataloger.evidence() == Evidence::Installed)
        .collect();
    let options = &Options { catalogers: &installed, ..*options };
    match source {
        Source::Layers(source) => catalog_layers(source.as_ref(), options),
        Source::Stream(stream) => catalog_stream(stream, options),
    }
}

/// Catalogs a folder: a root file system, or a source tree. A folder with the release file of a distribution is a root
/// file system, and lock files in it say nothing of what is installed; in any other folder they are read too. A single
/// file, as a lock file, is read as if it lay alone in a folder.
///
/// # Errors
/// [`Error::Disk`] where the folder itself cannot be read. What cannot be read below it is a gap.
pub fn catalog_folder(folder: &Path, options: &Options<'_>) -> Result<Inventory, Error> {
    let mut catalog = if folder.is_file() {
        walk_file(folder, &options.reader())?
    } else {
        walk_folder(folder, &options.reader())?
    };
    if catalog.files.iter().any(|file| file.catalog.os.is_some()) {
        let declared: Vec<&str> = options
            .catalogers
            .iter()
            .filter(|cataloger| cataloger.evidence() == Evidence::Declared)
            .map(|cataloger| cataloger.name())
            .collect();
        catalog.files.retain(|file| !declared.contains(&file.cataloger.as_str()));
    }
    let layers = [FoldLayer { diff_id: String::new(), catalog: Arc::new(catalog) }];
    let artifact = Artifact {
        name: folder.display().to_string(),
        kind: ArtifactKind::Filesystem,
        ..Artifact::default()
    };
    Ok(inventory(artifact, &layers, Vec::new()))
}

fn inventory(artifact: Artifact, layers: &[FoldLayer], gaps: Vec<Gap>) -> Inventory {
    let folded = fold(layers);
    let mut all_gaps = folded.gaps;
    all_gaps.extend(gaps);
    if folded.packages.is_empty() {
        let reason =
            "expected packages, found none that can be read; that is not the same as clean".to_owned();
        all_gaps.push(Gap {
            path: String::new(),
            place: String::new(),
            diff_id: None,
            reporter: "layers".to_owned(),
            reason,
        });
    }
    all_gaps.sort();
    all_gaps.dedup();
    Inventory { artifact, os: folded.os, packages: folded.packages, gaps: all_gaps, base: None }
}

fn catalog_layers(source: &dyn ImageSource, options: &Options<'_>) -> Result<Inventory, Error> {
    let image = source.image();
    options.progress.image(image);
    // Equal layers, as the empty one, are read once.
    let mut distinct: Vec<usize> = Vec::new();
    let mut place = BTreeMap::new();
    for (index, layer) in image.layers.iter().enumerate() {
        place.entry(layer.diff_id.as_str()).or_insert_with(|| {
            distinct.push(index);
            distinct.len() - 1
        });
    }
    let held = Held::new(&options.limits);
    let catalogs = in_parallel(options.threads, &distinct, |&index| {
        let catalog = layer(source, index, options)?;
        held.add(&catalog)?;
        Ok(Arc::new(catalog))
    })?;
    let mut layers: Vec<FoldLayer> = image
        .layers
        .iter()
        .map(|layer| {
            let diff_id = layer.diff_id.to_string();
            FoldLayer { catalog: Arc::clone(&catalogs[place[diff_id.as_str()]]), diff_id }
        })
        .collect();
    let (links, mut gaps) = links_to_follow(&layers, options.catalogers);
    for index in 0..layers.len() {
        let wanted: Vec<&FollowedLink> = links.iter().filter(|link| link.target_layer == index).collect();
        if !wanted.is_empty() {
            let found = targets(source, index, &wanted, options)?;
            held.add(&found)?;
            // Those that the first walk of the layer gave too are told once.
            gaps.extend(found.gaps.iter().map(|found| Gap {
                reporter: found.reporter.clone(),
                ..gap(&layers[index], &found.path, found.reason.clone())
            }));
            add_followed(&mut layers, &wanted, found);
        }
    }
    Ok(inventory(image.artifact.clone(), &layers, gaps))
}

/// Gives the results read through links to the layers that have the links.
fn add_followed(layers: &mut [FoldLayer], links: &[&FollowedLink], found: LayerCatalog) {
    for file in found.files {
        for link in links.iter().filter(|link| link.path == file.path) {
            Arc::make_mut(&mut layers[link.layer].catalog).files.push(file.clone());
        }
    }
}

/// One layer: from the cache, or read.
fn layer(source: &dyn ImageSource, index: usize, options: &Options<'_>) -> Result<LayerCatalog, Error> {
    let expected = source.image().layers[index].diff_id.to_string();
    let key = options.key(&expected);
    let kept = || {
        let catalog = options.cached(&key)?;
        options.progress.cached(index);
        Some(catalog)
    };
    let _claim = loop {
        if let Some(catalog) = kept() {
            return Ok(catalog);
        }
        let Some(in_flight) = options.in_flight else { break None };
        // Who had it may have failed, and then it is our turn; or was done between our look and our claim.
        if let Some(claim) = in_flight.claim(&key) {
            if let Some(catalog) = kept() {
                return Ok(catalog);
            }
            break Some(claim);
        }
    };
    let walked = read_layer(source, index, options, |stored| options.reader().walk(stored))?;
    let mut catalog = walked.catalog;
    let Some(found) = walked.diff_id else {
        // It was not read to its end: there is a gap that says so, and nothing is kept.
        options.progress.done(index);
        return Ok(catalog);
    };
    if found.as_str() != expected {
        return Err(Error::DiffId { index, expected, found: found.to_string() });
    }
    if !walked.pending.is_empty() {
        let mut targets = Wanted::new();
        for (target, path) in walked.pending {
            targets.entry(target).or_default().push(path);
        }
        let more =
            read_layer(source, index, options, |stored| options.reader().walk_targets(stored, &targets))?;
        catalog.files.extend(more.files);
        catalog.files.sort_by(|a, b| (&a.path, &a.cataloger).cmp(&(&b.path, &b.cataloger)));
        catalog.gaps.extend(more.gaps);
        catalog.gaps.sort();
        catalog.gaps.dedup();
    }
    options.keep(&key, index, &catalog);
    options.progress.done(index);
    Ok(catalog)
}

/// Files of one layer that links of the image lead to.
fn targets(
    source: &dyn ImageSource,
    index: usize,
    links: &[&FollowedLink],
    options: &Options<'_>,
) -> Result<LayerCatalog, Error> {
    let mut targets = Wanted::new();
    for link in links {
        targets.entry(link.target.clone()).or_default().push(link.path.clone());
    }
    let key = options.key(source.image().layers[index].diff_id.as_str()).with_targets(&targets);
    if let Some(catalog) = options.cached(&key) {
        return Ok(catalog);
    }
    let catalog =
        read_layer(source, index, options, |stored| options.reader().walk_targets(stored, &targets))?;
    options.keep(&key, index, &catalog);
    Ok(catalog)
}

fn read_layer<T>(
    source: &dyn ImageSource,
    index: usize,
    options: &Options<'_>,
    walk: impl FnOnce(&mut dyn Read) -> Result<T, Error>,
) -> Result<T, Error> {
    let layer = &source.image().layers[index];
    let name = layer.digest.as_ref().map_or(layer.diff_id.as_str(), |digest| digest.as_str());
    let named = |source| Error::Source { what: format!("layer {index} `{name}`"), source };
    let stored = source.open_layer(index).map_err(named)?;
    let mut counted = Counted { inner: stored, index, progress: options.progress };
    match walk(&mut counted) {
        Err(Error::Source { source, .. }) => Err(named(source)),
        other => other,
    }
}

struct Counted<'a, R> {
    inner: R,
    index: usize,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.progress.read(self.index, length as u64);
        Ok(length)
    }
}

/// Runs `work` for each item on up to `threads` threads; the results stand in the order of the items. The first
/// failure in that order is the one that is reported; work that has not begun then is left out.
fn in_parallel<I: Sync, T: Send>(
    threads: usize,
    items: &[I],
    work: impl Fn(&I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(usize::MAX);
    let results: Vec<Mutex<Option<Result<T, Error>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= items.len() || failed.load(Ordering::Relaxed) < index {
                return;
            }
            let result = work(&items[index]);
            if result.is_err() {
                failed.fetch_min(index, Ordering::Relaxed);
            }
            *results[index].lock().expect("no thread panics while it holds the lock") = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, items.len().max(1)) {
            scope.spawn(run);
        }
        run();
    });
    let done = results
        .into_iter()
        .map(|result| result.into_inner().expect("no thread panics while it holds the lock"));
    let mut out = Vec::with_capacity(items.len());
    for result in done {
        // Items behind the first failure may be missing; the failure comes before them.
        out.push(result.expect("work is only left out behind a failure")?);
    }
    Ok(out)
}

fn catalog_stream(stream: Box<dyn ImageStream>, options: &Options<'_>) -> Result<Inventory, Error> {
    let mut known: BTreeMap<String, Arc<LayerCatalog>> = BTreeMap::new();
    let held = Held::new(&options.limits);
    if let Some(image) = stream.expected() {
        options.progress.image(image);
        for (index, layer) in image.layers.iter().enumerate() {
            if let Some(catalog) = options.cached(&options.key(layer.diff_id.as_str())) {
                options.progress.cached(index);
                held.add(&catalog)?;
                known.insert(layer.diff_id.to_string(), Arc::new(catalog));
            }
        }
        if image.layers.iter().all(|layer| known.contains_key(layer.diff_id.as_str())) {
            let image = image.clone();
            return stream_inventory(&image, &known, &BTreeMap::new(), options);
        }
    }
    let mut pending: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut fault = None;
    let mut count = 0;
    let read = stream.read(&mut |_, stored| {
        let mut counted = Counted { inner: stored, index: count, progress: options.progress };
        let walked = options.reader().walk(&mut counted);
        let walked = match walked.and_then(|walked| held.add(&walked.catalog).map(|()| walked)) {
            Ok(walked) => walked,
            Err(Error::Source { source, .. }) => return Err(source),
            Err(other) => {
                fault = Some(other);
                return Err(io::Error::other("the scan failed"));
            }
        };
        options.progress.done(count);
        count += 1;
        let Some(diff_id) = walked.diff_id else { return Ok(()) };
        if walked.pending.is_empty() {
            options.keep(&options.key(diff_id.as_str()), count - 1, &walked.catalog);
        } else {
            pending.insert(diff_id.to_string(), walked.pending);
        }
        known.insert(diff_id.to_string(), Arc::new(walked.catalog));
        Ok(())
    });
    let image = match (read, fault) {
        (_, Some(fault)) => return Err(fault),
        (Err(source), None) => return Err(Error::Source { what: "the image's stream".to_owned(), source }),
        (Ok(image), None) => image,
    };
    stream_inventory(&image, &known, &pending, options)
}

fn stream_inventory(
    image: &ResolvedImage,
    known: &BTreeMap<String, Arc<LayerCatalog>>,
    pending: &BTreeMap<String, Vec<(String, String)>>,
    options: &Options<'_>,
) -> Result<Inventory, Error> {
    let mut layers = Vec::with_capacity(image.layers.len());
    let mut gaps = Vec::new();
    for layer in &image.layers {
        let diff_id = layer.diff_id.to_string();
        let Some(catalog) = known.get(&diff_id) else {
            return Err(Error::MissingLayer { diff_id, found: known.len() });
        };
        let layer = FoldLayer { catalog: Arc::clone(catalog), diff_id };
        for (target, path) in pending.get(&layer.diff_id).into_iter().flatten() {
            let reason = format!(
                "expected a file, found a hard link to `{target}`, which a stream cannot be read for again"
            );
            gaps.push(gap(&layer, path, reason));
        }
        layers.push(layer);
    }
    let (links, more) = links_to_follow(&layers, options.catalogers);
    gaps.extend(more);
    for link in links {
        let reason = format!(
            "expected a file, found a symbolic link to `{}`, which a stream cannot be read for again",
            link.target
        );
        gaps.push(gap(&layers[link.layer], &link.path, reason));
    }
    Ok(inventory(image.artifact.clone(), &layers, gaps))
}
