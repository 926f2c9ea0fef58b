//! Dated versions of the contract.

/// A version. What it is like is said by the steps that lead from it to the newest (`changes`).
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    /// `2026-11-01`: the day it was published.
    pub date: &'static str,
    /// For one that will end.
    pub end: Option<End>,
}

/// When a version was given notice, and when it is over: then it is removed from here, and unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// The `Deprecation` field (RFC 9745): epoch seconds after an `@`.
    pub deprecation: &'static str,
    /// The `Sunset` field (RFC 8594): an HTTP date.
    pub sunset: &'static str,
}

/// All of them, oldest first.
pub static VERSIONS: [Version; 3] = [
    Version {
        date: "2026-03-01",
        end: Some(End { deprecation: "@1793491200", sunset: "Mon, 01 Nov 2027 00:00:00 GMT" }),
    },
    Version { date: "2026-07-01", end: None },
    Version { date: "2026-11-01", end: None },
];

impl Version {
    /// The version with this date.
    #[must_use]
    pub fn dated(date: &str) -> Option<&'static Self> {
        VERSIONS.iter().find(|version| version.date == date)
    }

    /// What a consumer gets that has not said what it wants.
    #[must_use]
    pub fn newest() -> &'static Self {
        &VERSIONS[VERSIONS.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    #[test]
    fn versions_are_in_order_and_the_newest_has_no_end() {
        assert!(VERSIONS.is_sorted_by(|a, b| a.date < b.date));
        assert_eq!(Version::newest().end, None);
        assert_eq!(Version::dated("2026-07-01"), Some(&VERSIONS[1]));
        assert_eq!(Version::dated("2026-7-1"), None);
    }

    #[test]
    fn an_end_is_told_in_the_words_of_its_standards_and_a_year_ahead() {
        for End { deprecation, sunset } in VERSIONS.iter().filter_map(|version| version.end.as_ref()) {
            let noticed: i64 = deprecation.strip_prefix('@').unwrap().parse().unwrap();
            let year: i64 = sunset.split(' ').nth(3).unwrap().parse().unwrap();
            let over: Vec<Timestamp> = (1..=12)
                .flat_map(|month| (1..=28).map(move |day| (month, day)))
                .map(|(month, day)| format!("{year}-{month:02}-{day:02}T00:00:00Z").parse().unwrap())
                .collect();
            let over = over.iter().find(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string() == *sunset).unwrap();
            assert!(over.as_second() - noticed >= 365 * 24 * 3600, "{sunset}");
        }
    }
}
