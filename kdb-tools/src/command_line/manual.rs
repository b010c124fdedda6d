//! What a manual page has besides the command line.

use core::fmt;

/// The last sections of a manual page, which end the long help, too.
#[derive(Debug)]
pub struct Manual {
    /// The section that the page is in.
    pub section: &'static str,
    /// What that section holds.
    pub title: &'static str,
    /// What each exit status means.
    pub exit_status: &'static [(&'static str, &'static str)],
    /// What is read and written.
    pub files: &'static [(&'static str, &'static str)],
    /// Other pages, as name and section.
    pub see_also: &'static [(&'static str, &'static str)],
}

impl fmt::Display for Manual {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, entries) in [("Exit status:", self.exit_status), ("Files:", self.files)] {
            writeln!(formatter, "{heading}")?;
            for (name, meaning) in entries {
                writeln!(formatter, "  {name}: {meaning}")?;
            }
            writeln!(formatter)?;
        }
        let pages: Vec<String> = self
            .see_also
            .iter()
            .map(|(page, section)| format!("{page}({section})"))
            .collect();
        write!(formatter, "See also: {}", pages.join(", "))
    }
}
