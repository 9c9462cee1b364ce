"""Reads the tables of a store with DuckDB, pyarrow and Spark, and prints what each answers, as JSON.

Arguments: the folder of the store, and files with the statements that make the tables known to DuckDB and to Spark.
"""

import datetime
import json
import os
import sys

import duckdb
import pyarrow
import pyarrow.compute as compute
import pyarrow.dataset as dataset
from pyspark.sql import SparkSession

QUESTIONS = {
    "severities": "SELECT severity, count(*) FROM findings WHERE status = 'open' GROUP BY severity",
    "types": "SELECT package_type, count(*) FROM packages GROUP BY package_type",
    "nulls": "SELECT '', count(*) - count(fixed_version) FROM findings",
    "fixable": "SELECT reference, sum(fixable) FROM scans GROUP BY reference",
    "days": "SELECT date, count(*) FROM scans GROUP BY date",
    "exploited": "SELECT CAST(is_exploited AS varchar(5)), count(*) FROM findings GROUP BY is_exploited",
    "risk": "SELECT package_name, max(risk) FROM findings GROUP BY package_name",
}

KINDS = {
    "VARCHAR": "text", "INTEGER": "int", "BIGINT": "long", "DOUBLE": "double", "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "instant",
    "string": "text", "int32": "int", "int64": "long", "double": "double", "bool": "boolean",
    "timestamp[ms, tz=UTC]": "instant",
    "int": "int", "bigint": "long", "boolean": "boolean", "timestamp": "instant",
}


def milliseconds(value):
    return round(value.timestamp() * 1000)


def sorted_pairs(rows):
    return sorted([str(key).lower(), int(value)] for key, value in rows)


def with_duckdb(statements):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(statements)
    tables = [row[0] for row in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
    answers = {name: sorted_pairs(connection.execute(sql).fetchall()) for name, sql in QUESTIONS.items()}
    answers["counts"] = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    answers["columns"] = {
        name: {row[0]: KINDS[row[1]] for row in connection.execute(f"DESCRIBE {name}").fetchall()} for name in tables
    }
    newest = connection.execute("SELECT max(epoch_ms(scanned_at)) FROM scans").fetchone()[0]
    answers["newest"] = newest
    return answers


def with_pyarrow(store):
    root = os.path.join(store, "tables", "v1")
    names = sorted(name for name in os.listdir(root) if not name.startswith("_"))
    day = dataset.partitioning(pyarrow.schema([("date", pyarrow.string())]), flavor="hive")
    tables = {name: dataset.dataset(os.path.join(root, name), partitioning=day) for name in names}
    whole = {name: table.to_table() for name, table in tables.items()}
    findings, scans = whole["findings"], whole["scans"]

    def grouped(table, key, value, kind):
        rows = table.group_by(key).aggregate([(value, kind)]).to_pylist()
        return sorted_pairs((row[key], row[f"{value}_{kind}"]) for row in rows)

    opened = findings.filter(compute.equal(findings["status"], "open"))
    return {
        "severities": grouped(opened, "severity", "scan_id", "count"),
        "types": grouped(whole["packages"], "package_type", "path", "count"),
        "nulls": sorted_pairs([("", findings["fixed_version"].null_count)]),
        "fixable": grouped(scans, "reference", "fixable", "sum"),
        "days": grouped(scans, "date", "scan_id", "count"),
        "exploited": grouped(findings, "is_exploited", "scan_id", "count"),
        "risk": grouped(findings, "package_name", "risk", "max"),
        "counts": {name: table.num_rows for name, table in whole.items()},
        "columns": {
            name: {field.name: KINDS[str(field.type)] for field in table.schema} for name, table in whole.items()
        },
        "newest": milliseconds(compute.max(scans["scanned_at"]).as_py()),
    }


def with_spark(statements, names):
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", os.path.join(os.getcwd(), "warehouse"))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for statement in statements.split(";\n"):
        if statement.strip():
            spark.sql(statement)
    answers = {
        name: sorted_pairs([tuple(row) for row in spark.sql(sql).collect()]) for name, sql in QUESTIONS.items()
    }
    answers["counts"] = {name: spark.sql(f"SELECT count(*) FROM {name}").collect()[0][0] for name in names}
    answers["columns"] = {name: {key: KINDS[kind] for key, kind in spark.table(name).dtypes} for name in names}
    newest = spark.sql("SELECT max(scanned_at) FROM scans").collect()[0][0]
    answers["newest"] = milliseconds(newest.replace(tzinfo=datetime.timezone.utc))
    spark.stop()
    return answers


def main():
    store, duckdb_file, spark_file = sys.argv[1:]
    with open(duckdb_file, encoding="utf-8") as statements:
        of_duckdb = with_duckdb(statements.read())
    answers = {"duckdb": of_duckdb, "pyarrow": with_pyarrow(store)}
    with open(spark_file, encoding="utf-8") as statements:
        answers["spark"] = with_spark(statements.read(), sorted(of_duckdb["counts"]))
    print(json.dumps(answers))


main()
