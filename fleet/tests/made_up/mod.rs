//! A made-up store: tables of any number of images, the same in each run, written as `plimsoll-tables` lays them out.
//!
//! Images share bases, bases share packages; versions are Debian's and npm's, so that ranges are read by two schemes.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow_schema::{DataType, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use plimsoll_tables::Table;

/// Names that packages are drawn from.
const NAMES: u64 = 4_000;

/// Versions of each.
const VERSIONS: u64 = 12;

/// Images that share a base.
const BASES: u64 = 40;

/// Rows that are written at once.
const BATCH_ROWS: u64 = 32_768;

/// What is made up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MadeUp {
    /// Images.
    pub(crate) images: u64,
    /// Packages of each.
    pub(crate) packages: u64,
    /// Advisories.
    pub(crate) advisories: u64,
    /// Files that the packages are spread over.
    pub(crate) files: u64,
}

impl MadeUp {
    /// Writes the tables `packages` and `advisories` into the folder of a store.
    pub(crate) fn write(self, store: &Path) {
        let per_file = self.images.div_ceil(self.files);
        for file in 0..self.files {
            let images = file * per_file..self.images.min((file + 1) * per_file);
            let rows = images.flat_map(|image| (0..self.packages).map(move |package| (image, package)));
            let day = format!("2026-11-{:02}", file % 28 + 1);
            write(store, Table::Packages, &day, &format!("{file:05}"), rows, package_value);
        }
        let rows = (0..self.advisories).map(|advisory| (advisory, 0));
        write(store, Table::Advisories, "2026-11-22", "advisories", rows, advisory_value);
    }
}

/// A value of a row, or `None` for null.
enum Value {
    Text(String),
    Int(i32),
    Long(i64),
    Instant(i64),
    Boolean(bool),
    Null,
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

/// An unremarkable number made of two others, the same in each run.
fn mix(one: u64, two: u64) -> u64 {
    let mut mixed = one.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ two.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 32)
}

fn digest(kind: u64, number: u64) -> String {
    let part = |index| mix(mix(kind, index), number);
    format!("sha256:{:016x}{:016x}{:016x}{:016x}", part(1), part(2), part(3), part(4))
}

fn is_npm(name: u64) -> bool {
    name.is_multiple_of(3)
}

fn package_value(column: &str, (image, package): (u64, u64)) -> Value {
    // The first half comes with the base.
    let owner = if package % 2 == 0 { image % BASES } else { image + BASES };
    let name = mix(owner, package) % NAMES;
    let number = mix(owner, package + 1_000_000) % VERSIONS;
    let is_npm = is_npm(name);
    let version =
        if is_npm { format!("1.{number}.0") } else { format!("1:2.{number}~rc1-{}", number % 4 + 1) };
    let kind = if is_npm { "npm" } else { "deb" };
    match column {
        "image_digest" => text(digest(1, image)),
        "inventory_digest" => text(digest(2, image)),
        "reference" => text(format!("registry.example/team{}/app{}:{}", image % 200, image / 20, image % 20)),
        "repository" => text(format!("team{}/app{}", image % 200, image / 20)),
        "tag" => text((image % 20).to_string()),
        "os" => text("debian"),
        "os_version" => text("12"),
        "package_type" => text(kind),
        "ecosystem" => text(if is_npm { "npm" } else { "Debian" }),
        "namespace" => text(if is_npm { "npm" } else { "Debian:12" }),
        "package_name" | "advisory_name" | "source_name" => text(format!("package{name}")),
        "package_version" | "advisory_version" | "source_version" => text(version),
        "purl" => text(format!("pkg:{kind}/package{name}@{version}")),
        "path" => text("var/lib/dpkg/status"),
        "cataloger" => text("dpkg"),
        "layer_index" => Value::Int(i32::from(package % 2 != 0)),
        "first_seen_at" => Value::Instant(1_795_000_000_000),
        "is_inherited" => Value::Boolean(package % 2 == 0),
        _ => Value::Null,
    }
}

fn advisory_value(column: &str, (advisory, _): (u64, u64)) -> Value {
    let name = mix(77, advisory) % NAMES;
    let number = mix(78, advisory) % VERSIONS;
    let is_npm = is_npm(name);
    let ranges =
        if is_npm { format!(">=1.{}.0,<1.{number}.0", number / 2) } else { format!(">=0,<1:2.{number}-1") };
    match column {
        "database_digest" => text(digest(3, 0)),
        "advisory_id" | "vulnerability_id" => text(format!("CVE-2026-{:05}", 10_000 + advisory)),
        "source" => text("made-up"),
        "namespace" => text(if is_npm { "npm" } else { "Debian:12" }),
        "ecosystem" => text(if is_npm { "npm" } else { "Debian" }),
        "advisory_name" => text(format!("package{name}")),
        "ranges" => text(ranges),
        "status" => text("affected"),
        "severity" => text(["low", "medium", "high", "critical"][usize::try_from(advisory % 4).unwrap()]),
        "is_exploited" => Value::Boolean(advisory % 20 == 0),
        _ => Value::Null,
    }
}

/// Writes rows into one file of a table.
fn write(
    store: &Path,
    table: Table,
    day: &str,
    name: &str,
    rows: impl Iterator<Item = (u64, u64)>,
    value: fn(&str, (u64, u64)) -> Value,
) {
    let folder = store.join(format!("tables/v1/{}/date={day}", table.name()));
    fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join(format!("20261122T000000Z-{name}.parquet"))).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .build();
    let schema = table.schema();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).unwrap();
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let some: Vec<(u64, u64)> = rows.by_ref().take(usize::try_from(BATCH_ROWS).unwrap()).collect();
        writer.write(&batch(&schema, &some, value)).unwrap();
    }
    writer.close().unwrap();
}

fn batch(schema: &SchemaRef, rows: &[(u64, u64)], value: fn(&str, (u64, u64)) -> Value) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| {
        let values = rows.iter().map(|&row| value(field.name(), row));
        let must = !field.is_nullable();
        let array: ArrayRef = match field.data_type() {
            DataType::Utf8 => Arc::new(
                values
                    .map(|value| match value {
                        Value::Text(text) => Some(text),
                        _ => must.then(String::new),
                    })
                    .collect::<StringArray>(),
            ),
            DataType::Int32 => Arc::new(
                values
                    .map(|value| if let Value::Int(value) = value { Some(value) } else { must.then_some(0) })
                    .collect::<Int32Array>(),
            ),
            DataType::Int64 => Arc::new(
                values
                    .map(|value| if let Value::Long(value) = value { Some(value) } else { must.then_some(0) })
                    .collect::<Int64Array>(),
            ),
            DataType::Float64 => Arc::new(values.map(|_| must.then_some(0.0)).collect::<Float64Array>()),
            DataType::Boolean => {
                Arc::new(
                    values
                        .map(|value| {
                            if let Value::Boolean(value) = value {
                                Some(value)
                            } else {
                                must.then_some(false)
                            }
                        })
                        .collect::<BooleanArray>(),
                )
            }
            _ => Arc::new(
                values
                    .map(
                        |value| {
                            if let Value::Instant(value) = value { Some(value) } else { must.then_some(0) }
                        },
                    )
                    .collect::<TimestampMillisecondArray>()
                    .with_timezone("UTC"),
            ),
        };
        array
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
}
