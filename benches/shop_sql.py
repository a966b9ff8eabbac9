"""The rules of `shop_rules.py` in the SQL of other engines, with the meaning that they have for fluo: copies counted
once, a sliding window open at its start, five minutes at every full minute.

Every last statement returns numbers of rules and the first moments, in nanoseconds, at which their conditions hold.
"""

MINUTE = 60_000_000_000
SLIDING = f"RANGE BETWEEN {MINUTE - 1} PRECEDING AND CURRENT ROW"
# Minutes are counted by their ends; one stands in the windows of five.
FIVE = "(SELECT 0 AS later UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS five"


class DuckDb:
    """DuckDB."""

    table = "CREATE TEMP TABLE {} AS"
    ns, quantile = "epoch_ns({})", "quantile_disc({}, 0.99)"
    # What makes a span one, and the rest of it, in the way that takes this engine least.
    keys, carried = "service_name, attr_http_route, trace_id, span_id, end_time", "{}"
    any = either = "any_value"
    program = """
import duckdb, json, sys
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
print(json.dumps([row for text in json.load(sys.stdin) for row in connection.execute(text).fetchall() if len(row) == 2]))
"""

    @staticmethod
    def files(store):
        return f"read_parquet('{store}/spans/*/*/*.parquet')"

    @staticmethod
    def values(rows, names):
        return f"(VALUES {', '.join(rows)}) AS rule({', '.join(names)})"

    @staticmethod
    def div(what, by):
        return f"({what}) // {by}"

    @staticmethod
    def among(service, route, pairs):
        return f"({service}, {route}) IN (SELECT (service, route) FROM {pairs})"

    @staticmethod
    def counts(source, rules="kind = 'count'"):
        """First moments of each count over a minute."""
        return f"""
WITH judged AS (SELECT service, route, e,
    count(*) OVER (PARTITION BY service, route ORDER BY e {SLIDING}) AS c FROM {source}),
reached AS (SELECT service, route, c, min(e) AS e FROM judged GROUP BY service, route, c)
{firsts("reached", f"{rules} AND c > threshold", "e")}"""

    @classmethod
    def count(cls, store, wanted, rule):
        """First moment of one count over a minute: copies in are an upper bound, and ids are read only where it holds."""
        ended, above, number = cls.ns.format("end_time"), f"c > {rule['threshold']}", rule["number"]
        near = f"{wanted} AND {ended} BETWEEN (SELECT low FROM edges) AND (SELECT high FROM edges)"
        return f"""
WITH upper AS (SELECT e, count(*) OVER (ORDER BY e {SLIDING}) AS c
  FROM (SELECT {ended} AS e FROM {cls.files(store)} WHERE {wanted}) AS copies),
edges AS (SELECT min(e) - {MINUTE - 1} AS low, max(e) AS high FROM upper WHERE {above}),
spans AS ({once(cls, store, near)}),
judged AS (SELECT e, count(*) OVER (ORDER BY e {SLIDING}) AS c FROM spans)
SELECT {number} AS number, min(e) AS first FROM judged WHERE {above} HAVING count(*) > 0"""


class ChDb(DuckDb):
    """ClickHouse in the process."""

    table = "CREATE TABLE {} ENGINE = Memory AS"
    # The smallest value that at least 99 % do not exceed, where `quantileExact(0.99)` takes the one after it if 99 % is
    # a whole number of values.
    keys, carried, any, either = "trace_id, span_id, end_time", "any({})", "any", "any"
    ns, quantile = "toUnixTimestamp64Nano({})", "quantileExact(0.98999999)({})"
    program = """
import json, sys
import chdb.session
session = chdb.session.Session()
found = []
for text in json.load(sys.stdin):
    result = str(session.query(text, "JSONCompactEachRow"))
    found += [[int(part) for part in json.loads(line)] for line in result.splitlines() if line.count(",") == 1]
print(json.dumps(found))
"""

    @staticmethod
    def files(store):
        return f"file('{store}/spans/*/*/*.parquet', Parquet)"

    @staticmethod
    def values(rows, names):
        types = {"number": "Int64", "threshold": "Float64"}
        structure = ", ".join(f"{name} {types.get(name, 'String')}" for name in names)
        return f"values('{structure}', {', '.join(rows)})"

    @staticmethod
    def div(what, by):
        return f"intDiv({what}, {by})"

    @staticmethod
    def among(service, route, pairs):
        return f"({service}, {route}) IN (SELECT service, route FROM {pairs})"

    @staticmethod
    def counts(source, rules="kind = 'count'"):
        """As DuckDB's. Frames of a range have 32 bits here, so sorted ends are compared with those that lie as many
        spans before them as the threshold says."""
        return f"""
WITH ended AS (SELECT service, route, arraySort(groupArray(e)) AS ends FROM {source} GROUP BY service, route)
SELECT number, arrayMin(arrayFilter((last, first) -> last - first < {MINUTE}, arraySlice(ends, t + 1) AS later,
    arraySlice(ends, 1, length(later)))) AS first
FROM (SELECT number, service, route, toInt64(threshold) AS t FROM rules WHERE {rules}) AS rules
JOIN ended ON ended.service = rules.service AND ended.route = rules.route
WHERE length(ends) > t AND first > 0"""

    @classmethod
    def count(cls, store, wanted, rule):
        return cls.counts(f"({once(cls, store, wanted)}) AS spans", f"number = {rule['number']}")


