//! Text of the results, in Markdown.

use std::fmt::Write as _;

use crate::{case::Cost, statistics::Summary};

/// A part of the document.
#[derive(Debug)]
pub(crate) struct Section {
    title: &'static str,
    text: String,
}

impl Section {
    pub(crate) const fn new(title: &'static str, text: String) -> Self {
        Self { title, text }
    }

    pub(crate) fn render(&self) -> String {
        format!("## {}\n\n{}\n", self.title, wrap(self.text.trim_end()))
    }
}

/// The longest line of a document, but for tables.
const LINE_MAX: usize = 120;

/// Breaks paragraphs into lines.
pub(crate) fn wrap(text: &str) -> String {
    text.split('\n').map(wrap_line).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str) -> String {
    if line.starts_with('|') {
        return line.to_owned();
    }
    let mut wrapped = String::new();
    let mut length = 0;
    for word in line.split(' ') {
        let added = word.chars().count() + 1;
        if length > 0 {
            let fits = length + added <= LINE_MAX;
            wrapped.push(if fits { ' ' } else { '\n' });
            length = if fits { length } else { 0 };
        }
        wrapped += word;
        length += added;
    }
    wrapped
}

/// What a cost is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// CPU time.
    Microseconds,
    /// Instructions; tables give thousands.
    Instructions,
}

/// A table; columns behind the first are numbers.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!(
        "| {} |\n|---|{}\n",
        header.join(" | "),
        "--:|".repeat(header.len() - 1)
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// One line for each case.
pub(crate) fn cost_table(costs: &[Cost], unit: Unit) -> String {
    match unit {
        Unit::Microseconds => table(
            &["login", "group", "credentials", "workers", "µs", "ratio to stock"],
            &costs.iter().map(time_row).collect::<Vec<_>>(),
        ),
        Unit::Instructions => table(
            &[
                "login",
                "group",
                "credentials",
                "thousands",
                "of them in the module",
                "ratio to stock",
            ],
            &costs.iter().map(instruction_row).collect::<Vec<_>>(),
        ),
    }
}

fn time_row(cost: &Cost) -> Vec<String> {
    let mut row = name_case(cost);
    row.extend([
        cost.case.workers.to_string(),
        spread(cost.amount, 0),
        spread(cost.ratio, 2),
    ]);
    row
}

fn instruction_row(cost: &Cost) -> Vec<String> {
    let mut row = name_case(cost);
    row.extend([
        number(cost.amount.median / 1e3, 0),
        number(cost.module.unwrap_or(f64::NAN) / 1e3, 0),
        number(cost.ratio.median, 2),
    ]);
    row
}

fn name_case(cost: &Cost) -> Vec<String> {
    let case = cost.case;
    vec![
        case.kind.name().to_owned(),
        case.group.name().to_owned(),
        case.credentials.to_string(),
    ]
}

/// A median with the percentiles around it.
pub(crate) fn spread(summary: Summary, decimals: usize) -> String {
    let [median, low, high] =
        [summary.median, summary.low, summary.high].map(|value| number(value, decimals));
    format!("{median} [{low}, {high}]")
}

/// A number with separated thousands.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let end = text.find('.').unwrap_or(text.len());
    let (whole, fraction) = text.split_at_checked(end).unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-').len();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if left % 3 == 0 && left < digits {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (value, decimals, text) in [
            (0.0, 0, "0"),
            (999.0, 0, "999"),
            (1000.0, 0, "1,000"),
            (-123_456.78, 1, "-123,456.8"),
            (-999.0, 0, "-999"),
            (3_171_332.0, 0, "3,171,332"),
            (0.694, 2, "0.69"),
        ] {
            assert_eq!(number(value, decimals), text);
        }
    }

    #[test]
    fn paragraphs_are_broken_and_tables_are_not() {
        let words = ["word"; 30].join(" ");
        let table = format!("| {words} |");
        let wrapped = wrap(&format!("{words}\n\n{table}"));
        let lines: Vec<&str> = wrapped.lines().collect();
        assert_eq!(
            lines,
            [
                ["word"; 24].join(" ").as_str(),
                &["word"; 6].join(" "),
                "",
                &table
            ]
        );
    }

    #[test]
    fn tables_are_markdown() {
        let rows = [vec!["a".to_owned(), "1".to_owned()]];
        assert_eq!(
            table(&["what", "n"], &rows),
            "| what | n |\n|---|--:|\n| a | 1 |\n"
        );
    }
}
