//! The tables, column by column: what SQL, Parquet files and the statements for Athena are made from.
//!
//! Only what every reader of Parquet knows: text, whole numbers, fractions, truth values and instants; no lists, no
//! structures, no maps. Lists are one text, separated by `, `. A column is added at the end and never changes its
//! meaning or type; where that must be, [`SCHEMA_VERSION`] is raised, and the tables begin anew in another folder.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The version of all tables together; part of their folder's name, `tables/v1`.
pub const SCHEMA_VERSION: u32 = 1;

/// The partition column that every table has besides its own: the day (UTC) of the scan, `2026-11-22`, as text.
/// In files it stands in the folder's name alone, `date=2026-11-22`.
pub const PARTITION_COLUMN: &str = "date";

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// What was scanned, one row for each inventory of an image.
    Images,
    /// The layers of these, one row each.
    Layers,
    /// The packages of these, one row for each package in a place.
    Packages,
    /// What scans found, one row for each flaw of a package in a scan, counted or not.
    Findings,
    /// The scans, one row each.
    Scans,
    /// What advisories say, one row for each advisory, flaw that it names, and package of a release.
    Advisories,
    /// Findings that did not count in a scan, and who said so.
    Waivers,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    Long,
    /// 64 bits, IEEE 754.
    Double,
    /// True or false.
    Boolean,
    /// Milliseconds of UTC.
    Instant,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, in lower case with underscores.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a value may be missing.
    pub is_nullable: bool,
    /// What it means, one line.
    pub meaning: &'static str,
}

/// A column that always has a value.
const fn must(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, is_nullable: false, meaning }
}

/// A column that may be null.
const fn may(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, is_nullable: true, meaning }
}

use Kind::{Boolean, Double, Instant, Int, Long, Text};

const IMAGE_DIGEST: Column = must(
    "image_digest",
    Text,
    "digest of the manifest, else of the config; of what is no image, digest of its inventory",
);
const INVENTORY_DIGEST: Column = must("inventory_digest", Text, "digest of the inventory, `sha256:…`");
const REFERENCE: Column = must("reference", Text, "what was scanned, as it was typed");
const REGISTRY: Column = may("registry", Text, "its registry, `registry.example:5000`");
const REPOSITORY: Column = may("repository", Text, "its repository, `team/app`");
const TAG: Column = may("tag", Text, "its tag, `1.2`");
const OS: Column = may("os", Text, "ID of the distribution, `debian`");
const OS_VERSION: Column = may("os_version", Text, "its release, `12`");
const PLATFORM: Column = may("platform", Text, "`linux/amd64`");
const SCAN_ID: Column = must("scan_id", Text, "the scan, 32 hex digits");
const SCANNED_AT: Column = must("scanned_at", Instant, "when it was scanned");
const ECOSYSTEM: Column =
    may("ecosystem", Text, "who names the package and orders its versions, `Debian`, `npm`");
const NAMESPACE: Column =
    may("namespace", Text, "the release whose advisories speak of it, `Debian:12`, `npm`");

const IMAGES: &[Column] = &[
    IMAGE_DIGEST,
    INVENTORY_DIGEST,
    may("config_digest", Text, "digest of the image's config"),
    REFERENCE,
    REGISTRY,
    REPOSITORY,
    TAG,
    must("kind", Text, "`container_image`, `filesystem` or `sbom`"),
    OS,
    OS_VERSION,
    PLATFORM,
    may("created_at", Instant, "when it was built, as its config says"),
    must("size_bytes", Long, "size of its layers, as stored"),
    must("layers", Int, "number of layers"),
    must("packages", Long, "number of packages"),
    must("gaps", Long, "what could not be read"),
    may("base_name", Text, "the image that it was built from"),
    may("base_digest", Text, "its digest"),
    must("first_seen_at", Instant, "when this inventory was scanned first"),
];

const LAYERS: &[Column] = &[
    IMAGE_DIGEST,
    INVENTORY_DIGEST,
    REFERENCE,
    must("layer_index", Int, "from the base up, 0 first"),
    must("diff_id", Text, "digest of the uncompressed layer"),
    may("digest", Text, "digest of the layer as stored"),
    must("size_bytes", Long, "its size as stored"),
    may("created_by", Text, "the instruction that made it"),
    may("is_inherited", Boolean, "whether it is of the base image"),
    must("packages", Long, "number of packages that it brought"),
];

