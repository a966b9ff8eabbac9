"""Runs SQL in DuckDB in the current folder: the rows of the last statement as JSON, values as text or null."""

import json
import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
rows = []
for statement in connection.extract_statements(sys.argv[1]):
    rows = connection.execute(statement).fetchall()
print(json.dumps([[None if value is None else str(value) for value in row] for row in rows]))
