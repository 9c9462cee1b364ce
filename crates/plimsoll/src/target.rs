//! A target to its inventory: what `scan` and `sbom` share.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_catalog::{CATALOGERS, Entry};
use plimsoll_image::{InFlight, LayerCache, Limits, Options, Progress, catalog_folder, catalog_image};
use plimsoll_model::Inventory;
use plimsoll_oci::{Reference, ResolvedImage, Target};

use crate::args::{ReadingArgs, RegistryArgs, TargetArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;

/// Reads what `arguments` name.
pub(crate) fn inventory(
    arguments: &TargetArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Inventory, Failure> {
    inventory_of(&arguments.target, &arguments.reading, settings, environment, bars)
}

/// What a person typed.
pub(crate) fn parse(text: &str) -> Result<Target, Failure> {
    match single_file(text) {
        Some(file) => Ok(Target::Dir(file)),
        None => text.parse().map_err(|error| oci_failure(error, Exit::Usage)),
    }
}

/// Reads what `text` names.
pub(crate) fn inventory_of(
    text: &str,
    arguments: &ReadingArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Inventory, Failure> {
    let target = parse(text)?;
    let cache_folder = cache_folder(arguments, settings, environment);
    let cache = cache_folder.as_deref().map(LayerCache::new);
    let spool_folder = spool_folder(cache_folder.as_deref(), environment);
    let threads = arguments.threads.or(settings.threads).map_or(environment.threads, usize::from);
    let options = Options {
        catalogers: CATALOGERS,
        cache: cache.as_ref(),
        in_flight: None,
        spool_folder: &spool_folder,
        limits: Limits::default(),
        threads,
        progress: bars,
    };
    let inventory = match &target {
        Target::Dir(folder) => {
            bars.say(format!("reading {}", folder.display()));
            catalog_folder(folder, &options).map_err(image_failure)
        }
        Target::Sbom(file) => read_sbom(file),
        _ => {
            bars.say(format!("asking for {text}"));
            let source = plimsoll_oci::open(&target, &reach(arguments, settings)?)
                .map_err(|error| oci_failure(error, Exit::CouldNotScan))?;
            catalog_image(source, &options).map_err(image_failure)
        }
    };
    let mut inventory = inventory?;
    if inventory.artifact.name.is_empty() {
        text.clone_into(&mut inventory.artifact.name);
    }
    Ok(inventory)
}

/// How the images of a sweep are read: many at a time, a layer of several once.
pub(crate) struct Reader {
    cache: LayerCache,
    in_flight: InFlight,
    spool_folder: PathBuf,
    threads: usize,
    reach: plimsoll_oci::Options,
}

impl Reader {
    /// One that keeps results of layers in this folder, and reads so many layers of an image at once.
    pub(crate) fn new(
        cache_folder: &Path,
        threads: usize,
        reach: plimsoll_oci::Options,
        environment: &Environment,
    ) -> Self {
        Self {
            cache: LayerCache::new(cache_folder),
            in_flight: InFlight::new(),
            spool_folder: spool_folder(Some(cache_folder), environment),
            threads,
            reach,
        }
    }

    /// What is in an image of a registry.
    pub(crate) fn inventory(&self, reference: &Reference, bars: &Bars) -> Result<Inventory, Failure> {
        let options = Options {
            catalogers: CATALOGERS,
            cache: Some(&self.cache),
            in_flight: Some(&self.in_flight),
            spool_folder: &self.spool_folder,
            limits: Limits::default(),
            threads: self.threads,
            progress: &Quietly { bars },
        };
        let source = plimsoll_oci::open(&Target::Registry(reference.clone()), &self.reach)
            .map_err(|error| oci_failure(error, Exit::CouldNotScan))?;
        catalog_image(source, &options).map_err(image_failure)
    }
}

/// Tells of nothing but what makes a sweep slow: one of many images has no bars of its own.
struct Quietly<'a> {
    bars: &'a Bars,
}

impl Progress for Quietly<'_> {
    fn image(&self, _: &ResolvedImage) {}
    fn cached(&self, _: usize) {}
    fn read(&self, _: usize, _: u64) {}
    fn done(&self, _: usize) {}
    fn cache_failed(&self, _: usize, error: &io::Error) {
        self.bars.note(&format!(
            "note: results of layers were not kept in the cache, so that they are read for each image: {error}"
        ));
    }
}

/// A file that is named without a prefix, and that a cataloger reads by its name: `./package-lock.json`.
pub(crate) fn single_file(target: &str) -> Option<PathBuf> {
    let path = Path::new(target);
    let entry = Entry { path: path.file_name()?.to_str()?, size: None, executable: Some(false) };
    (path.is_file() && CATALOGERS.iter().any(|cataloger| cataloger.wants(&entry))).then(|| path.to_owned())
}

/// Where things are kept between two calls; `None`: nowhere.
pub(crate) fn cache_folder(
    arguments: &ReadingArgs,
    settings: &Settings,
    environment: &Environment,
) -> Option<PathBuf> {
    let folder = arguments.cache_dir.as_ref().or(settings.cache_dir.as_ref());
    let folder = folder.unwrap_or(&environment.cache_folder).clone();
    (!arguments.no_cache && !settings.no_cache).then_some(folder)
}

/// How images are reached.
pub(crate) fn reach(arguments: &ReadingArgs, settings: &Settings) -> Result<plimsoll_oci::Options, Failure> {
    let mut options = plimsoll_oci::Options::from_env();
    if let Some(platform) = arguments.platform.as_ref().or(settings.platform.as_ref()) {
        let platform =
            plimsoll_oci::parse_platform(platform).map_err(|error| oci_failure(error, Exit::Usage))?;
        options.platform = Some(platform);
    }
    let insecure =
        if arguments.insecure_http.is_empty() { &settings.insecure_http } else { &arguments.insecure_http };
    options.http.insecure_http.clone_from(insecure);
    options.http.ca_certificates.extend(settings.certificates(&arguments.ca_cert)?);
    options.login_source = Some(crate::aws::logins(&options.http.ca_certificates));
    arguments.other.apply(&mut options);
    Ok(options)
}

/// How a registry is reached of which no image is read.
pub(crate) fn reach_registry(
    arguments: &RegistryArgs,
    settings: &Settings,
) -> Result<plimsoll_oci::Options, Failure> {
    let mut options = plimsoll_oci::Options::from_env();
    let insecure =
        if arguments.insecure_http.is_empty() { &settings.insecure_http } else { &arguments.insecure_http };
    options.http.insecure_http.clone_from(insecure);
    options.http.ca_certificates.extend(settings.certificates(&arguments.ca_cert)?);
    options.login_source = Some(crate::aws::logins(&options.http.ca_certificates));
    Ok(options)
}

/// A folder that takes large files: the cache's, or the system's for temporary files.
fn spool_folder(cache_folder: Option<&Path>, environment: &Environment) -> PathBuf {
    match cache_folder {
        Some(folder) if fs::create_dir_all(folder).is_ok() => folder.to_owned(),
        _ => environment.temporary_folder.clone(),
    }
}

fn read_sbom(file: &Path) -> Result<Inventory, Failure> {
    let name = file.display().to_string();
    let mut bytes = File::open(file).map_err(|error| {
        Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context(format!("cannot read `{name}`")))
    })?;
    plimsoll_report::read_sbom(&mut bytes, &name).map_err(|error| Failure::new(Exit::CouldNotScan, error))
}

/// An error of the image's source, with its hint.
pub(crate) fn oci_failure(error: plimsoll_oci::Error, exit: Exit) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// An error of reading an image; the hint is that of the source's error inside it.
fn image_failure(error: plimsoll_image::Error) -> Failure {
    let mut hint = None;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let oci = error
            .downcast_ref::<plimsoll_oci::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if let Some(oci) = oci {
            hint = oci.hint();
        }
        cause = error.source();
    }
    let failure = Failure::new(Exit::CouldNotScan, anyhow!(error));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
