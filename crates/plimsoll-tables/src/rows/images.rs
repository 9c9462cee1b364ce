//! Rows of `images` and `layers`.

use plimsoll_model::ArtifactKind;

use super::{Columns, is_alike};
use crate::facts::{ScanFacts, instant};

pub(super) fn images(facts: &ScanFacts<'_>, columns: &mut Columns) -> usize {
    let inventory = &facts.scan.inventory;
    let artifact = &inventory.artifact;
    let base = inventory.base.as_ref();
    for (column, out) in columns {
        if is_alike(facts, column.name, out, 1) {
            continue;
        }
        match column.name {
            "config_digest" => out.repeat_filled(&artifact.config_digest, 1),
            "kind" => out.repeat(kind(artifact.kind), 1),
            "created_at" => out.instants(std::iter::once(instant(&artifact.created))),
            "size_bytes" => out.longs(std::iter::once(
                artifact.layers.iter().fold(0, |sum, layer| layer.size_bytes.saturating_add(sum)),
            )),
            "layers" => out.ints(std::iter::once(Some(artifact.layers.len()))),
            "packages" => out.count(inventory.packages.len()),
            "gaps" => out.count(inventory.gaps.len()),
            "base_name" => out.repeat_filled(base.map_or("", |base| &base.name), 1),
            "base_digest" => out.repeat_filled(base.map_or("", |base| &base.digest), 1),
            _ => unreachable!("all columns of `images` are here"),
        }
    }
    1
}

fn kind(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::ContainerImage => "container_image",
        ArtifactKind::Filesystem => "filesystem",
        ArtifactKind::Sbom => "sbom",
    }
}

pub(super) fn layers(facts: &ScanFacts<'_>, columns: &mut Columns) -> usize {
    let inventory = &facts.scan.inventory;
    let layers = &inventory.artifact.layers;
    let count = layers.len();
    for (column, out) in columns {
        if is_alike(facts, column.name, out, count) {
            continue;
        }
        match column.name {
            "layer_index" => out.ints((0..count).map(Some)),
            "diff_id" => out.texts(layers.iter().map(|layer| Some(&layer.diff_id))),
            "digest" => out.filled(layers.iter().map(|layer| &layer.digest)),
            "size_bytes" => out.longs(layers.iter().map(|layer| layer.size_bytes)),
            "created_by" => out.filled(layers.iter().map(|layer| &layer.created_by)),
            "is_inherited" => {
                let own = inventory.base.as_ref().map(|base| base.layers);
                out.booleans((0..count).map(|index| own.map(|own| index < own)));
            }
            "packages" => {
                let mut brought = vec![0_u64; count];
                for package in &inventory.packages {
                    let layer = package.introduced_in.as_ref().or(package.layer.as_ref());
                    if let Some(number) = layer.and_then(|layer| brought.get_mut(layer.index)) {
                        *number += 1;
                    }
                }
                out.longs(brought.into_iter());
            }
            _ => unreachable!("all columns of `layers` are here"),
        }
    }
    count
}
