//! The order of versions, and what ranges hold.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int32Array};
use arrow_schema::DataType;
use plimsoll_match::Ranges;
use plimsoll_model::Ecosystem;

use super::Entry;
use super::texts::Texts;

const ECOSYSTEM: (&str, &str) =
    ("ecosystem", "whose order holds: `Debian`, `npm`, or a release of it, `Debian:12`");

pub(super) const COMPARE: Entry = Entry {
    name: "version_cmp",
    arguments: &[ECOSYSTEM, ("a", "a version"), ("b", "a version")],
    returns: DataType::Int32,
    description: "-1 where version a is older than b, 0 where they are equal, 1 where it is newer; null where that cannot be \
                  said: the ecosystem is not known, or a version does not parse.",
    example: "SELECT version_cmp('Debian', '1.0~rc1', '1.0')",
    evaluate: compare,
};

pub(super) const AFFECTED: Entry = Entry {
    name: "affected",
    arguments: &[
        ECOSYSTEM,
        ("version", "a version"),
        ("ranges", "affected versions, as `advisories.ranges` has them: `>=1.0,<1.2.3 | =2.0`"),
    ],
    returns: DataType::Boolean,
    description: "Whether the ranges hold the version; null where that cannot be said.",
    example: "SELECT affected('npm', '4.17.20', '>=0,<4.17.21')",
    evaluate: affected,
};

/// Reads names of ecosystems, most of which are those of the row before.
#[derive(Default)]
struct Ecosystems<'a> {
    last: Option<(&'a str, Option<Ecosystem>)>,
}

impl<'a> Ecosystems<'a> {
    /// That of a name, or of a release's namespace.
    fn named(&mut self, name: &'a str) -> Option<Ecosystem> {
        match self.last {
            Some((last, ecosystem)) if last == name => ecosystem,
            _ => {
                let ecosystem = name.split(':').next().and_then(Ecosystem::from_name);
                self.last = Some((name, ecosystem));
                ecosystem
            }
        }
    }
}

fn compare(arguments: &[Texts<'_>], rows: usize) -> ArrayRef {
    let [names, left, right] = arguments else { unreachable!("the signature has three arguments") };
    let mut ecosystems = Ecosystems::default();
    let orders = (0..rows).map(|row| {
        let (name, left, right) = (names.get(row)?, left.get(row)?, right.get(row)?);
        let scheme = ecosystems.named(name)?.scheme();
        Some(match plimsoll_version::compare(scheme, left, right).ok()? {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        })
    });
    Arc::new(orders.collect::<Int32Array>())
}

fn affected(arguments: &[Texts<'_>], rows: usize) -> ArrayRef {
    let [names, versions, ranges] = arguments else { unreachable!("the signature has three arguments") };
    let mut ecosystems = Ecosystems::default();
    // Behind a join one text of ranges stands in many rows.
    let mut read: HashMap<(Ecosystem, &str), Option<Ranges>> = HashMap::new();
    let answers = (0..rows).map(|row| {
        let (name, version, ranges) = (names.get(row)?, versions.get(row)?, ranges.get(row)?);
        let ecosystem = ecosystems.named(name)?;
        let ranges = read.entry((ecosystem, ranges)).or_insert_with(|| Ranges::parse(ecosystem, ranges).ok());
        ranges.as_ref()?.affects(version)
    });
    Arc::new(answers.collect::<BooleanArray>())
}
