//! What was scanned, and which of it a statement names.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Digest, Ecosystem, Finding, OsRelease, Package, PackageKind, Purl};

use crate::compare::{Closeness, Miss, cpe_names, lies_in, purl_names};
use crate::document::{Component, Product, Statement};
use crate::image::Subject;
use crate::json::short;
use crate::judge::StatementIndex;

/// Package URL types of images.
const IMAGE_TYPES: &[&str] = &["oci", "docker"];

/// A statement that matched at a package, and by what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Match {
    pub(crate) statement: StatementIndex,
    product: usize,
    subcomponent: Option<usize>,
    is_image: bool,
}

impl Match {
    pub(crate) fn because(&self, statement: &Statement) -> String {
        let product = &statement.products[self.product];
        let whole = short(product.component.label());
        match self.subcomponent.and_then(|index| product.subcomponents.get(index)) {
            Some(part) => format!("package `{}` in `{whole}`", short(part.label())),
            None if self.is_image => format!("image `{whole}`"),
            None => format!("package `{whole}`"),
        }
    }
}

/// What was scanned and found, with what makes look-ups cheap.
pub(crate) struct Scene<'a> {
    subject: &'a Subject,
    packages: &'a [Package],
    findings: &'a [Finding],
    by_flaw: BTreeMap<String, Vec<usize>>,
    by_name: BTreeMap<(PackageKind, String), Vec<usize>>,
}

/// What a product turned out to be.
enum Whole {
    /// What was scanned; or its distribution release alone.
    Image { only_os: bool },
    /// Packages, by their indexes.
    Packages(Vec<usize>),
}

