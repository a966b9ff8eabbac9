//! Times of the week on the clock of a place.
//!
//! A silence that begins at 22:00 and ends at 06:00 begins on each of its days and ends on the day after. A time of
//! day is **the first instant at which that day's clock shows it or a later time**: where the clock is put forward
//! over it, that is the jump itself; where it is put back, the first of the two. So no silence flickers, and one
//! that lies wholly in a skipped hour does not happen that day.

use fluo_time::moment;
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::expr::nearest::nearest;

/// The time zones that come with the program. Those of the machine are not looked at.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Recurring times of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Weekly {
    days: Vec<Day>,
    from: TimeOfDay,
    to: TimeOfDay,
    zone: Zone,
}

/// The reasons why times of the week cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeeklyError {
    /// Occurs when the list of days is empty.
    #[error("`days` lists no day; leave it out for every day")]
    NoDay,
    /// Occurs when beginning and end are the same.
    #[error("this begins and ends at {0}; the whole day is from 00:00 to 24:00")]
    Empty(TimeOfDay),
    /// Occurs when it would begin at 24:00.
    #[error("24:00 is the end of a day; begin at 00:00")]
    BeginsAtEnd,
    /// Occurs when a time of day is not `HH:MM`.
    #[error("`{0}` is not a time of day; write `22:00`")]
    NotATime(String),
    /// Occurs when a day is none.
    #[error("`{0}` is not a day; they are mon, tue, wed, thu, fri, sat and sun")]
    NotADay(String),
    /// Occurs when the zone is not in the IANA database.
    #[error("`{0}` is not in the IANA time zone database")]
    UnknownZone(String),
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(Weekday);

/// A time of day in whole minutes, up to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    minutes: u16,
}

/// A place's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Weekly {
    /// Every week on each of `days`, from `from` to `to` on the clock of `zone`; to the day after where `to` is not
    /// later than `from`.
    pub fn new(days: Vec<Day>, from: TimeOfDay, to: TimeOfDay, zone: Zone) -> Result<Self, WeeklyError> {
        if days.is_empty() {
            return Err(WeeklyError::NoDay);
        }
        if from == TimeOfDay::END {
            return Err(WeeklyError::BeginsAtEnd);
        }
        if from == to {
            return Err(WeeklyError::Empty(from));
        }
        Ok(Self { days, from, to, zone })
    }

    /// Returns whether this moment, ns since the epoch, is in it: beginnings belong to it, ends do not.
    pub fn active(&self, at_ns: i64) -> bool {
        let at = moment::timestamp(at_ns);
        let today = self.zone.0.to_datetime(at).date();
        // One that began yesterday may last until today; the others are for clocks that were put over midnight.
        (-2..=1).any(|days: i64| {
            let Ok(day) = today.checked_add(days.days()) else { return false };
            let next = i64::from(self.to <= self.from);
            let Ok(last) = day.checked_add(next.days()) else { return false };
            let listed = self.days.iter().any(|listed| listed.0 == day.weekday());
            listed
                && self.zone.first(day, self.from).is_some_and(|begin| begin <= at)
                && self.zone.first(last, self.to).is_some_and(|end| at < end)
        })
    }
}

impl Day {
    const NAMES: [(&str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];

    /// Every day, Monday first.
    pub fn all() -> Vec<Self> {
        Self::NAMES.iter().map(|(_, day)| Self(*day)).collect()
    }

    /// The days that a text names: `mon`, or from one to another, `fri..mon`.
    pub fn parse(text: &str) -> Result<Vec<Self>, WeeklyError> {
        let one = |name: &str| {
            let found = Self::NAMES.iter().position(|(known, _)| *known == name.trim());
            found.ok_or_else(|| WeeklyError::NotADay(name.trim().to_owned()))
        };
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (one(first)?, one(last)?),
            None => (one(text)?, one(text)?),
        };
        let days = (last + 7 - first) % 7 + 1;
        Ok(Self::all().into_iter().cycle().skip(first).take(days).collect())
    }

