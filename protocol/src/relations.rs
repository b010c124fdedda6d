//! krb5.conf and kdc.conf, brought in by the caller.

/// The relations of a configuration, by the sections that lead to them.
pub trait Relations {
    /// What the implementation fails with.
    type Error;

    /// All values of the relation at `path`, none if there is none.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn values(&self, path: &[&str]) -> Result<Vec<String>, Self::Error>;

    /// The names of the relations of the section at `path`.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn relations(&self, path: &[&str]) -> Result<Vec<String>, Self::Error>;

    /// The names of the subsections of the section at `path`.
    ///
    /// # Errors
    /// Whatever the implementation fails with.
    fn subsections(&self, path: &[&str]) -> Result<Vec<String>, Self::Error>;

    /// Seconds of a duration such as `90s` or `8h`, as krb5 reads it; none for anything else.
    fn parse_duration(&self, text: &str) -> Option<u32>;

    /// The first value of the relation at `path`.
    ///
    /// # Errors
    /// As [`Self::values`].
    fn value(&self, path: &[&str]) -> Result<Option<String>, Self::Error> {
        Ok(self.values(path)?.into_iter().next())
    }
}
