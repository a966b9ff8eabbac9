//! Other spellings of durations, for "did you mean": `5 m`, `5min`, `1 hour 30 minutes`, `PT5M`, `00:05:00`.

use super::{DurationError, Nanos, Reason, UNITS, unit_index};

impl DurationError {
    /// The text to write instead.
    pub fn hint(&self) -> String {
        match (&self.reason, self.meant()) {
            (Reason::TooLong, _) => "the longest duration is 106751d".to_owned(),
            (_, Some(meant)) => format!("did you mean `{meant}`?"),
            (Reason::Order { .. }, None) => "largest unit first, each once: `1h30m`".to_owned(),
            _ => "units are w, d, h, m, s, ms, us and ns: `500ms`, `1.5s`, `2m`, `1h30m`, `7d`".to_owned(),
        }
    }

    /// The duration that is probably meant, as rules write it.
    pub fn meant(&self) -> Option<String> {
        duration(&self.text)
    }
}

/// Returns the duration that `text` probably means, as rules write it.
fn duration(text: &str) -> Option<String> {
    let plain = text.trim().to_lowercase();
    let spelt = clock(&plain).or_else(|| units(&plain))?;
    Nanos::parse(&spelt).ok().filter(|_| spelt != text).map(|_| spelt)
}

/// Returns what to write for a number that should be a duration and has no unit.
pub fn with_unit(number: &str) -> String {
    match number.parse::<i64>() {
        Ok(nanos) if nanos.unsigned_abs() >= 1_000_000 => {
            format!("write `{}` for {number} nanoseconds", Nanos(nanos))
        }
        Ok(large) if large.unsigned_abs() >= 1_000 => {
            format!("write `{number}ms` for milliseconds, `{number}s` for seconds")
        }
        _ => format!("write `{number}s` for seconds, `{number}ms` for milliseconds"),
    }
}

/// `00:05:00`, in hours, minutes and seconds.
fn clock(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    let parts = [(*hours, "h"), (*minutes, "m"), (*seconds, "s")].map(|(number, unit)| {
        let digits = number.trim_start_matches('0');
        (digits, unit)
    });
    let written = parts.iter().filter(|(digits, _)| !digits.is_empty());
    Some(written.flat_map(|(digits, unit)| [*digits, *unit]).collect())
}

/// Numbers with units of whatever spelling, brought into order.
fn units(text: &str) -> Option<String> {
    // ISO 8601: `P1DT12H`, `PT5M`.
    let iso = text.strip_prefix('p').filter(|rest| rest.ends_with(['d', 'h', 'm', 's', 'w']));
    let iso = iso.map(|rest| rest.replace('t', " "));
    let mut rest = iso.as_deref().unwrap_or(text);
    let mut parts: Vec<(usize, String)> = Vec::new();
    while !rest.is_empty() {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '_')))?;
        let (number, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (word, behind) = behind.split_at(end);
        let (factor, unit) = unit(word)?;
        let number = number.trim_end_matches(',').replace(',', ".");
        let number = match factor {
            1 => number,
            factor => number.parse::<u32>().ok()?.checked_mul(factor)?.to_string(),
        };
        parts.push((unit, number));
        rest = behind;
    }
    parts.sort_by_key(|(unit, _)| *unit);
    Some(parts.iter().flat_map(|(unit, number)| [number.as_str(), UNITS[*unit].0]).collect())
}

/// Returns the factor and the place of the unit that a word stands for.
fn unit(word: &str) -> Option<(u32, usize)> {
    let (factor, unit) = match word {
        "y" | "yr" | "yrs" | "year" | "years" => (365, "d"),
        "mo" | "mon" | "month" | "months" => (30, "d"),
        "wk" | "wks" | "week" | "weeks" => (1, "w"),
        "day" | "days" => (1, "d"),
        "hr" | "hrs" | "hour" | "hours" => (1, "h"),
        "min" | "mins" | "minute" | "minutes" => (1, "m"),
        "sec" | "secs" | "second" | "seconds" => (1, "s"),
        "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => (1, "ms"),
        "usec" | "usecs" | "micro" | "micros" | "microsecond" | "microseconds" => (1, "us"),
        "nsec" | "nsecs" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => (1, "ns"),
        word => (1, word),
    };
    unit_index(unit).map(|unit| (factor, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_are_understood() {
        for (text, meant) in [
            ("5 m", "5m"),
            ("5min", "5m"),
            ("5 minutes", "5m"),
            ("5M", "5m"),
            ("90 Seconds", "90s"),
            ("1 hour 30 mins", "1h30m"),
            ("1 hour and 30 minutes", "1h30m"),
            ("1h, 30m", "1h30m"),
            ("30m1h", "1h30m"),
            ("1m 30s", "1m30s"),
            ("1,5s", "1.5s"),
            ("250 millis", "250ms"),
            ("2 weeks", "2w"),
            ("1y", "365d"),
            ("3 months", "90d"),
            ("PT5M", "5m"),
            ("P1DT12H", "1d12h"),
            ("00:05:00", "5m"),
            ("01:00:30", "1h30s"),
        ] {
            assert_eq!(duration(text).as_deref(), Some(meant), "{text}");
            assert!(Nanos::parse(text).unwrap_err().hint().contains(&format!("`{meant}`")), "{text}");
        }
        for text in ["", "m", "5", "5x", "fast", "1m1m", "5m", "00:00:00", "12:30", "p95"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_told_what_it_could_be() {
        for (number, hint) in [
            ("30", "write `30s` for seconds, `30ms` for milliseconds"),
            ("0.5", "write `0.5s` for seconds, `0.5ms` for milliseconds"),
            ("1500", "write `1500ms` for milliseconds, `1500s` for seconds"),
            ("1500000000", "write `1s500ms` for 1500000000 nanoseconds"),
            ("1500000000.0", "write `1500000000.0s` for seconds, `1500000000.0ms` for milliseconds"),
        ] {
            assert_eq!(with_unit(number), hint);
        }
    }
}
