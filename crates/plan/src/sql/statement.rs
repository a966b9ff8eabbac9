//! The statement itself: common table expressions in the order in which a person would explain the rule.

use std::fmt::Write as _;

use arrow::datatypes::DataType;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Operator, cast, ident, lit};
use datafusion::sql::unparser::Unparser;
use fluo_rules::condition::Level;
use fluo_rules::expr::Expr as RuleExpr;
use fluo_rules::field::Field;
use fluo_rules::limits::{LimitRow, RowKey};
use fluo_rules::matcher::Value;
use fluo_rules::rule::{AggregateFunction, Rule, Sampling, Severity, Subject};
use fluo_rules::sql::{SqlRule, WINDOW_END, WINDOW_START};
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;

use crate::error::PlanError;
use crate::fields::{Fields, Located};
use crate::form::Form;
use crate::operators::literal;
use crate::reads::keys_read;
use crate::rule_plan::RulePlan;
use crate::spelled;

use super::aggregates::Planned;
use super::condition::Conditions;
use super::dialect::Printed;

/// Returns whether a rule has a form in SQL beside its own text: one that is a query has none.
pub fn has_form(rule: &Rule) -> bool {
    without_form(rule).is_none() && rule.sql().is_none()
}

/// Returns the kind of a rule that has no form in SQL; none where it has one.
fn without_form(rule: &Rule) -> Option<&'static str> {
    if rule.trace().is_some() {
        Some("a rule about traces")
    } else if rule.kin.is_some() {
        Some("a rule that asks for the parents or children of spans")
    } else if rule.sampling == Sampling::Adjusted {
        Some("a rule that adjusts for sampling")
    } else if !rule.condition.earlier().is_empty() {
        Some("a condition about earlier windows")
    } else {
        None
    }
}

/// The rule as SQL over the table `spans`, whose files are laid out as `layout` says; a rule that is a query, as it is
/// written, over the table that queries see.
///
/// # Errors
///
/// [`PlanError::NotInSql`] where it has none ([`has_form`]).
///
/// Lambdas (`element -> …`), where there are any, need `SET datafusion.sql_parser.dialect = 'duckdb'`.
pub fn statement(plan: &RulePlan, layout: &Layout) -> Result<String, PlanError> {
    let rule = plan.rule();
    if let Some(what) = without_form(rule) {
        return Err(PlanError::NotInSql(what));
    }
    if let Some(query) = rule.sql() {
        return Ok(of_query(rule, query));
    }
    let keys: Vec<Field> = rule.group_by.iter().map(|group| group.field.clone()).collect();
    let fields = Fields::of(rule, &keys, layout, Form::Sql);
    let aggregates: Vec<Planned> = plan.shown().map(Planned::new).collect();
    let writer = Writer { plan, aggregates: &aggregates, fields };
    let body = if plan.judging().is_exact() { writer.exact()? } else { writer.grid()? };
    let mut sql = String::new();
    // A comment ends with its line: a name with a line break must not become a statement.
    let name: String = rule.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(sql, "-- {name}: the moments at which its condition holds");
    if body.contains("->") {
        sql.push_str("-- needs: SET datafusion.sql_parser.dialect = 'duckdb'\n");
    }
    sql.push_str(&body);
    Ok(sql)
}

/// A rule that is a query says it itself.
fn of_query(rule: &Rule, query: &SqlRule) -> String {
    let name: String = rule.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!(
        "-- {name}: its query, over the spans that ended in (t - {window}, t]\n\
         -- {WINDOW_START} is t - {window}, and {WINDOW_END} is t: every multiple of {step}\n{}",
        query.text.trim(),
        window = rule.window,
        step = rule.grid_step(),
    )
}

struct Writer<'a> {
    plan: &'a RulePlan,
    aggregates: &'a [Planned],
    fields: Fields<'a>,
}

/// An expression as SQL.
fn sql(expr: &Expr) -> Result<String, PlanError> {
    // `like` and the rest print without a schema: columns are named, not resolved.
    let printer = Unparser::new(&Printed).with_pretty(true);
    let (expr, alias) = match expr {
        Expr::Alias(alias) => (alias.expr.as_ref(), Some(alias.name.as_str())),
        expr => (expr, None),
    };
    let text = printer.expr_to_sql(expr)?.to_string();
    Ok(match alias {
        Some(alias) => format!("{text} AS {}", quoted(alias)),
        None => text,
    })
}

