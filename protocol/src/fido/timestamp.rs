//! Times in records and invitations: RFC 3339, which allows offsets.

use time::{OffsetDateTime, UtcDateTime, format_description::well_known::Rfc3339};

/// Reads a time; `None` for what is none, or lies outside the years of four digits once its offset is taken off.
pub(super) fn parse(text: &str) -> Option<UtcDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_utc();
    time.filter(|time| time.year() >= 0)
}

/// Writes a time, cut to the second; `None` if it has no year of four digits.
pub(super) fn format(time: UtcDateTime) -> Option<String> {
    time.truncate_to_second().format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_taken_off() {
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T05:04:05+02:00",
            "2026-01-01T22:04:05-05:00",
        ] {
            assert_eq!(
                parse(text).and_then(format).as_deref(),
                Some("2026-01-02T03:04:05Z")
            );
        }
    }

    #[test]
    fn ends_of_the_calendar_are_no_trap() {
        for text in [
            "9999-12-31T23:59:59-05:00",
            "0000-01-01T00:00:00+05:00",
            "never",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("9999-12-31T23:59:59Z").is_some());
        assert!(parse("0000-01-01T00:00:00Z").is_some());
    }
}
