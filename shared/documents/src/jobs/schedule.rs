//! When a job is due: `rate(5 minutes)` or `cron(0 12 ? * MON-FRI *)`, as `EventBridge` writes them, in UTC.
//!
//! Fields of `cron`: minutes, hours, day of month, month, day of week (1 is Sunday), year; one of the two days is `?`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use kernel::Timestamp;

/// A schedule that was understood.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Rate(Duration),
    Cron(Box<Cron>),
}

/// The text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `rate(5 minutes)` or `cron(0 12 ? * MON-FRI *)`")]
pub struct InvalidSchedule;

impl Schedule {
    /// The first time after `now`; `None` when there is none any more.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(every) => now.checked_add(*every).ok(),
            Kind::Cron(cron) => {
                let next = cron.find_next_occurrence(&now.to_zoned(TimeZone::UTC), false).ok()?;
                Some(next.timestamp())
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let kind = match (inner("rate"), inner("cron")) {
            (Some(rate), _) => Kind::Rate(parse_rate(rate).ok_or(InvalidSchedule)?),
            (None, Some(cron)) => Kind::Cron(Box::new(parse_cron(cron).ok_or(InvalidSchedule)?)),
            (None, None) => return Err(InvalidSchedule),
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

/// `1 minute`, `5 minutes`: the unit agrees with the number.
fn parse_rate(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_once(' ')?;
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let unit = if number == 1 { unit } else { unit.strip_suffix('s')? };
    let seconds = match unit {
        "minute" => 60,
        "hour" => 3600,
        "day" => 24 * 3600,
        _ => return None,
    };
    Some(Duration::from_secs(seconds) * number)
}

fn parse_cron(text: &str) -> Option<Cron> {
    let fields: Vec<&str> = text.split(' ').collect();
    let &[_, _, day, _, weekday, _] = fields.as_slice() else { return None };
    // Exactly one of them says nothing.
    if (day == "?") == (weekday == "?") {
        return None;
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build();
    parser.parse(&format!("0 {text}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, now: &str) -> Option<String> {
        let next = schedule.parse::<Schedule>().unwrap().next(now.parse().unwrap());
        next.map(|next| next.to_string())
    }

    #[test]
    fn schedules_are_due_when_eventbridge_says() {
        // 2027-01-15 is a Friday.
        for (schedule, now, wanted) in [
            ("rate(1 minute)", "2027-01-15T08:00:30Z", "2027-01-15T08:01:30Z"),
            ("rate(12 hours)", "2027-01-15T08:00:00Z", "2027-01-15T20:00:00Z"),
            ("cron(0 12 * * ? *)", "2027-01-15T12:00:00Z", "2027-01-16T12:00:00Z"),
            ("cron(0/10 * ? * MON-FRI *)", "2027-01-15T23:55:00Z", "2027-01-18T00:00:00Z"),
            ("cron(15 10 ? * 6 *)", "2027-01-15T10:15:00Z", "2027-01-22T10:15:00Z"),
            ("cron(0 8 1 * ? *)", "2027-01-15T08:00:00Z", "2027-02-01T08:00:00Z"),
            ("cron(0 8 L * ? *)", "2027-01-15T08:00:00Z", "2027-01-31T08:00:00Z"),
            ("cron(0 8 ? * 2#1 *)", "2027-01-15T08:00:00Z", "2027-02-01T08:00:00Z"),
            ("cron(30 6 29 2 ? *)", "2027-01-15T08:00:00Z", "2028-02-29T06:30:00Z"),
        ] {
            assert_eq!(next(schedule, now).as_deref(), Some(wanted), "{schedule}");
        }
        assert_eq!(next("cron(0 0 1 1 ? 2020)", "2027-01-15T08:00:00Z"), None);
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for bad in [
            "",
            "rate()",
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(-1 days)",
            "rate(5 weeks)",
            "cron(0 12 * * *)",
            "cron(0 12 * * * *)",
            "cron(0 12 ? * ? *)",
            "cron(60 12 * * ? *)",
            "0 12 * * ? *",
        ] {
            assert_eq!(bad.parse::<Schedule>().unwrap_err(), InvalidSchedule, "{bad}");
        }
    }
}