/// An operand of `AND`: what binds looser stands in parentheses.
fn sql_operand(expr: &Expr) -> Result<String, PlanError> {
    let text = sql(expr)?;
    let looser = matches!(expr, Expr::BinaryExpr(binary) if binary.op == Operator::Or);
    Ok(if looser { format!("({text})") } else { text })
}

/// A column name that needs no care.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const END: &str = "end_ns";

impl Writer<'_> {
    fn groups(&self) -> Vec<String> {
        self.plan.rule().group_by.iter().map(|group| quoted(&group.key)).collect()
    }

    /// `read`, where the rule reads attributes, `once`: the selected spans, each once, and `matching`: what the rule reads of
    /// them.
    fn matching(&self) -> Result<String, PlanError> {
        let rule = self.plan.rule();
        let mut columns = vec![sql(&cast(ident(columns::END_TIME), DataType::Int64).alias(END))?];
        for group in &rule.group_by {
            columns.push(sql(&self.fields.text(&group.field).alias(&group.key))?);
        }
        for planned in self.aggregates {
            if let Some(input) = planned.input_of(&self.fields)? {
                columns.push(sql(&input)?);
            }
        }
        columns.extend(self.limits());
        let Subject::Spans(selector) = &rule.subject else {
            return Err(PlanError::NotInSql("a rule about traces"));
        };
        let selector = self.fields.selector(selector)?;
        let conditions = split_conjunction(&selector);
        let condition = match conditions.as_slice() {
            [everything] if **everything == lit(true) => "  ".to_owned(),
            conditions => {
                let printed = conditions.iter().map(|one| sql_operand(one)).collect::<Result<Vec<_>, _>>()?;
                format!("    WHERE {}\n  ", printed.join("\n      AND "))
            }
        };
        let selected = format!("{}{condition}", columns.join(","));
        let (read, table) = self.read(&selected)?;
        let (limited, table) = self.limited(table)?;
        // Numbered, and not `DISTINCT ON`: of that, DataFusion's two plans disagree on what may be null, and with it of every
        // test that stands in it twice.
        Ok(format!(
            "{read}{limited}once AS (\n  SELECT *\n  FROM (\n    SELECT *,\n      \
             row_number() OVER (PARTITION BY trace_id, span_id, end_time) AS \"number of copy\"\n    \
             FROM {table}\n{condition}) AS copies\n  WHERE \"number of copy\" = 1\n),\n\
             matching AS (\n  SELECT\n    {}\n  FROM once\n)",
            columns.join(",\n    "),
        ))
    }

    /// The attributes that `using` names: looked up under all their spellings, and cut into elements.
    fn read(&self, using: &str) -> Result<(String, &'static str), PlanError> {
        let mut texts = Vec::new();
        let mut lists = Vec::new();
        for field in keys_read(self.plan.rule()) {
            let name = field.to_string();
            let Located::Attribute(candidates) = self.fields.look_up(&field) else { continue };
            texts.push(sql(&crate::fields::first(candidates).alias(&name))?);
            let list = spelled::elements_column(&name);
            if using.contains(&quoted(&list)) {
                lists.push(sql(&spelled::elements(ident(&name)).alias(list))?);
            }
        }
        if texts.is_empty() {
            return Ok((String::new(), "spans"));
        }
        let mut text = format!("read AS (\n  SELECT *,\n    {}\n  FROM spans\n),\n", texts.join(",\n    "));
        if lists.is_empty() {
            return Ok((text, "read"));
        }
        // An attribute may be an array, as the text of JSON: then one element that matches is enough.
        let _ = write!(text, "elements AS (\n  SELECT *,\n    {}\n  FROM read\n),\n", lists.join(",\n    "));
        Ok((text, "elements"))
    }

    /// The columns of the limits that the condition compares with: constants of the group.
    fn limits(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for limit in self.plan.rule().condition.limits() {
            let name = quoted(&limit.name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The rows of `table` with the limits of their groups; those of groups without limits are left out.
    fn limited(&self, table: &str) -> Result<(String, String), PlanError> {
        let rule = self.plan.rule();
        let Some(limits) = rule.limits.as_deref() else { return Ok((String::new(), table.to_owned())) };
        let mut cases = String::new();
        let mut otherwise = String::new();
        for (at, row) in limits.rows().iter().enumerate() {
            let keys = rule.group_by.iter().zip(&row.keys).filter_map(|(key, of_row)| match of_row {
                RowKey::Any => None,
                RowKey::Is(None) => Some(self.fields.text(&key.field).is_null()),
                RowKey::Is(Some(text)) => Some(self.fields.text(&key.field).eq(lit(text.as_str()))),
            });
            match keys.map(|key| sql(&key)).collect::<Result<Vec<_>, _>>()?.join(" AND ") {
                keys if keys.is_empty() => {
                    otherwise = at.to_string();
                    break;
                }
                keys => _ = write!(cases, "\n      WHEN {keys} THEN {at}"),
            }
        }
        let place = match (cases.is_empty(), otherwise.is_empty()) {
            (true, _) => otherwise,
            (false, true) => format!("CASE{cases}\n    END"),
            (false, false) => format!("CASE{cases}\n      ELSE {otherwise}\n    END"),
        };
        let value = |value: &Option<Value>| {
            value.as_ref().map_or(Ok("NULL".to_owned()), |value| sql(&literal(value)))
        };
        let row = |(at, row): (usize, &LimitRow)| {
            let values = row.values.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("({at}, {})", values.join(", ")))
        };
        let rows = limits.rows().iter().enumerate().map(row).collect::<Result<Vec<_>, PlanError>>()?;
        let names: Vec<String> = limits.names().iter().map(|limit| quoted(&limit.name)).collect();
        let text = format!(
            "limits AS (\n  SELECT *\n  FROM (VALUES\n    {}\n  ) AS limits(\"limit row\", {})\n),\n\
             -- of the rows of limits, the first that is for a span's group\n\
             limited AS (\n  SELECT *,\n    {place} AS \"limit row\"\n  FROM {table}\n),\n",
            rows.join(",\n    "),
            names.join(", "),
        );
        Ok((text, "limited JOIN limits USING (\"limit row\")".to_owned()))
    }

    fn exact(&self) -> Result<String, PlanError> {
        let rule = self.plan.rule();
        let used = rule.condition.aggregates();
        let used: Vec<&Planned> = self
            .aggregates
            .iter()
            .filter(|planned| used.contains(&planned.aggregate.name.as_str()))
            .collect();
        let groups = self.groups();
        let mut columns = groups.clone();
        columns.push(format!("{END} AS moment"));
        columns.extend(self.limits());
        for planned in &used {
            let Some(sliding) = planned.sliding() else {
                return Err(PlanError::Misplaced(planned.aggregate.name.clone()));
            };
            columns.push(format!("{} OVER past AS {}", sql(&sliding)?, quoted(&planned.output)));
        }
        let ending = self.ending();
        for planned in &ending {
            if let Some(sliding) = planned.sliding() {
                let column = quoted(&planned.output);
                columns.push(format!("{} OVER instant_before AS {column}", sql(&sliding)?));
            }
        }
        let partition =
            if groups.is_empty() { String::new() } else { format!("PARTITION BY {} ", groups.join(", ")) };
        let order = format!("{partition}ORDER BY {END} RANGE BETWEEN");
        let window = rule.window;
        let instant_before = if ending.is_empty() {
            String::new()
        } else {
            format!(",\n    instant_before AS ({order} {} PRECEDING AND 1 PRECEDING)", window.0)
        };
        let windows = format!(
            "windows AS (\n  SELECT {}\n  FROM matching\n  -- (t - {window}, t]: a RANGE frame is closed at both ends, hence one \
             nanosecond less\n  WINDOW past AS ({order} {} PRECEDING AND CURRENT ROW){instant_before}\n)",
            columns.join(", "),
            window.0 - 1,
        );
        Ok(format!("WITH {},\n{windows},\n{}", self.matching()?, self.verdict(&used)?))
    }

    /// `judged` and the final selection.
    fn verdict(&self, shown: &[&Planned]) -> Result<String, PlanError> {
        let rule = self.plan.rule();
        let groups = self.groups();
        let mut columns = groups.clone();
        columns.push("moment".to_owned());
        columns.extend(self.limits());
        for planned in shown {
            columns.push(sql(&planned.finished(ident(&planned.output), rule.window))?);
        }
        for planned in self.ending() {
            columns.push(sql(&planned.finished(ident(&planned.output), rule.window))?);
        }
        let judged = format!("judged AS (\n  SELECT DISTINCT {}\n  FROM windows\n)", columns.join(", "));
        let mut order = vec!["moment".to_owned()];
        order.extend(groups);
        let order = order.join(", ");
        let Some(resolve) = &rule.condition.resolve else {
            let (shown, holds) = self.levels()?;
            return Ok(format!("{judged}\nSELECT {shown}\nFROM judged\nWHERE {holds}\nORDER BY {order}"));
        };
        let going_on = self.going_on(&resolve.expr, shown)?;
        Ok(format!("{judged},\n{going_on}\nORDER BY {order}"))
    }

    /// The aggregates by which an exact rule is over at the instant before a moment: from one to the next its window only
    /// empties.
    fn ending(&self) -> Vec<Planned> {
        let rule = self.plan.rule();
        let resolve = rule.condition.resolve.as_ref().filter(|_| self.plan.judging().is_exact());
        let names = resolve.map_or_else(Vec::new, |resolve| resolve.expr.aggregates());
        let ending =
            self.aggregates.iter().filter(|planned| names.contains(&planned.aggregate.name.as_str()));
        // No aggregate has a space in its name.
        ending
            .map(|planned| Planned { output: format!("{} before", planned.output), ..planned.clone() })
            .collect()
    }

    fn conditions_over<'b>(&'b self, aggregates: &'b [Planned]) -> Conditions<'b> {
        Conditions { aggregates, limits: self.plan.rule().limits.as_deref(), form: Form::Sql }
    }

    fn conditions(&self) -> Conditions<'_> {
        self.conditions_over(self.aggregates)
    }

    /// The columns of a moment, how bad it is among them where that depends on what holds; and where any level holds.
    fn levels(&self) -> Result<(String, String), PlanError> {
        let rule = self.plan.rule();
        let level = |level: &Level| {
            let holds = self.conditions().holds(&level.condition.expr)?;
            Ok((rule.severity_of(level), holds))
        };
        let levels = rule.condition.levels().map(level).collect::<Result<Vec<_>, PlanError>>()?;
        let [(lowest, first), higher @ ..] = levels.as_slice() else {
            return Ok(("*".to_owned(), String::new()));
        };
        if higher.is_empty() {
            return Ok(("*".to_owned(), sql(first)?));
        }
        let case = |(severity, holds): &(Severity, Expr)| {
            Ok(format!("\n    WHEN {} THEN '{severity}'", sql(holds)?))
        };
        let cases = higher.iter().rev().map(case).collect::<Result<String, PlanError>>()?;
        let shown = format!("*,\n  CASE{cases}\n    ELSE '{lowest}'\n  END AS {}", self.severity());
        let holds = levels.iter().map(|(_, holds)| sql_operand(holds)).collect::<Result<Vec<_>, _>>()?;
        Ok((shown, holds.join("\n    OR ")))
    }

    /// The name of the column that says how bad a moment is: no other column's.
    fn severity(&self) -> String {
        let rule = self.plan.rule();
        let taken = |name: &str| {
            rule.group_by.iter().any(|group| group.key == name)
                || self.aggregates.iter().any(|planned| planned.output == name)
        };
        let mut name = "severity".to_owned();
        while taken(&name) {
            name.push('_');
        }
        quoted(&name)
    }

    /// The moments that hold, and those at which a violation goes on: none since the last one that holds ended it.
    fn going_on(&self, resolve: &RuleExpr, shown: &[&Planned]) -> Result<String, PlanError> {
        let (columns, holds) = self.levels()?;
        let mut resolves = sql_operand(&self.conditions().holds(resolve)?)?;
        let ending = self.ending();
        if !ending.is_empty() {
            let before = self.conditions_over(&ending).holds(resolve)?;
            resolves = format!("{resolves} OR {}", sql_operand(&before)?);
        }
        let mut kept = self.groups();
        let partition =
            if kept.is_empty() { String::new() } else { format!("PARTITION BY {} ", kept.join(", ")) };
        kept.push("moment".to_owned());
        kept.extend(self.limits());
        kept.extend(shown.iter().map(|planned| quoted(&planned.output)));
        kept.extend(self.plan.rule().condition.has_levels().then(|| self.severity()));
        let gap = self.plan.gap();
        Ok(format!(
            "held AS (\n  SELECT {columns},\n    {holds} AS \"it holds\",\n    {resolves} AS \"it is over\",\n    \
             moment - lag(moment) OVER ({partition}ORDER BY moment) AS \"since the last\"\n  FROM judged\n),\n\
             -- a violation goes on from moment to moment, at most {gap} apart, until what ends it holds\n\
             going_on AS (\n  SELECT *,\n    max(CASE WHEN \"it holds\" THEN moment END) OVER past AS \"last held\",\n    \
             max(CASE WHEN NOT \"it holds\" AND (\"it is over\" OR \"since the last\" > {}) THEN moment END) OVER past AS \"last over\"\n  \
             FROM held\n  WINDOW past AS ({partition}ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)\n)\n\
             SELECT {}\nFROM going_on\nWHERE \"last held\" > coalesce(\"last over\", \"last held\" - 1)",
            gap.0,
            kept.join(", "),
        ))
    }

    fn grid(&self) -> Result<String, PlanError> {
        let rule = self.plan.rule();
        let (step, window) = (rule.grid_step().0, rule.window.0);
        let groups = self.groups();
        let mut kept = groups.clone();
        let mut empty: Vec<String> = Vec::new();
        for planned in self.aggregates {
            if planned.input_of(&self.fields)?.is_some() {
                kept.push(quoted(&planned.input));
            }
        }
        kept.extend(self.limits());
        // Rows that stand for moments without spans take part in no aggregate.
        kept.push("true AS present".to_owned());
        let mut sql_text = format!(
            "WITH {},\nedges AS (\n  SELECT\n    (min(CAST(end_time AS BIGINT)) + {window} + {step} - 1) / {step} AS first_tick,\n    \
             max(CAST(end_time AS BIGINT)) / {step} AS last_tick\n  FROM spans\n),\n",
            self.matching()?,
        );
        let _ = write!(
            sql_text,
            "-- a span that ended at e lies in every window (t - {}, t] with e <= t < e + {}, t a multiple of {}\n\
             expanded AS (\n  SELECT {},\n    unnest(generate_series(({END} + {step} - 1) / {step}, ({END} + {window} - 1) / {step}, 1)) AS tick\n  \
             FROM matching\n",
            rule.window,
            rule.window,
            rule.grid_step(),
            kept.join(", "),
        );
        for group in self.plan.standing_groups() {
            empty.clear();
            for value in &group {
                empty.push(sql(&datafusion::logical_expr::lit(datafusion::common::ScalarValue::Utf8(
                    value.clone(),
                )))?);
            }
            for planned in self.aggregates {
                if planned.input_of(&self.fields)?.is_some() {
                    empty.push("NULL".to_owned());
                }
            }
            for name in self.limits() {
                let mut limits = self.plan.limits_of(&group);
                let value =
                    limits.find(|(limit, _)| quoted(&limit.name) == name).and_then(|(_, value)| value);
                empty.push(value.map_or(Ok("NULL".to_owned()), |value| sql(&literal(value)))?);
            }
            empty.push("false".to_owned());
            let _ = writeln!(
                sql_text,
                "  UNION ALL SELECT {}, unnest(generate_series(first_tick, last_tick, 1)) FROM edges",
                empty.join(", ")
            );
        }
        let mut columns = groups.clone();
        columns.push(format!("tick * {step} AS moment"));
        for planned in self.aggregates {
            columns.push(format!("{} AS {}", plain_aggregate(planned), quoted(&planned.output)));
        }
        columns.extend(self.limits());
        let mut keys = groups;
        keys.extend(self.limits());
        keys.push("tick".to_owned());
        let _ = write!(
            sql_text,
            "),\nwindows AS (\n  SELECT {}\n  FROM expanded CROSS JOIN edges\n  WHERE tick BETWEEN first_tick AND last_tick\n  GROUP BY {}\n),\n",
            columns.join(",\n    "),
            keys.join(", "),
        );
        let all: Vec<&Planned> = self.aggregates.iter().collect();
        sql_text.push_str(&self.verdict(&all)?);
        Ok(sql_text)
    }
}

