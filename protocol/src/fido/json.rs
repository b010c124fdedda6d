//! JSON of which no member is lost unseen.

use serde_json::Value;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not JSON (RFC 8259), or nested deeper than 128 levels.
    Malformed,
    /// An object has two members of one name.
    Repeated,
}

/// Reads one JSON value that nothing but white space may follow.
pub(super) fn parse(json: &str) -> Result<Value, Refused> {
    let value: Value = serde_json::from_str(json).map_err(|_| Refused::Malformed)?;
    if has_repeated_members(json, &value) {
        return Err(Refused::Repeated);
    }
    Ok(value)
}

/// Whether an object of well-formed JSON, read into `value`, has two members of one name: `value` has the last of them.
pub fn has_repeated_members(json: &str, value: &Value) -> bool {
    count_members(value) != count_written_members(json)
}

/// Members of all objects in `value`. serde_json keeps the last of two with one name, so there are fewer of them than
/// [`count_written_members`] if any was repeated.
fn count_members(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.len() + members.values().map(count_members).sum::<usize>(),
        Value::Array(elements) => elements.iter().map(count_members).sum(),
        _ => 0,
    }
}

/// Members of all objects in well-formed JSON: colons outside strings.
fn count_written_members(json: &str) -> usize {
    let mut count = 0;
    let mut bytes = json.bytes();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => drop(bytes.next()),
            b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}