    /// The name that was perhaps meant.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        let name = name.trim();
        let beginning = name.get(..3).map(str::to_lowercase);
        let known = Self::NAMES.iter().map(|(name, _)| *name);
        known.clone().find(|known| beginning.as_deref() == Some(known)).or_else(|| nearest(name, known))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, day)| *day == self.0);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl TimeOfDay {
    const END: Self = Self { minutes: 24 * 60 };

    /// Reads `HH:MM` or `H:MM`, up to 24:00.
    pub fn parse(text: &str) -> Result<Self, WeeklyError> {
        let refused = || WeeklyError::NotATime(text.to_owned());
        let digits = |text: &str, lengths: &[usize]| {
            let plain = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hours, minutes) = text.split_once(':').ok_or_else(refused)?;
        let hours = digits(hours, &[1, 2]).ok_or_else(refused)?;
        let minutes = digits(minutes, &[2]).filter(|minutes| *minutes < 60).ok_or_else(refused)?;
        let time = Self { minutes: hours * 60 + minutes };
        if time <= Self::END { Ok(time) } else { Err(refused()) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl Zone {
    /// The clock that shows UTC.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The clock of a place in the IANA database: `Europe/Berlin`.
    pub fn get(name: &str) -> Result<Self, WeeklyError> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        ZONES.get(name).map(Self).map_err(|_| WeeklyError::UnknownZone(name.to_owned()))
    }

    /// The name that was perhaps meant.
    pub(crate) fn nearest(name: &str) -> Option<String> {
        let known: Vec<String> = ZONES.available().map(|name| name.to_string()).collect();
        nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
    }

    fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The first instant at which the clock of `day` shows `time` or later; none beyond the years that are told.
    fn first(&self, day: Date, time: TimeOfDay) -> Option<Timestamp> {
        let (day, minutes) =
            if time == TimeOfDay::END { (day.tomorrow().ok()?, 0) } else { (day, time.minutes) };
        let part = |number: u16| i8::try_from(number).ok();
        let time = Time::new(part(minutes / 60)?, part(minutes % 60)?, 0, 0).ok()?;
        let shown = self.0.to_ambiguous_timestamp(DateTime::from_parts(day, time));
        match shown.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => shown.earlier().ok(),
            AmbiguousOffset::Gap { .. } => {
                let before = shown.earlier().ok()?;
                self.0.following(before).next().map(|jump| jump.timestamp())
            }
        }
    }
}

/// Times of the week as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<Vec<String>>,
    from: String,
    to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
}

impl TryFrom<Written> for Weekly {
    type Error = WeeklyError;

    fn try_from(written: Written) -> Result<Self, WeeklyError> {
        let days = match written.days {
            Some(names) => {
                let days: Result<Vec<_>, _> = names.iter().map(|name| Day::parse(name)).collect();
                days?.concat()
            }
            None => Day::all(),
        };
        let zone = written.timezone.as_deref().map_or_else(|| Ok(Zone::utc()), Zone::get)?;
        Self::new(days, TimeOfDay::parse(&written.from)?, TimeOfDay::parse(&written.to)?, zone)
    }
}

