//! Statements that make the tables known to other programs.

use std::fmt::Write as _;

use crate::files::table_key;
use crate::schema::{Column, Kind, PARTITION_COLUMN, Table};

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Amazon Athena, with partition projection: neither a crawler nor `MSCK REPAIR TABLE` is needed.
    Athena,
    /// `DuckDB`: views over `read_parquet`.
    DuckDb,
    /// Spark SQL.
    Spark,
    /// Trino, in a catalog of its Hive connector.
    Trino,
}

impl Dialect {
    /// All of them, by name.
    pub const ALL: &'static [Self] = &[Self::Athena, Self::DuckDb, Self::Spark, Self::Trino];

    /// Its name: `athena`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Athena => "athena",
            Self::DuckDb => "duckdb",
            Self::Spark => "spark",
            Self::Trino => "trino",
        }
    }

    /// The dialect of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name)
    }

    /// The type of a column.
    ///
    /// Source: Amazon Athena, "Data types in Amazon Athena"; Spark SQL, "Data Types"; Trino, "Data types".
    pub const fn type_of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Athena | Self::Spark, Kind::Text) => "string",
            (Self::Athena | Self::Spark, Kind::Int) => "int",
            (Self::DuckDb | Self::Trino, Kind::Text) => "varchar",
            (Self::DuckDb | Self::Trino, Kind::Int) => "integer",
            (_, Kind::Long) => "bigint",
            (_, Kind::Double) => "double",
            (_, Kind::Boolean) => "boolean",
            (Self::Trino, Kind::Instant) => "timestamp(3)",
            (Self::DuckDb, Kind::Instant) => "timestamptz",
            (Self::Athena | Self::Spark, Kind::Instant) => "timestamp",
        }
    }
}

/// The day that Athena's projected partitions begin at. Days without a folder cost nothing but a look.
const FIRST_DAY: &str = "2020-01-01";

/// The statement that makes a table known. `location` is that of the store: `s3://bucket/prefix`.
///
/// Trino and Spark learn of new days by one more statement, which stands behind. All but Athena refuse
/// a table that has no file yet.
///
/// Source: Amazon Athena, "CREATE TABLE", "Supported types for partition projection"; Spark SQL, "CREATE DATASOURCE TABLE",
/// "REPAIR TABLE"; Trino, "Hive connector"; `DuckDB`, "Hive Partitioning".
pub fn ddl(dialect: Dialect, table: Table, location: &str) -> String {
    let name = table.name();
    let folder = format!("{}/{}", location.trim_end_matches('/'), table_key(table));
    let place = quoted(dialect, &format!("{folder}/"));
    match dialect {
        Dialect::Athena => format!(
            "CREATE EXTERNAL TABLE IF NOT EXISTS `{name}` (\n{}\n)\n\
             PARTITIONED BY (`{PARTITION_COLUMN}` string)\n\
             STORED AS PARQUET\n\
             LOCATION {place}\n\
             TBLPROPERTIES (\n  \
             'projection.enabled' = 'true',\n  \
             'projection.{PARTITION_COLUMN}.type' = 'date',\n  \
             'projection.{PARTITION_COLUMN}.format' = 'yyyy-MM-dd',\n  \
             'projection.{PARTITION_COLUMN}.range' = '{FIRST_DAY},NOW+1DAYS',\n  \
             'projection.{PARTITION_COLUMN}.interval' = '1',\n  \
             'projection.{PARTITION_COLUMN}.interval.unit' = 'DAYS',\n  \
             'storage.location.template' = {}\n\
             );\n",
            columns(dialect, table.columns(), '`'),
            quoted(dialect, &format!("{folder}/{PARTITION_COLUMN}=${{{PARTITION_COLUMN}}}/")),
        ),
        Dialect::DuckDb => format!(
            "CREATE OR REPLACE VIEW {name} AS\n\
             SELECT * FROM read_parquet({}, hive_partitioning = true, hive_types = {{'{PARTITION_COLUMN}': VARCHAR}}, \
             union_by_name = true);\n",
            quoted(dialect, &format!("{folder}/{PARTITION_COLUMN}=*/*.parquet")),
        ),
        Dialect::Spark => format!(
            "CREATE TABLE IF NOT EXISTS `{name}` (\n{},\n  `{PARTITION_COLUMN}` string\n)\n\
             USING PARQUET\n\
             PARTITIONED BY (`{PARTITION_COLUMN}`)\n\
             LOCATION {place};\n\
             MSCK REPAIR TABLE `{name}`;\n",
            columns(dialect, table.columns(), '`'),
        ),
        Dialect::Trino => format!(
            "CREATE TABLE IF NOT EXISTS \"{name}\" (\n{},\n  \"{PARTITION_COLUMN}\" varchar\n)\n\
             WITH (\n  \
             format = 'PARQUET',\n  \
             external_location = {place},\n  \
             partitioned_by = ARRAY['{PARTITION_COLUMN}']\n\
             );\n\
             CALL system.sync_partition_metadata(CURRENT_SCHEMA, '{name}', 'FULL');\n",
            columns(dialect, table.columns(), '"'),
        ),
    }
}

