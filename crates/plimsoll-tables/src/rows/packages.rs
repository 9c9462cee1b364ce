//! Rows of `packages`.

use plimsoll_match::Asking;
use plimsoll_model::{Ecosystem, Layer, Package};

use super::{Columns, is_alike};
use crate::facts::{ScanFacts, place};

/// The layer that brought a package.
pub(super) fn layer(package: &Package) -> Option<&Layer> {
    package.introduced_in.as_ref().or(package.layer.as_ref())
}

pub(super) fn packages(facts: &ScanFacts<'_>, columns: &mut Columns) -> usize {
    let inventory = &facts.scan.inventory;
    let packages = &inventory.packages;
    let (count, os) = (packages.len(), inventory.os.as_ref());
    let asking = Asking::new(inventory);
    let each = || packages.iter();
    for (column, out) in columns {
        if is_alike(facts, column.name, out, count) {
            continue;
        }
        match column.name {
            "package_type" => out.texts(each().map(|package| Some(package.kind.purl_type()))),
            "ecosystem" => {
                out.texts(each().map(|package| asking.ecosystem(package).map(Ecosystem::name)));
            }
            "package_name" => out.texts(each().map(|package| Some(&package.name))),
            "package_version" => out.texts(each().map(|package| Some(&package.version))),
            "architecture" => out.texts(each().map(|package| package.architecture.as_ref())),
            "purl" => out.texts(each().map(|package| Some(package.purl(os).to_string()))),
            "source_name" => out.texts(each().map(|package| package.source.as_ref().map(|s| &s.name))),
            "source_version" => out.texts(each().map(|package| package.source.as_ref().map(|s| &s.version))),
            "namespace" => out.texts(each().map(|package| asking.namespace(package))),
            "advisory_name" => out.texts(each().map(|package| asking.name(package))),
            "advisory_version" => out.texts(each().map(|package| asking.version(package))),
            "licenses" => out.filled(each().map(|package| package.licenses.join(", "))),
            "path" => out.texts(each().map(|package| Some(place(package)))),
            "cataloger" => out.texts(each().map(|package| Some(&package.cataloger))),
            "layer_index" => out.ints(each().map(|package| layer(package).map(|layer| layer.index))),
            "diff_id" => out.texts(each().map(|package| layer(package).map(|layer| &layer.diff_id))),
            "is_direct" => out.booleans(each().map(|package| package.direct)),
            "is_inherited" => out.booleans(each().map(|package| inventory.is_inherited(package))),
            "owner" => out.texts(each().map(|package| package.owner.as_ref().map(|owner| &owner.name))),
            "second_name" => out.texts(each().map(|package| asking.second(package).map(|(name, _)| name))),
            "second_version" => {
                out.texts(each().map(|package| asking.second(package).map(|(_, version)| version)));
            }
            _ => unreachable!("all columns of `packages` are here"),
        }
    }
    count
}
