//! kdb5_fido export: keys and settings of principals, as a document.

use std::path::Path;

use krb5_fido_tools::{Error, check_replaceable, print, write_private};
use serde_json::json;

use crate::commands::Site;

pub(crate) fn run(
    site: &Site<'_>,
    principals: &[String],
    out: Option<&Path>,
    force: bool,
) -> Result<(), Error> {
    let Some(out) = out.filter(|out| *out != Path::new("-")) else {
        return print(&site.keys.export(principals)?.encode()).map_err(Error::Output);
    };
    // Before the database is read.
    check_replaceable(out, force)?;
    let document = site.keys.export(principals)?;
    write_private(out, &document.encode(), force)?;
    let count = document.principals.len();
    let text = match site.as_json {
        true => format!(
            "{}\n",
            json!({"principals": count, "file": out.display().to_string()})
        ),
        false => format!("Exported {} to {}.\n", tell_count(count), out.display()),
    };
    print(&text).map_err(Error::OutputAfterChange)
}

fn tell_count(count: usize) -> String {
    match count {
        1 => "1 principal".to_owned(),
        count => format!("{count} principals"),
    }
}
