//! Rows of `waivers`.

use plimsoll_model::Suppressed;

use super::findings::{Said, suppressed};
use super::{Columns, is_alike, severity, severity_word};
use crate::facts::ScanFacts;

pub(super) fn waivers(facts: &ScanFacts<'_>, columns: &mut Columns) -> usize {
    let scan = facts.scan;
    let os = scan.inventory.os.as_ref();
    let all: Vec<(&Suppressed, Said<'_>)> = scan.suppressed.iter().zip(suppressed(scan)).collect();
    let count = all.len();
    let each = || all.iter();
    for (column, out) in columns {
        if is_alike(facts, column.name, out, count) {
            continue;
        }
        match column.name {
            "kind" => out.texts(each().map(|(why, _)| Some(why.kind.as_str()))),
            "suppressed_by" => out.filled(each().map(|(why, _)| &why.by)),
            "reason" => out.filled(each().map(|(why, _)| &why.reason)),
            "remark" => out.filled(each().map(|(why, _)| &why.remark)),
            "until" => out.texts(each().map(|(why, _)| why.until.as_ref())),
            "origin" => out.filled(each().map(|(why, _)| &why.origin)),
            "vulnerability_id" => out.texts(each().map(|(_, said)| Some(&said.finding.id))),
            "severity" => out.texts(each().map(|(_, said)| Some(severity_word(severity(said.finding))))),
            "package_name" => out.texts(each().map(|(_, said)| Some(said.name()))),
            "package_version" => out.texts(each().map(|(_, said)| Some(said.version()))),
            "purl" => out.texts(each().map(|(_, said)| Some(said.purl(os)))),
            _ => unreachable!("all columns of `waivers` are here"),
        }
    }
    count
}