class DataFusion(DuckDb):
    """DataFusion."""

    table = "CREATE TABLE {} AS"
    any, either, ns = "max", "bool_or", "CAST({} AS BIGINT)"
    quantile = "array_element(array_sort(array_agg({0})), (99 * count({0}) + 99) / 100)"
    program = """
import json, sys
import datafusion
context = datafusion.SessionContext()
context.register_parquet("stored", sys.argv[1] + "/spans/")
found = []
for text in json.load(sys.stdin):
    for batch in context.sql(text).collect():
        found += [list(row.values()) for row in batch.to_pylist() if len(row) == 2]
print(json.dumps(found))
"""

    @staticmethod
    def files(store):
        return "stored"

    @staticmethod
    def div(what, by):
        return f"({what}) / {by}"

    @staticmethod
    def among(service, route, pairs):
        return f"EXISTS (SELECT 1 FROM (SELECT service, route FROM {pairs}) AS p WHERE p.service = {service} AND p.route = {route})"


ENGINES = {"DuckDB": DuckDb, "chDB": ChDb, "DataFusion": DataFusion}




def rules_table(engine, rules):
    names = ("number", "kind", "service", "route", "threshold")
    rows = ["({number}, '{kind}', '{service}', '{route}', {threshold:.7f})".format(**rule) for rule in rules]
    return f"{engine.table.format('rules')} SELECT * FROM {engine.values(rows, names)}"


GRID = "rules WHERE kind IN ('ratio', 'p99')"


def once(engine, store, wanted):
    """Spans, copies removed."""
    service, route = engine.carried.format("service_name"), engine.carried.format("attr_http_route")
    return f"""SELECT {service} AS service, {route} AS route, {engine.ns.format('end_time')} AS e,
      {engine.either}(status = 'error') AS failed, {engine.any}(duration_ns) AS took
    FROM {engine.files(store)} WHERE {wanted} GROUP BY {engine.keys}"""


def firsts(source, condition, moment):
    """Numbers of rules with the first moment at which the condition holds."""
    return f"""SELECT number, min({moment}) AS first FROM {source}
JOIN rules ON rules.service = {source}.service AND rules.route = {source}.route
WHERE {condition} GROUP BY number"""


def minutes(engine, source):
    """Spans and failed ones by the windows of five minutes."""
    minute = engine.div("e - 1", MINUTE)
    return f"""minutes AS (SELECT service, route, {minute} + 1 AS m, count(*) AS n, sum(CASE WHEN failed THEN 1 ELSE 0 END) AS k
  FROM {source} GROUP BY service, route, {minute} + 1),
windows AS (SELECT service, route, m + later AS tick, sum(n) AS n, sum(k) AS k
  FROM minutes CROSS JOIN {FIVE} GROUP BY service, route, m + later)"""


def ratios(engine, source, rules="kind = 'ratio'"):
    holds = f"{rules} AND CAST(k AS DOUBLE) / n > threshold AND n >= 100"
    return f"WITH {minutes(engine, source)}\n{firsts('windows', holds, f'tick * {MINUTE}')}"


