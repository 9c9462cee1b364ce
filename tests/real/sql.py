"""Asks DuckDB about the tables of a store, and prints the rows of each answer, as JSON.

Arguments: a file with the statements that make the tables known, and the questions.
"""

import json
import sys

import duckdb


def main():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    with open(sys.argv[1], encoding="utf-8") as statements:
        connection.execute(statements.read())
    print(json.dumps([connection.execute(question).fetchall() for question in sys.argv[2:]]))


main()
