//! The filters of annotation templates: `duration`, `percent`, `humanize`, `iso`.
//!
//! Their names are [`fluo_rules::template::FILTERS`], by which `fluo check` knows them.

use fluo_time::moment;
use minijinja::{Environment, Error, ErrorKind};

use crate::value::{four_significant, human_duration, human_number};

/// Adds all of them.
pub(crate) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("duration", duration);
    environment.add_filter("percent", percent);
    environment.add_filter("humanize", humanize);
    environment.add_filter("iso", iso);
}

/// Nanoseconds as a duration: `1200000000` is `1.2s`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float's fraction of a nanosecond is dropped, huge ones saturate"
)]
fn duration(nanos: &minijinja::Value) -> Result<String, Error> {
    match i128::try_from(nanos.clone()) {
        Ok(nanos) => Ok(human_duration(nanos)),
        Err(_) => Ok(human_duration(number("duration", nanos)?.round() as i128)),
    }
}

/// A ratio in percent with four significant digits: `0.0532` is `5.32%`.
fn percent(ratio: &minijinja::Value) -> Result<String, Error> {
    Ok(format!("{}%", human_number(four_significant(number("percent", ratio)? * 100.0))))
}

/// Four significant digits and a metric prefix: `1234567` is `1.235M`.
fn humanize(value: &minijinja::Value) -> Result<String, Error> {
    let value = number("humanize", value)?;
    let rounded = four_significant(value);
    for (prefix, factor) in [("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if rounded.abs() >= factor {
            return Ok(format!("{}{prefix}", human_number(four_significant(value / factor))));
        }
    }
    Ok(human_number(rounded))
}

/// Nanoseconds since the epoch as RFC 3339; a time that is a text already stays as it is.
fn iso(moment: &minijinja::Value) -> Result<String, Error> {
    if let Some(text) = moment.as_str() {
        let ns = moment::parse(text, 0)
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
        return Ok(moment::format(ns));
    }
    match i64::try_from(moment.clone()) {
        Ok(ns) => Ok(moment::format(ns)),
        Err(_) => {
            Err(Error::new(ErrorKind::InvalidOperation, format!("`iso` is given {moment}, not a time")))
        }
    }
}

fn number(filter: &str, value: &minijinja::Value) -> Result<f64, Error> {
    let given = f64::try_from(value.clone()).ok().or_else(|| value.as_str()?.parse().ok());
    given.filter(|number: &f64| number.is_finite()).ok_or_else(|| {
        let shown = if value.is_none() { "no value".to_owned() } else { value.to_string() };
        Error::new(ErrorKind::InvalidOperation, format!("`{filter}` is given {shown}, not a number"))
    })
}
