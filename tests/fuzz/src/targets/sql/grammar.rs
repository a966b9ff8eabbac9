//! Queries from a grammar: each byte of a tape makes one choice.

/// The choices that are left.
struct Tape<'a> {
    bytes: &'a [u8],
    /// The depth so far: what is nested deeper is a leaf.
    depth: u32,
    /// The length of the text so far ends it, too.
    parts: u32,
}

/// The query that a tape stands for.
pub(super) fn query(tape: &[u8]) -> String {
    let mut tape = Tape { bytes: tape, depth: 0, parts: 0 };
    match tape.one_of(12) {
        0 => format!("{} ", HOSTILE_STATEMENTS[tape.one_of(HOSTILE_STATEMENTS.len())]) + &tape.select(),
        1 => format!("{}; {}", tape.select(), HOSTILE_STATEMENTS[tape.one_of(HOSTILE_STATEMENTS.len())]),
        2 | 3 => format!("WITH t AS ({}) {}", tape.select(), tape.select()),
        4 => format!("{} UNION ALL {}", tape.select(), tape.select()),
        _ => tape.select(),
    }
}

const HOSTILE_STATEMENTS: &[&str] = &[
    "COPY",
    "EXPLAIN",
    "CREATE TABLE x AS",
    "INSERT INTO spans",
    "DROP TABLE spans",
    "SET a = 1",
    "PREPARE p AS",
    "DELETE FROM spans",
];

const HOSTILE_TABLES: &[&str] = &[
    "users",
    "information_schema.tables",
    "'/etc/passwd'",
    "\"s3://a/b.parquet\"",
    "read_csv('x')",
    "generate_series(1, 9)",
    "UNNEST(ARRAY[1])",
    "(VALUES (1)) v",
    "LATERAL (SELECT 1 AS one) l",
    "TABLE(range(1, 9))",
];

const HOSTILE_TEXTS: &[&str] = &[
    "version()",
    "current_user",
    "repeat(name, 9)",
    "array_agg(name)",
    "CAST(now() AS VARCHAR)",
    "uuid()",
    "@@version",
    "\"start of the window\"()",
    "attributes[name]",
    "string_agg(name, ',')",
    "encode(name, 'hex')",
];

const HOSTILE_NUMBERS: &[&str] = &[
    "random()",
    "extract(epoch FROM now())",
    "$1",
    "nextval('x')",
    "pg_sleep(9)",
    "cardinality(attributes)",
];