impl<'a> Scene<'a> {
    pub(crate) fn new(subject: &'a Subject, packages: &'a [Package], findings: &'a [Finding]) -> Self {
        let mut by_flaw: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, finding) in findings.iter().enumerate() {
            for name in std::iter::once(&finding.id).chain(&finding.aliases) {
                let list = by_flaw.entry(name.to_ascii_uppercase()).or_default();
                if list.last() != Some(&index) {
                    list.push(index);
                }
            }
        }
        let mut by_name: BTreeMap<(PackageKind, String), Vec<usize>> = BTreeMap::new();
        for (index, package) in packages.iter().enumerate() {
            let own = package.purl(None).name;
            let source = package.source.as_ref().map(|source| source.name.clone());
            for name in std::iter::once(own).chain(source) {
                let list = by_name.entry((package.kind, key(package.kind, &name))).or_default();
                if list.last() != Some(&index) {
                    list.push(index);
                }
            }
        }
        Self { subject, packages, findings, by_flaw, by_name }
    }

    fn os(&self) -> Option<&OsRelease> {
        self.subject.os.as_ref()
    }

    /// Puts a statement beside each finding and package that it matches.
    ///
    /// # Errors
    /// Where it matches none, what came nearest.
    pub(crate) fn apply(
        &self,
        index: StatementIndex,
        statement: &Statement,
        matches: &mut BTreeMap<(usize, usize), Vec<Match>>,
    ) -> Result<(), String> {
        let names = &statement.vulnerability;
        let findings: BTreeSet<usize> = names
            .iter()
            .filter_map(|name| self.by_flaw.get(&name.to_ascii_uppercase()))
            .flatten()
            .copied()
            .collect();
        let flaw = short(names.first().map_or("", String::as_str));
        let mut nearest =
            Miss::new(Closeness::Nothing, format!("the statement on `{flaw}` names no product"));
        let mut is_first = true;
        let mut has_matched = false;
        for (number, product) in statement.products.iter().enumerate() {
            let mut miss = match self.whole(&product.component) {
                Err(miss) => miss,
                Ok(whole) => {
                    let found = Found { index, number, product, whole: &whole };
                    match self.places(&found, &findings, &flaw, matches) {
                        Ok(()) => {
                            has_matched = true;
                            continue;
                        }
                        Err(miss) => miss,
                    }
                }
            };
            if findings.is_empty() && miss.closeness < Closeness::Name {
                miss.reason = format!("nothing has a finding `{flaw}`, and {}", miss.reason);
            }
            nearest = if std::mem::take(&mut is_first) { miss } else { nearest.nearer(miss) };
        }
        if has_matched { Ok(()) } else { Err(nearest.reason) }
    }

    /// What a product is among what was scanned.
    fn whole(&self, component: &Component) -> Result<Whole, Miss> {
        let image = match self.is_image(component) {
            Ok(only_os) => return Ok(Whole::Image { only_os }),
            Err(miss) => miss,
        };
        match (self.packages_of(component), image) {
            (Ok(found), _) => Ok(Whole::Packages(found)),
            (Err(Some(package)), Some(image)) => Err(image.nearer(package)),
            (Err(Some(miss)), None) | (Err(None), Some(miss)) => Err(miss),
            (Err(None), None) => Err(Miss::new(
                Closeness::Nothing,
                format!("`{}` names neither an image nor a package", short(component.label())),
            )),
        }
    }

    /// Whether a component is what was scanned; `Ok(true)` where it is the distribution release alone.
    ///
    /// Where it has a digest, that decides, whatever else it has: other names may mean other images tomorrow.
    ///
    /// # Errors
    /// Why it is not; `None` for a component that is no image.
    fn is_image(&self, component: &Component) -> Result<bool, Option<Miss>> {
        let mut purls: Vec<Purl> = component.purls.iter().filter_map(|purl| purl.parse().ok()).collect();
        let is_own = purls.iter().any(|purl| self.subject.is_purl(purl)) && component.versions.is_none();
        purls.retain(|purl| IMAGE_TYPES.contains(&purl.kind.as_str()));
        for purl in purls.iter_mut().filter(|purl| purl.version.is_empty()) {
            component.versions.as_deref().unwrap_or_default().clone_into(&mut purl.version);
        }
        let in_purls = purls.iter().map(|purl| purl.version.as_str());
        let in_references =
            component.references.iter().filter_map(|name| name.split_once('@')).map(|(_, digest)| digest);
        let digests: Vec<&str> = component
            .digests
            .iter()
            .map(String::as_str)
            .chain(in_purls.chain(in_references).filter(|text| text.parse::<Digest>().is_ok()))
            .collect();
        if !digests.is_empty() {
            return any(digests.into_iter().map(|digest| self.subject.has_digest(digest))).map(|()| false);
        }
        if is_own {
            return Ok(false);
        }
        if !purls.is_empty() {
            let all: Result<(), Miss> = purls.iter().try_for_each(|purl| self.subject.has_purl(purl));
            return all.map(|()| false).map_err(Some);
        }
        if !component.references.is_empty() {
            let tests = component.references.iter().map(|name| self.subject.has_reference(name));
            return any(tests).map(|()| false);
        }
        if component.purls.is_empty() {
            return any(component.cpes.iter().map(|cpe| cpe_names(cpe, self.os()))).map(|()| true);
        }
        Err(None)
    }

    /// The packages that a component names; at least one.
    ///
    /// # Errors
    /// What came nearest; `None` for a component that names no package.
    fn packages_of(&self, component: &Component) -> Result<Vec<usize>, Option<Miss>> {
        let is_image =
            |purl: &String| purl.parse::<Purl>().is_ok_and(|purl| IMAGE_TYPES.contains(&purl.kind.as_str()));
        // What is an image by one of its names is no package by another: it would be meant in every image.
        if component.purls.iter().any(is_image) {
            return Err(None);
        }
        let mut nearest: Option<Miss> = None;
        let mut found = BTreeSet::new();
        for purl in component.purls.iter().filter_map(|purl| purl.parse::<Purl>().ok()) {
            let candidates = PackageKind::from_purl_type(&purl.kind)
                .and_then(|kind| self.by_name.get(&(kind, key(kind, &purl.name))))
                .map_or(&[][..], Vec::as_slice);
            let mut miss =
                Miss::new(Closeness::Nothing, format!("there is no package `{}`", short(&purl.to_string())));
            for &candidate in candidates {
                match self.is_package(component, &self.packages[candidate]) {
                    Ok(()) => {
                        found.insert(candidate);
                    }
                    Err(other) => miss = miss.nearer(other),
                }
            }
            nearest = Some(nearest.map_or(miss.clone(), |known| known.nearer(miss)));
        }
        if found.is_empty() { Err(nearest) } else { Ok(found.into_iter().collect()) }
    }

    /// Whether a component names a package: all of its URLs of one type do.
    fn is_package(&self, component: &Component, package: &Package) -> Result<(), Miss> {
        let own = package.kind.purl_type();
        let purls = component.purls.iter().filter_map(|purl| purl.parse::<Purl>().ok());
        let mut is_named = false;
        for purl in purls.filter(|purl| purl.kind == own) {
            purl_names(&purl, component.versions.as_deref(), package, self.os())?;
            if let Some(digest) = component.digests.first().filter(|_| purl.version.is_empty()) {
                // One file of many versions is meant, and an installed package is that file no more.
                let reason = format!(
                    "`{}` is meant with the digest `{digest}`, which nothing here tells",
                    short(&purl.to_string())
                );
                return Err(Miss::new(Closeness::Version, reason));
            }
            is_named = true;
        }
        if is_named {
            Ok(())
        } else {
            Err(Miss::new(
                Closeness::Nothing,
                format!("`{}` is no package of this kind", short(component.label())),
            ))
        }
    }

    /// Puts the statement beside the places of findings that are the product, or in it.
    fn places(
        &self,
        found: &Found<'_>,
        findings: &BTreeSet<usize>,
        flaw: &str,
        matches: &mut BTreeMap<(usize, usize), Vec<Match>>,
    ) -> Result<(), Miss> {
        let label = short(found.product.component.label());
        let mut nearest = Miss::new(
            Closeness::Kind,
            format!("`{label}` is here, and no finding `{flaw}` is in what the statement names"),
        );
        if findings.is_empty() {
            return Err(self.without_finding(found, flaw));
        }
        let parts = self.parts(found.product)?;
        let mut has_matched = false;
        for &finding in findings {
            for &package in &self.findings[finding].packages {
                let Some(place) = self.packages.get(package) else { continue };
                let subcomponent = match &parts {
                    None => None,
                    Some(parts) => match parts.get(&package) {
                        Some(&number) => Some(number),
                        None => continue,
                    },
                };
                match self.lies_in_product(found, subcomponent.is_some(), package, place) {
                    Ok(()) => {
                        has_matched = true;
                        let is_image = matches!(found.whole, Whole::Image { .. });
                        let list = matches.entry((finding, package)).or_default();
                        if list.last().is_none_or(|last| last.statement != found.index) {
                            list.push(Match {
                                statement: found.index,
                                product: found.number,
                                subcomponent,
                                is_image,
                            });
                        }
                    }
                    Err(miss) => nearest = nearest.nearer(miss),
                }
            }
        }
        if has_matched { Ok(()) } else { Err(nearest) }
    }

    /// The packages that a product's subcomponents name, with the first subcomponent that does; `None` for a product that
    /// has none, of which the whole is meant.
    fn parts(&self, product: &Product) -> Result<Option<BTreeMap<usize, usize>>, Miss> {
        if product.subcomponents.is_empty() {
            return Ok(None);
        }
        let mut parts = BTreeMap::new();
        let mut nearest: Option<Miss> = None;
        for (number, component) in product.subcomponents.iter().enumerate() {
            match self.packages_of(component) {
                Ok(packages) => {
                    for package in packages {
                        parts.entry(package).or_insert(number);
                    }
                }
                Err(Some(miss)) => nearest = Some(nearest.map_or(miss.clone(), |known| known.nearer(miss))),
                Err(None) => {}
            }
        }
        if parts.is_empty() {
            let none = || {
                let label = short(product.component.label());
                Miss::new(Closeness::Kind, format!("the subcomponents of `{label}` name no package"))
            };
            return Err(nearest.unwrap_or_else(none));
        }
        Ok(Some(parts))
    }

    /// Whether a package is in the product. `is_part`: a subcomponent names it.
    fn lies_in_product(
        &self,
        found: &Found<'_>,
        is_part: bool,
        package: usize,
        place: &Package,
    ) -> Result<(), Miss> {
        let purl = || short(&place.purl(self.os()).to_string());
        let label = || short(found.product.component.label());
        match found.whole {
            Whole::Image { only_os: true } if !place.kind.is_os() => Err(Miss::new(
                Closeness::Kind,
                format!("`{}` names the distribution, and `{}` is none of its packages", label(), purl()),
            )),
            Whole::Image { .. } => Ok(()),
            Whole::Packages(wholes) => {
                let is_in =
                    wholes.iter().any(|&whole| whole == package || lies_in(place, &self.packages[whole]));
                if is_in {
                    return Ok(());
                }
                let closeness = if is_part { Closeness::Place } else { Closeness::Name };
                let reason = format!(
                    "the finding is in `{}` at `{}`, which is not known to lie in `{}`",
                    purl(),
                    short(&place.path),
                    label()
                );
                Err(Miss::new(closeness, reason))
            }
        }
    }

    /// The miss of a statement whose product is here, and whose flaw is not.
    fn without_finding(&self, found: &Found<'_>, flaw: &str) -> Miss {
        let here = |packages: &[usize]| {
            packages.first().map_or_else(String::new, |&package| {
                short(&self.packages[package].purl(self.os()).to_string())
            })
        };
        let mut nearest: Option<Miss> = None;
        for part in &found.product.subcomponents {
            match self.packages_of(part) {
                Ok(packages) => {
                    let reason = format!("`{}` is here, and has no finding `{flaw}`", here(&packages));
                    return Miss::new(Closeness::Place, reason);
                }
                Err(Some(miss)) => nearest = Some(nearest.map_or(miss.clone(), |known| known.nearer(miss))),
                Err(None) => {}
            }
        }
        if let Some(miss) = nearest {
            return miss;
        }
        let name = match found.whole {
            Whole::Image { .. } => short(found.product.component.label()),
            Whole::Packages(packages) => here(packages),
        };
        Miss::new(Closeness::Place, format!("`{name}` is here, and has no finding `{flaw}`"))
    }
}

/// A product of a statement, and what it is.
struct Found<'a> {
    index: StatementIndex,
    number: usize,
    product: &'a Product,
    whole: &'a Whole,
}

/// Whether one of the tests is passed; else the nearest miss, or none where there is no test.
fn any(tests: impl Iterator<Item = Result<(), Miss>>) -> Result<(), Option<Miss>> {
    let mut nearest: Option<Miss> = None;
    for test in tests {
        match test {
            Ok(()) => return Ok(()),
            Err(miss) => nearest = Some(nearest.map_or(miss.clone(), |known| known.nearer(miss))),
        }
    }
    Err(nearest)
}

/// A name under which packages are looked up; what it leaves open is compared afterwards.
fn key(kind: PackageKind, name: &str) -> String {
    match kind.ecosystem() {
        Some(Ecosystem::PyPi) => Ecosystem::PyPi.normalize_name(name).into_owned(),
        _ => name.to_lowercase(),
    }
}
