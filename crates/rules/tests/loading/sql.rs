//! Rules that are a query: what is accepted, with the columns of its rows, and what is refused, with the part that is.

use fluo_rules::code::Code;
use fluo_rules::rule::Rule;
use fluo_rules::sql::Role;
use fluo_rules::{SourceFile, load};

/// A file of one rule with this query and these other keys.
fn file(query: &str, keys: &str) -> SourceFile {
    let lines: Vec<String> = query.lines().map(|line| format!("    {line}")).collect();
    SourceFile::new("r.yml", format!("- name: r\n{keys}  sql: |\n{}\n", lines.join("\n")))
}

fn rule(query: &str, keys: &str) -> Rule {
    let mut loaded = load(&[file(query, keys)]);
    assert_eq!(loaded.findings, [], "{query}");
    loaded.rules.remove(0)
}

/// The columns of a rule's rows: groups as `[name]`, values as `name: unit`, evidence as `(name)`.
fn columns(rule: &Rule) -> String {
    let sql = rule.sql().expect("it is a query");
    let column = |column: &fluo_rules::sql::Column| match column.role {
        Role::Group => format!("[{}]", column.name),
        Role::Value => format!("{}: {:?}", column.name, column.unit),
        Role::Trace | Role::Span => format!("({})", column.name),
    };
    sql.columns.iter().map(column).collect::<Vec<_>>().join(" ")
}

#[test]
fn queries_and_the_columns_of_their_rows() {
    for (query, expected) in [
        ("SELECT service_name, count(*) AS n FROM spans GROUP BY service_name", "[service_name] n: Number"),
        (
            "select S.Service_Name, max(s.DURATION) as worst from spans s group by 1",
            "[service_name] worst: Duration",
        ),
        ("SELECT count(*) AS n FROM spans HAVING count(*) > 5;", "n: Number"),
        ("SELECT trace_id, span_id, name FROM spans WHERE status = 'error'", "(trace_id) (span_id) [name]"),
        (
            "SELECT attributes['http.route'] AS route, min(end_time) AS first_at FROM spans GROUP BY attributes['http.route']",
            "[route] first_at: Moment",
        ),
        (
            "WITH slow AS (SELECT * FROM spans WHERE duration > INTERVAL '1 second')\n\
             SELECT s.service_name, count(DISTINCT s.trace_id) AS traces FROM slow s GROUP BY s.service_name",
            "[service_name] traces: Number",
        ),
        (
            "SELECT 'a' AS side, count(*) AS n FROM spans UNION ALL SELECT 'b', 0.5 * count(*) FROM spans",
            "[side] n: Number",
        ),
        (
            "SELECT a.service_name, a.n, b.n AS others FROM\n\
             (SELECT service_name, count(*) AS n FROM spans GROUP BY service_name) AS a\n\
             JOIN (SELECT service_name, sum(duration_ns) AS n FROM spans GROUP BY service_name) b USING (service_name)",
            "[service_name] n: Number others: Number",
        ),
        (
            "SELECT name, lag(end_time) OVER (PARTITION BY name ORDER BY end_time) - end_time AS gap FROM spans",
            "[name] gap: Duration",
        ),
        (
            "SELECT name, nanoseconds(approx_percentile_cont(duration_ns, 0.99)) AS p99,\n\
             1.0 * count(*) FILTER (WHERE status = 'error') / count(*) AS ratio FROM spans\n\
             WHERE end_time > $window_start AND end_time <= $window_end GROUP BY name",
            "[name] p99: Duration ratio: Number",
        ),
        (
            "SELECT CASE WHEN kind = 'server' THEN 'in' ELSE 'out' END AS side, sum(TRY_CAST(attributes['amount'] AS DOUBLE)) AS amount\n\
             FROM spans WHERE name ~ '^GET ' AND name NOT LIKE '%health%' AND trace_id IN (SELECT trace_id FROM spans WHERE status = 'error') GROUP BY 1",
            "[side] amount: Number",
        ),
        (
            "SELECT regexp_replace(name, '[0-9]+', ':id', 'g') AS route, count(*) AS n FROM spans GROUP BY 1",
            "[route] n: Number",
        ),
        (
            "SELECT s.name, count(*) AS n FROM spans s WHERE EXISTS (SELECT 1 AS one FROM spans p WHERE p.span_id = s.parent_span_id) GROUP BY s.name ORDER BY n DESC LIMIT 10",
            "[name] n: Number",
        ),
    ] {
        assert_eq!(columns(&rule(query, "")), expected, "{query}");
    }
}