fn columns(dialect: Dialect, columns: &[Column], quote: char) -> String {
    let mut text = String::new();
    for (index, column) in columns.iter().enumerate() {
        let comma = if index == 0 { "" } else { ",\n" };
        let _ = write!(text, "{comma}  {quote}{}{quote} {}", column.name, dialect.type_of(column.kind));
    }
    text
}

/// A text of SQL. A quote in it is doubled; to Hive, whose statements Athena takes, and to earlier releases of Spark those
/// would be two texts behind one another, and `\` has a meaning to them.
fn quoted(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Athena | Dialect::Spark => {
            format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
        }
        Dialect::DuckDb | Dialect::Trino => format!("'{}'", text.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// A statement, and the lines of its columns.
    fn taken_apart(dialect: Dialect) -> (String, Vec<String>) {
        let text = ddl(dialect, Table::Layers, r"s3://results/team's\lake/");
        let is_column = |line: &&str| line.starts_with("  `") || line.starts_with("  \"");
        let columns: Vec<String> =
            text.lines().filter(is_column).map(|line| line.trim_matches([' ', ',']).to_owned()).collect();
        let rest: Vec<&str> = text.lines().filter(|line| !is_column(line)).collect();
        (rest.join("\n"), columns)
    }

    fn check(dialect: Dialect, expected: &Expect) {
        expected.assert_eq(&taken_apart(dialect).0);
    }

    #[test]
    fn columns_have_the_types_of_each_dialect() {
        let athena = taken_apart(Dialect::Athena).1;
        let spark = taken_apart(Dialect::Spark).1;
        assert_eq!(spark, [&athena[..], &["`date` string".to_owned()]].concat());
        let trino = taken_apart(Dialect::Trino).1.join("\n").replace('"', "`");
        assert_eq!(trino.replace("varchar", "string").replace("integer", "int"), spark.join("\n"));
        expect![[r"
            `image_digest` string
            `inventory_digest` string
            `reference` string
            `layer_index` int
            `diff_id` string
            `digest` string
            `size_bytes` bigint
            `created_by` string
            `is_inherited` boolean
            `packages` bigint"]]
        .assert_eq(&athena.join("\n"));
    }

    #[test]
    fn statements_are_in_the_words_of_each_dialect() {
        check(
            Dialect::Athena,
            &expect![[r"
            CREATE EXTERNAL TABLE IF NOT EXISTS `layers` (
            )
            PARTITIONED BY (`date` string)
            STORED AS PARQUET
            LOCATION 's3://results/team\'s\\lake/tables/v1/layers/'
            TBLPROPERTIES (
              'projection.enabled' = 'true',
              'projection.date.type' = 'date',
              'projection.date.format' = 'yyyy-MM-dd',
              'projection.date.range' = '2020-01-01,NOW+1DAYS',
              'projection.date.interval' = '1',
              'projection.date.interval.unit' = 'DAYS',
              'storage.location.template' = 's3://results/team\'s\\lake/tables/v1/layers/date=${date}/'
            );"]],
        );
        check(
            Dialect::DuckDb,
            &expect![[r"
            CREATE OR REPLACE VIEW layers AS
            SELECT * FROM read_parquet('s3://results/team''s\lake/tables/v1/layers/date=*/*.parquet', hive_partitioning = true, hive_types = {'date': VARCHAR}, union_by_name = true);"]],
        );
        check(
            Dialect::Spark,
            &expect![[r"
            CREATE TABLE IF NOT EXISTS `layers` (
            )
            USING PARQUET
            PARTITIONED BY (`date`)
            LOCATION 's3://results/team\'s\\lake/tables/v1/layers/';
            MSCK REPAIR TABLE `layers`;"]],
        );
        check(
            Dialect::Trino,
            &expect![[r#"
            CREATE TABLE IF NOT EXISTS "layers" (
            )
            WITH (
              format = 'PARQUET',
              external_location = 's3://results/team''s\lake/tables/v1/layers/',
              partitioned_by = ARRAY['date']
            );
            CALL system.sync_partition_metadata(CURRENT_SCHEMA, 'layers', 'FULL');"#]],
        );
    }

    #[test]
    fn dialects_are_found_by_name() {
        for &dialect in Dialect::ALL {
            assert_eq!(Dialect::named(dialect.name()), Some(dialect));
        }
        assert_eq!(Dialect::named("oracle"), None);
    }
}