const PACKAGES: &[Column] = &[
    IMAGE_DIGEST,
    INVENTORY_DIGEST,
    REFERENCE,
    REPOSITORY,
    TAG,
    OS,
    OS_VERSION,
    must("package_type", Text, "type of the package URL, `deb`, `npm`"),
    ECOSYSTEM,
    must("package_name", Text, "its name"),
    must("package_version", Text, "its version, whole, with epoch and revision"),
    may("architecture", Text, "`amd64`"),
    must("purl", Text, "package URL"),
    may("source_name", Text, "the source package that it was built from"),
    may("source_version", Text, "its version"),
    NAMESPACE,
    may("advisory_name", Text, "the name that advisories of the namespace use"),
    may(
        "advisory_version",
        Text,
        "the version that they mean; behind that of an RPM module its stream, ` (nodejs:18)`",
    ),
    may("licenses", Text, "licences, separated by `, `"),
    must("path", Text, "the file that says so"),
    must("cataloger", Text, "who read it"),
    may("layer_index", Int, "the layer that brought it"),
    may("diff_id", Text, "digest of that layer"),
    may("is_direct", Boolean, "whether the application names it itself"),
    may("is_inherited", Boolean, "whether it came with the base image"),
    may("owner", Text, "the OS package that owns its files"),
    must("first_seen_at", Instant, "when this inventory was scanned first"),
    may("second_name", Text, "the further name that advisories of the namespace may use: its source's"),
    may("second_version", Text, "the version that they mean then"),
];

const FINDINGS: &[Column] = &[
    SCAN_ID,
    SCANNED_AT,
    IMAGE_DIGEST,
    REFERENCE,
    REPOSITORY,
    TAG,
    must("vulnerability_id", Text, "`CVE-2021-44228`, or the advisory's own ID"),
    may("aliases", Text, "its other names, separated by `, `"),
    may("advisories", Text, "the advisories that say so, separated by `, `"),
    must("severity", Text, "`critical`, `high`, `medium`, `low`, `negligible` or `unknown`"),
    may("severity_source", Text, "who said so"),
    may("cvss_score", Double, "highest CVSS base score"),
    may("cvss_vector", Text, "its vector"),
    may("epss", Double, "probability of exploitation in 30 days, 0 to 1"),
    may("epss_percentile", Double, "its rank among all, 0 to 1"),
    must("is_exploited", Boolean, "whether it is known to be exploited"),
    may("exploited_since", Text, "the day it was listed as exploited"),
    must("risk", Int, "0 to 1000, as the report sorts by"),
    must("is_malicious", Boolean, "whether the package itself is malware"),
    must("package_type", Text, "type of the package URL"),
    ECOSYSTEM,
    must("package_name", Text, "the package"),
    must("package_version", Text, "its version"),
    must("purl", Text, "package URL"),
    must("path", Text, "the first place of it"),
    must("places", Int, "number of places"),
    may("layer_index", Int, "the layer that brought it"),
    may("diff_id", Text, "digest of that layer"),
    may("is_direct", Boolean, "whether the application names the package itself"),
    may("is_inherited", Boolean, "whether it came with the base image"),
    must("fix_state", Text, "`fixed`, `not_fixed`, `will_not_fix`, …"),
    may("fixed_version", Text, "the version that has the fix"),
    may("fixed_since", Text, "since when"),
    may("title", Text, "one line"),
    may("published_at", Instant, "when the flaw was published"),
    may("newness", Text, "`known`, `added` or `learnt`, against the baseline"),
    must("status", Text, "`open`, or why it does not count: `rule`, `waiver`, `vex`"),
    may("outcome", Text, "what the gate said: `passed`, `warned`, `failed`"),
    may("rule", Text, "the rule that decided"),
    may("due", Text, "the day until which it is excused"),
];

const SCANS: &[Column] = &[
    SCAN_ID,
    SCANNED_AT,
    IMAGE_DIGEST,
    INVENTORY_DIGEST,
    REFERENCE,
    REGISTRY,
    REPOSITORY,
    TAG,
    OS,
    OS_VERSION,
    PLATFORM,
    may("database_digest", Text, "the advisory database that was asked"),
    may("database_updated_at", Instant, "when that was last compared with its sources"),
    must("tool", Text, "`plimsoll` or `trivy`"),
    may("tool_version", Text, "its version"),
    may("verdict", Text, "`passed`, `failed` or `undecided`"),
    must("packages", Long, "number of packages"),
    must("findings", Long, "number of findings that count"),
    must("critical", Long, "of these, critical"),
    must("high", Long, "high"),
    must("medium", Long, "medium"),
    must("low", Long, "low"),
    must("negligible", Long, "negligible"),
    must("unknown", Long, "of unknown severity"),
    must("fixable", Long, "with a fix"),
    must("exploited", Long, "known to be exploited"),
    must("suppressed", Long, "findings that do not count"),
    must("undetermined", Long, "what could not be decided"),
    must("gaps", Long, "what could not be read or compared"),
    must("report_key", Text, "the report's place in the store"),
];

const ADVISORIES: &[Column] = &[
    must("database_digest", Text, "the advisory database"),
    must("advisory_id", Text, "`DSA-5532-1`, `GHSA-…`"),
    must("vulnerability_id", Text, "the CVE, where it has one; else the advisory's ID"),
    may("aliases", Text, "its other names, separated by `, `"),
    must("source", Text, "who publishes it"),
    must("namespace", Text, "the release whose packages it is held against, as in `packages`"),
    must("ecosystem", Text, "`Debian`, `npm`"),
    must("advisory_name", Text, "the package, as the namespace names it"),
    must(
        "ranges",
        Text,
        "affected versions, as `affected(…)` takes them, without those the publisher denies",
    ),
    must("status", Text, "`affected`, `will_not_fix`, `not_affected`, …"),
    may("fixed_version", Text, "the newest version that a range ends with"),
    may("severity", Text, "the advisory's own word"),
    may("cvss_score", Double, "highest CVSS base score"),
    must("is_exploited", Boolean, "whether it is known to be exploited"),
    may("epss", Double, "probability of exploitation in 30 days, 0 to 1"),
    may("published_at", Instant, "when it was published"),
    may("modified_at", Instant, "when it was changed last"),
    may("summary", Text, "one line"),
    must(
        "published_in",
        Text,
        "the release that the advisory itself names, where it is held against another's packages too",
    ),
];

