//! The statement itself: common table expressions in the order in which a person would explain the rule.

use std::fmt::Write as _;

use arrow::datatypes::DataType;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Operator, cast, ident, lit};
use datafusion::sql::unparser::Unparser;
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::AggregateFunction;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;

use crate::error::PlanError;
use crate::fields::{Fields, Located};
use crate::form::Form;
use crate::reads::keys_read;
use crate::rule_plan::RulePlan;
use crate::spelled;

use super::aggregates::Planned;
use super::condition::Conditions;
use super::dialect::Printed;

/// The rule as SQL over the table `spans`, whose files are laid out as `layout` says.
///
/// # Errors
///
/// [`PlanError::NoSql`] where the condition is about earlier windows.
///
/// Lambdas (`element -> …`), where there are any, need `SET datafusion.sql_parser.dialect = 'duckdb'`.
pub fn statement(plan: &RulePlan, layout: &Layout) -> Result<String, PlanError> {
    let rule = plan.rule();
    if !plan.calls().is_empty() {
        return Err(PlanError::NoSql(
            "its condition is about earlier windows, and what these were depends on when a group was seen",
        ));
    }
    let fields = Fields { layout, conventions: rule.conventions, form: Form::Sql };
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

    /// `read`, where the rule reads attributes, and `matching`: the selected spans, each once, reduced to what the
    /// rule reads.
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
        let selector = self.fields.selector(&rule.selector)?;
        let conditions = split_conjunction(&selector);
        let condition = match conditions.as_slice() {
            [everything] if **everything == lit(true) => String::new(),
            conditions => {
                let printed = conditions.iter().map(|one| sql_operand(one)).collect::<Result<Vec<_>, _>>()?;
                format!("  WHERE {}\n", printed.join("\n    AND "))
            }
        };
        let selected = format!("{}{condition}", columns.join(","));
        let (read, table) = self.read(&selected)?;
        Ok(format!(
            "{read}matching AS (\n  SELECT DISTINCT ON (trace_id, span_id, end_time)\n    {}\n  FROM {table}\n{condition}  \
             ORDER BY trace_id, span_id, end_time\n)",
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

    fn exact(&self) -> Result<String, PlanError> {
        let rule = self.plan.rule();
        let used = rule.condition.expr.aggregates();
        let used: Vec<&Planned> = self
            .aggregates
            .iter()
            .filter(|planned| used.contains(&planned.aggregate.name.as_str()))
            .collect();
        let groups = self.groups();
        let mut columns = groups.clone();
        columns.push(format!("{END} AS moment"));
        for planned in &used {
            let Some(sliding) = planned.sliding() else {
                return Err(PlanError::Misplaced(planned.aggregate.name.clone()));
            };
            columns.push(format!("{} OVER past AS {}", sql(&sliding)?, quoted(&planned.output)));
        }
        let partition =
            if groups.is_empty() { String::new() } else { format!("PARTITION BY {} ", groups.join(", ")) };
        let windows = format!(
            "windows AS (\n  SELECT {}\n  FROM matching\n  -- (t - {window}, t]: a RANGE frame is closed at both ends, hence one \
             nanosecond less\n  WINDOW past AS ({partition}ORDER BY {END} RANGE BETWEEN {} PRECEDING AND CURRENT ROW)\n)",
            columns.join(", "),
            rule.window.0 - 1,
            window = rule.window,
        );
        Ok(format!("WITH {},\n{windows},\n{}", self.matching()?, self.verdict(&used)?))
    }

    /// `judged` and the final selection.
    fn verdict(&self, shown: &[&Planned]) -> Result<String, PlanError> {
        let rule = self.plan.rule();
        let groups = self.groups();
        let mut columns = groups.clone();
        columns.push("moment".to_owned());
        for planned in shown {
            columns.push(sql(&planned.finished(ident(&planned.output), rule.window))?);
        }
        let holds =
            sql(&Conditions { aggregates: self.aggregates, form: Form::Sql }.holds(&rule.condition.expr)?)?;
        let mut order = vec!["moment".to_owned()];
        order.extend(groups);
        Ok(format!(
            "judged AS (\n  SELECT DISTINCT {}\n  FROM windows\n)\nSELECT *\nFROM judged\nWHERE {holds}\nORDER BY {}",
            columns.join(", "),
            order.join(", "),
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
        let standing: Vec<Vec<Option<String>>> =
            if rule.group_by.is_empty() { vec![Vec::new()] } else { rule.expect.clone() };
        for group in standing {
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
        let mut keys = groups;
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
    let duration = planned.aggregate.function.field() == Some(&Field::Intrinsic(Intrinsic::Duration));
    match &planned.aggregate.function {
        AggregateFunction::Count | AggregateFunction::Rate { .. } => {
            if planned.aggregate.filter.is_some() {
                format!("count({input})")
            } else {
                "count(*) FILTER (WHERE present)".to_owned()
            }
        }
        AggregateFunction::CountDistinct(_) => format!("count(DISTINCT {input})"),
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