/// An aggregate over rows, in SQL's own functions.
fn plain_aggregate(planned: &Planned) -> String {
    let input = quoted(&planned.input);
    let duration = planned.aggregate.function.is_of_durations();
    match &planned.aggregate.function {
        AggregateFunction::Count | AggregateFunction::Rate { .. } => {
            if planned.aggregate.filter.is_some() {
                format!("count({input})")
            } else {
                "count(*) FILTER (WHERE present)".to_owned()
            }
        }
        AggregateFunction::CountDistinct(_) => format!("count(DISTINCT {input})"),
        AggregateFunction::Column(_) => input,
        AggregateFunction::Sum(_) if duration => format!("sum(CAST({input} AS DECIMAL(38, 0)))"),
        AggregateFunction::Sum(_) => format!("sum({input})"),
        AggregateFunction::Avg(_) => format!("avg(CAST({input} AS DOUBLE))"),
        AggregateFunction::Min(_) => format!("min({input})"),
        AggregateFunction::Max(_) => format!("max({input})"),
        AggregateFunction::Stddev(_) => format!("stddev_pop(CAST({input} AS DOUBLE))"),
        AggregateFunction::Percentile { p, .. } => format!(
            "array_sort(array_agg({input}) FILTER (WHERE {input} IS NOT NULL))[greatest(1, CAST(ceil({p} * count({input}) / 100.0) AS BIGINT))]"
        ),
    }
}