impl Tape<'_> {
    fn one_of(&mut self, number: usize) -> usize {
        self.parts += 1;
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first) % number.max(1)
    }

    /// One in so many choices.
    fn rarely(&mut self, often: usize) -> bool {
        self.one_of(often) == often - 1
    }

    fn deeper(&mut self, write: impl FnOnce(&mut Self) -> String, leaf: &str) -> String {
        if self.depth >= 5 || self.parts > 150 || self.bytes.is_empty() {
            return leaf.to_owned();
        }
        self.depth += 1;
        let text = write(self);
        self.depth -= 1;
        text
    }

    fn select(&mut self) -> String {
        let table = self.table();
        let filter = if self.rarely(2) { format!(" WHERE {}", self.condition()) } else { String::new() };
        let (text, number) = (self.text(), self.number());
        match self.one_of(5) {
            0 => format!("SELECT {text} AS a, {number} AS n FROM {table}{filter}"),
            1 => {
                let aggregate = self.aggregate();
                format!("SELECT {aggregate} AS n FROM {table}{filter} HAVING {aggregate} > 0")
            }
            2 => format!(
                "SELECT {text} AS a, row_number() OVER (PARTITION BY {text} ORDER BY {number}) AS n FROM {table}{filter}"
            ),
            3 => format!("SELECT DISTINCT {text} AS a FROM {table}{filter} ORDER BY a LIMIT 9"),
            _ => {
                let aggregate = self.aggregate();
                format!("SELECT {text} AS a, {aggregate} AS n FROM {table}{filter} GROUP BY 1")
            }
        }
    }

    fn table(&mut self) -> String {
        if self.rarely(12) {
            return HOSTILE_TABLES[self.one_of(HOSTILE_TABLES.len())].to_owned();
        }
        match self.one_of(6) {
            0 => self.deeper(|tape| format!("(SELECT * FROM {}) AS spans", tape.table()), "spans"),
            1 => {
                let join = ["JOIN", "LEFT JOIN", "FULL JOIN", "NATURAL JOIN"][self.one_of(4)];
                format!("spans {join} (SELECT trace_id AS id FROM spans) b ON b.id = trace_id")
            }
            _ => "spans".to_owned(),
        }
    }

    fn text(&mut self) -> String {
        if self.rarely(20) {
            return HOSTILE_TEXTS[self.one_of(HOSTILE_TEXTS.len())].to_owned();
        }
        match self.one_of(9) {
            0 => "attributes['a']".to_owned(),
            1 => "status".to_owned(),
            2 => self.deeper(|tape| format!("lower({})", tape.text()), "'x'"),
            3 => self.deeper(|tape| format!("({} || {})", tape.text(), tape.text()), "kind"),
            4 => self.deeper(|tape| format!("coalesce({}, {})", tape.text(), tape.text()), "name"),
            5 => self.deeper(
                |tape| {
                    format!("CASE WHEN {} THEN {} ELSE {} END", tape.condition(), tape.text(), tape.text())
                },
                "name",
            ),
            6 => self.deeper(|tape| format!("regexp_replace({}, '[0-9]+', ':n')", tape.text()), "name"),
            7 => self.deeper(|tape| format!("CAST({} AS VARCHAR)", tape.number()), "name"),
            _ => "service_name".to_owned(),
        }
    }

    fn number(&mut self) -> String {
        if self.rarely(20) {
            return HOSTILE_NUMBERS[self.one_of(HOSTILE_NUMBERS.len())].to_owned();
        }
        match self.one_of(7) {
            0 => "1".to_owned(),
            1 => self.deeper(|tape| format!("length({})", tape.text()), "2"),
            2 => self.deeper(|tape| format!("({} / {})", tape.number(), tape.number()), "0.5"),
            3 => self.deeper(|tape| format!("TRY_CAST({} AS DOUBLE)", tape.text()), "3"),
            4 => self.deeper(|tape| format!("(SELECT {} FROM {})", tape.aggregate(), tape.table()), "4"),
            5 => self.deeper(|tape| format!("abs(-{})", tape.number()), "5"),
            _ => "duration_ns".to_owned(),
        }
    }

    fn aggregate(&mut self) -> String {
        match self.one_of(6) {
            0 => format!("sum({})", self.number()),
            1 => format!("count(DISTINCT {})", self.text()),
            2 => format!("approx_percentile_cont({}, 0.9)", self.number()),
            3 => format!("count(*) FILTER (WHERE {})", self.condition()),
            4 => "nanoseconds(max(duration_ns))".to_owned(),
            _ => "count(*)".to_owned(),
        }
    }

    fn condition(&mut self) -> String {
        match self.one_of(8) {
            0 => format!("{} = {}", self.text(), self.text()),
            1 => format!("{} > {}", self.number(), self.number()),
            2 => self.deeper(|tape| format!("({} AND NOT {})", tape.condition(), tape.condition()), "true"),
            3 => self.deeper(
                |tape| format!("trace_id IN (SELECT trace_id FROM {})", tape.table()),
                "root IS NULL",
            ),
            4 => format!("{} ~ '^a'", self.text()),
            5 => "end_time > $window_end - INTERVAL '5 seconds'".to_owned(),
            6 => format!("{} LIKE '%a%'", self.text()),
            _ => "status = 'error'".to_owned(),
        }
    }
}