impl From<Weekly> for Written {
    fn from(weekly: Weekly) -> Self {
        Self {
            days: Some(weekly.days.iter().map(Day::to_string).collect()),
            from: weekly.from.to_string(),
            to: weekly.to.to_string(),
            timezone: Some(weekly.zone.name().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly(days: &str, from: &str, to: &str, zone: &str) -> Weekly {
        let time = |text| TimeOfDay::parse(text).unwrap();
        Weekly::new(Day::parse(days).unwrap(), time(from), time(to), Zone::get(zone).unwrap()).unwrap()
    }

    /// Returns whether it is in force at each of these moments.
    fn check(weekly: &Weekly, moments: &[(&str, bool)]) {
        for (text, active) in moments {
            assert_eq!(weekly.active(moment::parse_rfc3339(text).unwrap()), *active, "{text} in {weekly:?}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        // 2026-11-20 is a Friday.
        check(
            &weekly("fri..sat", "22:00", "06:00", "UTC"),
            &[
                ("2026-11-20T21:59:59.999999999Z", false),
                ("2026-11-20T22:00:00Z", true),
                ("2026-11-21T05:59:59.999999999Z", true),
                ("2026-11-21T06:00:00Z", false),
                ("2026-11-21T22:00:00Z", true),
                ("2026-11-22T05:59:00Z", true),
                ("2026-11-22T22:00:00Z", false),
                ("2026-11-20T05:00:00Z", false),
            ],
        );
    }

    #[test]
    fn whole_days_end_at_midnight() {
        check(
            &weekly("sun", "00:00", "24:00", "America/New_York"),
            &[
                ("2026-11-22T04:59:59Z", false),
                ("2026-11-22T05:00:00Z", true),
                ("2026-11-23T04:59:59Z", true),
                ("2026-11-23T05:00:00Z", false),
            ],
        );
        let all_week = weekly("mon..sun", "00:00", "24:00", "Europe/Berlin");
        let start = moment::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        for hour in 0..24 * 366 {
            assert!(all_week.active(start + hour * 3_600_000_000_000), "hour {hour}");
        }
    }

    #[test]
    fn the_clock_put_forward_shortens_the_night() {
        // Berlin, 2026-03-29: at 01:00Z the clock jumps from 02:00 to 03:00.
        check(
            &weekly("sat", "22:00", "06:00", "Europe/Berlin"),
            &[
                ("2026-03-28T20:59:59Z", false),
                ("2026-03-28T21:00:00Z", true),
                ("2026-03-29T03:59:59Z", true),
                ("2026-03-29T04:00:00Z", false),
            ],
        );
        let into_the_gap = weekly("sun", "01:00", "02:30", "Europe/Berlin");
        check(&into_the_gap, &[("2026-03-29T00:59:59Z", true), ("2026-03-29T01:00:00Z", false)]);
        let out_of_the_gap = weekly("sun", "02:30", "04:00", "Europe/Berlin");
        check(
            &out_of_the_gap,
            &[
                ("2026-03-29T00:59:59Z", false),
                ("2026-03-29T01:00:00Z", true),
                ("2026-03-29T01:59:59Z", true),
                ("2026-03-29T02:00:00Z", false),
            ],
        );
        let inside = weekly("sun", "02:10", "02:50", "Europe/Berlin");
        for minute in 0..120 {
            let at = moment::parse_rfc3339("2026-03-29T00:00:00Z").unwrap() + minute * 60_000_000_000;
            assert!(!inside.active(at), "minute {minute}");
        }
    }

    #[test]
    fn the_clock_put_back_lengthens_the_night() {
        // Berlin, 2026-10-25: at 01:00Z the clock goes from 03:00 back to 02:00.
        check(
            &weekly("sat", "22:00", "06:00", "Europe/Berlin"),
            &[
                ("2026-10-24T19:59:59Z", false),
                ("2026-10-24T20:00:00Z", true),
                ("2026-10-25T04:59:59Z", true),
                ("2026-10-25T05:00:00Z", false),
            ],
        );
        // 02:30 is there twice; the first counts, and the silence does not come back.
        let into_the_fold = weekly("sun", "01:00", "02:30", "Europe/Berlin");
        check(
            &into_the_fold,
            &[
                ("2026-10-24T23:00:00Z", true),
                ("2026-10-25T00:29:59Z", true),
                ("2026-10-25T00:30:00Z", false),
                ("2026-10-25T01:15:00Z", false),
            ],
        );
        let out_of_the_fold = weekly("sun", "02:30", "04:00", "Europe/Berlin");
        check(
            &out_of_the_fold,
            &[
                ("2026-10-25T00:29:59Z", false),
                ("2026-10-25T00:30:00Z", true),
                ("2026-10-25T01:15:00Z", true),
                ("2026-10-25T02:59:59Z", true),
                ("2026-10-25T03:00:00Z", false),
            ],
        );
    }

    #[test]
    fn far_ends_of_time_are_answered() {
        for zone in ["UTC", "Europe/Berlin", "Pacific/Apia", "America/New_York"] {
            let weekly = weekly("mon..sun", "00:00", "24:00", zone);
            assert!(weekly.active(i64::MIN) && weekly.active(i64::MAX), "{zone}");
        }
        // Samoa had no 2011-12-30.
        let skipped = weekly("fri", "00:00", "24:00", "Pacific/Apia");
        check(&skipped, &[("2011-12-30T09:59:59Z", false), ("2011-12-30T10:00:00Z", false)]);
    }

    #[test]
    fn days_and_times_are_read_as_written() {
        let names = |text: &str| {
            Day::parse(text).map(|days| days.iter().map(Day::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("wed").as_deref(), Ok("wed"));
        assert_eq!(names("mon..fri").as_deref(), Ok("mon tue wed thu fri"));
        assert_eq!(names("sat .. mon").as_deref(), Ok("sat sun mon"));
        assert_eq!(names("wed..wed").as_deref(), Ok("wed"));
        assert!(names("monday").is_err() && names("").is_err() && names("mon..").is_err());
        for (text, shown) in [("22:00", "22:00"), ("6:05", "06:05"), ("24:00", "24:00"), ("00:00", "00:00")] {
            assert_eq!(TimeOfDay::parse(text).unwrap().to_string(), shown);
        }
        for text in
            ["", "22", "24:01", "25:00", "12:60", "1:5", "-1:00", "+1:00", "12:00:00", "99999:00", "１:00"]
        {
            assert!(TimeOfDay::parse(text).is_err(), "{text}");
        }
        assert_eq!(Zone::nearest("Europe/Berln").as_deref(), Some("Europe/Berlin"));
        assert_eq!(Day::nearest("Monday"), Some("mon"));
    }
}