const WAIVERS: &[Column] = &[
    SCAN_ID,
    SCANNED_AT,
    IMAGE_DIGEST,
    REFERENCE,
    REPOSITORY,
    TAG,
    must("kind", Text, "`rule`, `waiver` or `vex`"),
    may("suppressed_by", Text, "the rule, the waiver's author, the VEX document's author"),
    may("reason", Text, "why"),
    may("remark", Text, "in whose words"),
    may("until", Text, "the last day it holds"),
    may("origin", Text, "file and place"),
    must("vulnerability_id", Text, "the flaw"),
    must("severity", Text, "its severity"),
    must("package_name", Text, "the package"),
    must("package_version", Text, "its version"),
    must("purl", Text, "package URL"),
];

impl Table {
    /// All of them, by name.
    pub const ALL: &'static [Self] = &[
        Self::Advisories,
        Self::Findings,
        Self::Images,
        Self::Layers,
        Self::Packages,
        Self::Scans,
        Self::Waivers,
    ];

    /// Its name in SQL, and of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Layers => "layers",
            Self::Packages => "packages",
            Self::Findings => "findings",
            Self::Scans => "scans",
            Self::Advisories => "advisories",
            Self::Waivers => "waivers",
        }
    }

    /// What its rows are, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Images => {
                "What was scanned: one row for each inventory of an image, written with its first scan."
            }
            Self::Layers => "The layers of images, one row each, written with `images`.",
            Self::Packages => {
                "The packages of images: one row for each package in a place, written with `images`."
            }
            Self::Findings => {
                "What scans found: one row for each flaw of a package in a scan, whether it counts or not."
            }
            Self::Scans => "The scans, one row each.",
            Self::Advisories => {
                "What an advisory database says, as `plimsoll store advisories` wrote it: one row for each advisory, flaw that \
                 it names, and package of a release."
            }
            Self::Waivers => "Findings that did not count in a scan, and who said so.",
        }
    }

    /// The table of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// Its columns, in order, without [`PARTITION_COLUMN`].
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Images => IMAGES,
            Self::Layers => LAYERS,
            Self::Packages => PACKAGES,
            Self::Findings => FINDINGS,
            Self::Scans => SCANS,
            Self::Advisories => ADVISORIES,
            Self::Waivers => WAIVERS,
        }
    }

    /// The schema of its files: its columns without [`PARTITION_COLUMN`].
    pub fn schema(self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns()
            .iter()
            .map(|column| Field::new(column.name, column.kind.data_type(), column.is_nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }
}

impl Kind {
    /// The type in Arrow.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Instant => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use super::*;

    /// The part of the page that follows from the code.
    fn columns_of_tables() -> String {
        let mut text = String::new();
        for &table in Table::ALL {
            let _ = write!(text, "### {}\n\n{}\n\n", table.name(), table.meaning());
            text.push_str("| column | type | meaning |\n| --- | --- | --- |\n");
            for column in table.columns() {
                let kind = match column.kind {
                    Text => "text",
                    Int => "32 bits",
                    Long => "64 bits",
                    Double => "double",
                    Boolean => "boolean",
                    Instant => "instant",
                };
                let null = if column.is_nullable { ", may be null" } else { "" };
                let _ = writeln!(text, "| `{}` | {kind}{null} | {} |", column.name, column.meaning);
            }
            text.push('\n');
        }
        text
    }

    /// With `UPDATE_EXPECT=1` the page is written anew.
    #[test]
    fn the_page_names_every_column() {
        let page = include_str!("../../../docs/tables.md");
        let (head, rest) = page.split_once("<!-- columns -->\n").unwrap();
        let (_, tail) = rest.split_once("<!-- end of columns -->\n").unwrap();
        let columns = columns_of_tables();
        let expected = format!("{head}<!-- columns -->\n{columns}<!-- end of columns -->\n{tail}");
        expect_test::expect_file!["../../../docs/tables.md"].assert_eq(&expected);
    }

    #[test]
    fn every_table_is_found_by_its_name_and_names_each_column_once() {
        for &table in Table::ALL {
            assert_eq!(Table::named(table.name()), Some(table));
            let names: BTreeSet<&str> = table.columns().iter().map(|column| column.name).collect();
            assert_eq!(names.len(), table.columns().len(), "{}", table.name());
            assert!(!names.contains(PARTITION_COLUMN));
        }
        assert_eq!(Table::named("objects"), None);
    }
}