#[test]
fn group_by_lists_columns_whatever_their_type() {
    let query = "SELECT TRY_CAST(attributes['http.response.status_code'] AS BIGINT) AS code, trace_id, count(*) AS n FROM spans GROUP BY 1, 2";
    assert_eq!(columns(&rule(query, "")), "code: Number (trace_id) n: Number");
    let grouped = rule(query, "  group_by: [code]\n");
    assert_eq!(columns(&grouped), "[code] (trace_id) n: Number");
    let keys: Vec<&str> = grouped.group_by.iter().map(|key| key.key.as_str()).collect();
    assert_eq!(keys, ["code"]);
}

#[test]
fn a_condition_is_over_the_values_and_the_number_of_rows() {
    let query = "SELECT service_name, max(duration) AS worst FROM spans GROUP BY service_name";
    let with = rule(query, "  condition: worst > 2s and count >= 1\n");
    assert_eq!(with.condition.text, "worst > 2s and count >= 1");
    assert_eq!(rule(query, "").condition.text, "the query gives a row");
    let levels = rule(
        query,
        "  condition: {warning: worst > 2s, critical: worst > 5s}\n  resolve_condition: worst < 1s\n",
    );
    assert!(levels.condition.has_levels());
}

#[test]
fn what_a_query_reads_is_known() {
    let query = "SELECT coalesce(attributes['user.id'], resource_attributes['host.name']) AS who, count(*) AS n \
                 FROM spans WHERE attributes['http.route'] = '/pay' AND status = 'error' GROUP BY 1";
    let rule = rule(query, "");
    let sql = rule.sql().expect("it is a query");
    let texts = |fields: &[fluo_rules::field::Field]| {
        fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(texts(&sql.reads), "span.user.id resource.host.name span.http.route status");
    assert_eq!(texts(&sql.columns[0].reads), "span.user.id resource.host.name");
}

/// Queries that are refused: the code, and the part that is underlined.
#[test]
fn what_is_refused_and_where() {
    use Code::{
        BadPattern, ExprTooDeep, ExprTooLong, SqlColumn, SqlForbidden, SqlSyntax, SqlTooMuch, TypeMismatch,
        UnknownFunction, UnknownName, WrongArguments,
    };
    let long = format!("SELECT count(*) AS n FROM spans WHERE name = '{}'", "x".repeat(17_000));
    let many = format!("SELECT {} AS n FROM spans", vec!["1"; 1_100].join(" + "));
    let deep = format!("SELECT {}1{} AS n FROM spans", "(".repeat(60), ")".repeat(60));
    let negated = format!("SELECT 1 AS n FROM {}spans{}", "NOT (".repeat(40), ")".repeat(40));
    let within = |levels: usize| {
        format!("SELECT {}1 AS n{} AS n FROM spans", "(SELECT ".repeat(levels), ")".repeat(levels))
    };
    let beside = vec!["(SELECT count(*) AS n FROM spans)"; 32].join(" + ");
    let doubled = |levels: usize| {
        let mut text = "WITH t0 AS (SELECT name AS x FROM spans)".to_owned();
        for level in 0..levels {
            text += &format!(", t{} AS (SELECT x || x AS x FROM t{level})", level + 1);
        }
        format!("{text} SELECT x, count(*) AS n FROM t{levels} GROUP BY x")
    };
    let unions = |levels: usize| {
        let mut text = "WITH t0 AS (SELECT name AS x FROM spans)".to_owned();
        for level in 0..levels {
            text += &format!(", t{} AS (SELECT x FROM t{level} UNION ALL SELECT x FROM t{level})", level + 1);
        }
        format!("{text} SELECT x, count(*) AS n FROM t{levels} GROUP BY x")
    };
    let cases: Vec<(String, Code, &str)> = [
        // Statements.
        ("COPY spans TO '/tmp/x.parquet'", SqlForbidden, "COPY"),
        ("INSERT INTO spans SELECT * FROM spans", SqlForbidden, "INSERT"),
        ("UPDATE spans SET name = 'a'", SqlForbidden, "UPDATE"),
        ("DELETE FROM spans", SqlForbidden, "DELETE"),
        ("MERGE INTO spans USING spans ON true WHEN MATCHED THEN DELETE", SqlForbidden, "MERGE"),
        ("CREATE TABLE t AS SELECT 1", SqlForbidden, "CREATE"),
        ("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'", SqlForbidden, "CREATE"),
        ("DROP TABLE spans", SqlForbidden, "DROP"),
        ("ALTER TABLE spans ADD COLUMN a INT", SqlForbidden, "ALTER"),
        ("TRUNCATE spans", SqlForbidden, "TRUNCATE"),
        ("SET datafusion.execution.batch_size = 1", SqlForbidden, "SET"),
        ("SHOW TABLES", SqlForbidden, "SHOW"),
        ("EXPLAIN SELECT 1", SqlForbidden, "EXPLAIN"),
        ("DESCRIBE spans", SqlForbidden, "DESCRIBE"),
        ("PREPARE p AS SELECT 1", SqlForbidden, "PREPARE"),
        ("EXECUTE p", SqlForbidden, "EXECUTE"),
        ("VALUES (1)", SqlForbidden, "VALUES"),
        ("BEGIN", SqlForbidden, "BEGIN"),
        ("SELECT 1 AS n FROM spans; SELECT 2 AS n FROM spans", SqlForbidden, "SELECT"),
        ("SELECT 1 AS n FROM spans; DROP TABLE spans", SqlForbidden, "DROP"),
        ("SELECT count(*) AS n INTO t FROM spans", SqlForbidden, "INTO"),
        ("SELECT count(*) AS n FROM spans FOR UPDATE", SqlForbidden, "FOR"),
        ("(", SqlSyntax, "("),
        ("-- nothing", SqlSyntax, "-- nothing"),
        ("SELECT", SqlSyntax, ""),
        ("SELECT count(* AS n FROM spans", SqlSyntax, "*"),
        ("SELECT 'open AS n FROM spans", SqlSyntax, ""),
        ("SELECT count(*) AS n FROM spans nonsense here", SqlSyntax, "here"),
        // Tables.
        ("SELECT count(*) AS n FROM information_schema.tables", SqlForbidden, "information_schema.tables"),
        ("SELECT count(*) AS n FROM span", SqlForbidden, "span"),
        ("SELECT count(*) AS n FROM datafusion.public.spans", SqlForbidden, "datafusion.public.spans"),
        ("SELECT count(*) AS n FROM '/etc/passwd'", SqlForbidden, "'/etc/passwd'"),
        ("SELECT count(*) AS n FROM \"s3://bucket/x.parquet\"", SqlForbidden, "\"s3://bucket/x.parquet\""),
        ("SELECT count(*) AS n FROM read_parquet('/etc/x')", SqlForbidden, "read_parquet('/etc/x')"),
        (
            "SELECT count(*) AS n FROM generate_series(1, 1000000000)",
            SqlForbidden,
            "generate_series(1, 1000000000)",
        ),
        ("SELECT count(*) AS n FROM TABLE(range(1, 5))", SqlForbidden, "range(1, 5)"),
        ("SELECT count(*) AS n FROM UNNEST(ARRAY[1])", SqlForbidden, "1"),
        ("SELECT count(*) AS n FROM spans, LATERAL (SELECT 1 AS one) t", SqlForbidden, "SELECT 1 AS one) t"),
        ("SELECT count(*) AS n FROM (VALUES (1)) t", SqlForbidden, "(1)"),
        ("SELECT count(*) AS n FROM spans NATURAL JOIN spans b", SqlForbidden, "NATURAL"),
        ("SELECT count(*) AS n FROM spans WHERE trace_id IN (SELECT id FROM users)", SqlForbidden, "users"),
        ("SELECT (SELECT count(*) FROM users) AS n FROM spans", SqlForbidden, "users"),
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 AS n FROM t) SELECT n FROM t",
            SqlForbidden,
            "RECURSIVE",
        ),
        // Functions.
        ("SELECT now() AS at", UnknownFunction, "now"),
        ("SELECT count(*) AS n FROM spans WHERE end_time > now()", UnknownFunction, "now"),
        ("SELECT random() AS r FROM spans", UnknownFunction, "random"),
        ("SELECT uuid() AS r FROM spans", UnknownFunction, "uuid"),
        ("SELECT current_date() AS r FROM spans", UnknownFunction, "current_date"),
        ("SELECT version() AS v FROM spans", UnknownFunction, "version"),
        ("SELECT repeat(name, 1000000) AS r FROM spans", UnknownFunction, "repeat"),
        ("SELECT array_agg(name) AS r FROM spans", UnknownFunction, "array_agg"),
        ("SELECT string_agg(name, ',') AS r FROM spans", UnknownFunction, "string_agg"),
        ("SELECT pg_read_file('/etc/passwd') AS r FROM spans", UnknownFunction, "pg_read_file"),
        ("SELECT coutn(*) AS n FROM spans", UnknownFunction, "coutn"),
        ("SELECT median(duration_ns) OVER (ORDER BY end_time) AS m FROM spans", SqlForbidden, "median"),
        ("SELECT row_number() AS n FROM spans", SqlForbidden, "row_number"),
        ("SELECT extract(epoch FROM end_time) AS n FROM spans", SqlForbidden, "end_time"),
        (
            "SELECT count(*) AS n FROM spans WHERE regexp_like(name, attributes['p'])",
            SqlForbidden,
            "attributes['p']",
        ),
        ("SELECT count(*) AS n FROM spans WHERE name ~ '('", BadPattern, "'('"),
        ("SELECT regexp_replace(name, 'a*', 'b', 'g') AS n FROM spans", SqlForbidden, "'a*'"),
        // Expressions.
        ("SELECT servce_name, count(*) AS n FROM spans GROUP BY 1", UnknownName, "servce_name"),
        ("SELECT count(*) AS n FROM spans WHERE status = \"error\"", UnknownName, "\"error\""),
        ("SELECT count(*) AS n FROM spans WHERE end_time > $now", UnknownName, "$now"),
        ("SELECT count(*) AS n FROM spans a JOIN spans b ON trace_id = b.trace_id", UnknownName, "trace_id"),
        ("SELECT count(*) AS n FROM spans WHERE attributes['n'] > 5", TypeMismatch, "attributes['n'] > 5"),
        ("SELECT count(*) AS n FROM spans WHERE duration > 5", TypeMismatch, "duration > 5"),
        ("SELECT count(*) AS n FROM spans WHERE name", TypeMismatch, "name"),
        ("SELECT name + 1 AS n FROM spans", TypeMismatch, "name + 1"),
        ("SELECT sum(attributes['n']) AS n FROM spans", TypeMismatch, "sum(attributes['n'])"),
        ("SELECT median(duration) AS n FROM spans", TypeMismatch, "median(duration)"),
        ("SELECT CAST(attributes['n'] AS BIGINT) AS n FROM spans", SqlForbidden, "attributes['n']"),
        ("SELECT attributes[name] AS n FROM spans", SqlForbidden, "name"),
        ("SELECT ARRAY[1, 2] AS n FROM spans", SqlForbidden, "1, 2"),
        ("SELECT count(*) AS n FROM spans LIMIT (SELECT 1)", SqlForbidden, "SELECT 1"),
        (
            "SELECT (SELECT name, kind FROM spans) AS n FROM spans",
            WrongArguments,
            "SELECT name, kind FROM spans",
        ),
        // Columns.
        ("SELECT count(*) FROM spans", SqlColumn, "count(*)"),
        ("SELECT count(*) AS n, max(duration_ns) AS n FROM spans", SqlColumn, "max(duration_ns) AS n"),
        ("SELECT status = 'error' AS failed FROM spans", SqlColumn, "status = 'error' AS failed"),
        ("SELECT attributes FROM spans", SqlColumn, "attributes"),
        ("SELECT NULL AS n FROM spans", SqlColumn, "NULL AS n"),
        ("SELECT count(*) AS \"my count\" FROM spans", SqlColumn, "count(*) AS \"my count\""),
        (
            "SELECT span_id, count(*) AS n FROM spans GROUP BY 1",
            SqlColumn,
            "SELECT span_id, count(*) AS n FROM spans GROUP BY 1",
        ),
    ]
    .into_iter()
    .map(|(query, code, part)| (query.to_owned(), code, part))
    .chain([
        (long, ExprTooLong, "*"),
        (many, ExprTooLong, "*"),
        (deep, ExprTooDeep, "*"),
        (negated, ExprTooDeep, "*"),
        (within(7), ExprTooDeep, "*"),
        (within(30), ExprTooDeep, "*"),
        (format!("SELECT {beside} AS n FROM spans"), SqlTooMuch, "*"),
        (doubled(11), SqlTooMuch, "x || x"),
        (unions(6), SqlTooMuch, "*"),
    ])
    .collect();
    let mut wrong = Vec::new();
    for (query, code, part) in cases {
        let file = file(&query, "");
        let text = String::from_utf8_lossy(&file.content).into_owned();
        let loaded = load(&[file]);
        let found: Vec<(Code, &str)> =
            loaded.findings.iter().map(|found| (found.code, &text[found.place.bytes.clone()])).collect();
        let is_right =
            found.first().is_some_and(|(found, at)| *found == code && (part == "*" || *at == part));
        if !is_right || !loaded.rules.is_empty() {
            let head: String = query.chars().take(100).collect();
            wrong.push(format!("{head}\n  expected {code} {part:?}\n  found    {found:.300?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bounds_of_what_is_much_are_not_reached_by_what_a_person_writes() {
    for (levels, is_sound) in [(10, true), (11, false)] {
        let mut text = "WITH t0 AS (SELECT name AS x FROM spans)".to_owned();
        for level in 0..levels {
            text += &format!(", t{} AS (SELECT x || x AS x FROM t{level})", level + 1);
        }
        let query = format!("{text} SELECT x, count(*) AS n FROM t{levels} GROUP BY x");
        assert_eq!(load(&[file(&query, "")]).findings.is_empty(), is_sound, "{levels}");
    }
    for (levels, is_sound) in [(6, true), (7, false)] {
        let (open, close) =
            ("(SELECT count(*) AS n FROM spans WHERE 1 < ".repeat(levels), ")".repeat(levels));
        let query = format!("SELECT name, {open}1{close} AS n FROM spans");
        assert_eq!(load(&[file(&query, "")]).findings.is_empty(), is_sound, "{levels}");
    }
}

#[test]
fn keys_that_do_not_go_with_a_query() {
    for (keys, code) in [
        ("  aggregation: {n: count}\n", Code::Conflict),
        ("  expect: [[a]]\n", Code::Conflict),
        ("  top: [http.route]\n", Code::Conflict),
        ("  lookback: 1d\n", Code::Conflict),
        ("  settle: 10s\n", Code::Conflict),
        ("  semantic_conventions: exact\n", Code::Conflict),
        ("  span: {name: a}\n", Code::Conflict),
        ("  group_by: [servce_name]\n", Code::SqlColumn),
        ("  condition: m > 5\n", Code::UnknownName),
        ("  condition: n > 5s\n", Code::UnitMismatch),
        ("  condition: n > previous(n)\n", Code::Conflict),
        ("  condition: first_at > 5\n", Code::TypeMismatch),
        ("  annotations: {summary: '{{ value.m }}'}\n", Code::TemplateName),
    ] {
        let query =
            "SELECT service_name, count(*) AS n, min(end_time) AS first_at FROM spans GROUP BY service_name";
        let loaded = load(&[file(query, keys)]);
        let codes: Vec<Code> = loaded.findings.iter().map(|finding| finding.code).collect();
        assert!(codes.contains(&code), "{keys}: {:?}", loaded.findings);
        assert!(loaded.rules.is_empty(), "{keys}");
    }
    let quotient = "SELECT count(*) / 2 AS n FROM spans";
    let loaded = load(&[file(quotient, "")]);
    assert_eq!(loaded.findings[0].code, Code::WholeQuotient);
    assert_eq!(loaded.rules.len(), 1, "a doubt keeps nothing from loading");
}