def percentiles(engine, source, rules="kind = 'p99'"):
    return f"""
WITH minutes AS (SELECT service, route, {engine.div("e - 1", MINUTE)} + 1 AS m, took FROM {source}),
windows AS (SELECT service, route, m + later AS tick, {engine.quantile.format('took')} AS slow
  FROM minutes CROSS JOIN {FIVE} GROUP BY service, route, m + later)
{firsts("windows", f"{rules} AND slow > threshold", f"tick * {MINUTE}")}"""


def separate(engine, store, rules):
    """A statement a rule."""
    rules = list(rules)
    yield rules_table(engine, rules)
    for rule in rules:
        number = f"number = {rule['number']}"
        wanted = "service_name = '{service}' AND attr_http_route = '{route}'".format(**rule)
        source = f"({once(engine, store, wanted)}) AS spans"
        if rule["kind"] == "count":
            yield engine.count(store, wanted, rule)
        elif rule["kind"] == "ratio":
            yield ratios(engine, source, number)
        else:
            yield percentiles(engine, source, number)


def fused(engine, store, rules):
    """All rules in five statements: one removes copies, and each kind of rule is one."""
    every = engine.among("service_name", "attr_http_route", "rules")
    grid = f"(SELECT * FROM once WHERE {engine.among('once.service', 'once.route', GRID)}) AS grid"
    return [
        rules_table(engine, rules),
        f"{engine.table.format('once')} {once(engine, store, every)}",
        engine.counts("once"),
        ratios(engine, grid),
        percentiles(engine, grid),
    ]


def bounded(engine, store, rules):
    """As `fused`, and no more work than it takes to know that nothing is found: copies share their end, so ids are read
    only of spans whose ends come twice; counts of quarters of minutes, copies in, bound what slides; a 99th percentile
    exceeds a threshold if more than one in a hundred values do."""
    every = engine.among("service_name", "attr_http_route", "rules")
    grid = engine.among("copies.service", "copies.route", GRID)
    ended, quarter, minute = engine.ns.format("end_time"), MINUTE // 4, engine.div("e - 1", MINUTE)
    of_twice = f"{ended} IN (SELECT e FROM twice) AND " + engine.among("service_name", "attr_http_route", GRID)
    near = f"""{ended} > (SELECT min(last) * {quarter} - {MINUTE} FROM near)
      AND {ended} <= (SELECT max(last + 1) * {quarter} FROM near) AND {engine.among("service_name", "attr_http_route", "near")}"""
    return [
        rules_table(engine, rules),
        f"""{engine.table.format('copies')} SELECT service_name AS service, attr_http_route AS route, {ended} AS e,
          status = 'error' AS failed, duration_ns AS took FROM {engine.files(store)} WHERE {every}""",
        f"""{engine.table.format('near')}
WITH quarters AS (SELECT service, route, {engine.div("e", quarter)} AS q, count(*) AS n FROM copies
  GROUP BY service, route, {engine.div("e", quarter)}),
bounds AS (SELECT service, route, q + later AS last, sum(n) AS n FROM quarters CROSS JOIN {FIVE}
  GROUP BY service, route, q + later)
SELECT bounds.service AS service, bounds.route AS route, last FROM bounds
JOIN rules ON rules.service = bounds.service AND rules.route = bounds.route WHERE kind = 'count' AND n > threshold""",
        engine.counts(f"({once(engine, store, near)}) AS spans"),
        f"{engine.table.format('twice')} SELECT e FROM copies WHERE {grid} GROUP BY e HAVING count(*) > 1",
        f"""{engine.table.format('once')} SELECT * FROM copies WHERE {grid} AND e NOT IN (SELECT e FROM twice)
UNION ALL {once(engine, store, of_twice)}""",
        ratios(engine, "once"),
        f"""WITH {minutes(engine, "once")},
above AS (SELECT number, {minute} + 1 AS m, count(*) AS n FROM once
  JOIN rules ON rules.service = once.service AND rules.route = once.route AND took > threshold
  WHERE kind = 'p99' GROUP BY number, {minute} + 1),
slow AS (SELECT number, m + later AS tick, sum(n) AS n FROM above CROSS JOIN {FIVE} GROUP BY number, m + later)
SELECT slow.number, min(slow.tick) * {MINUTE} AS first FROM slow JOIN rules ON rules.number = slow.number
JOIN windows ON windows.service = rules.service AND windows.route = rules.route AND windows.tick = slow.tick
WHERE 100 * slow.n > windows.n GROUP BY slow.number""",
    ]
