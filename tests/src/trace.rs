//! What libkrb5 writes to KRB5_TRACE, fit to be compared with another trace.

/// The lines of a trace without what differs from login to login: process and time, random values and what is made of
/// them, sizes, and how each message was transported, which depends on how fast the KDC answers. The SPAKE result, which
/// the stock module shows and ours keeps to itself, is hidden; so is that ours looks at PA-ETYPE-INFO2, which tells it of a
/// ticket.
pub fn comparable_lines(trace: &str) -> Vec<String> {
    trace
        .lines()
        .filter_map(|line| line.split_once(": ").map(|(_, text)| text))
        .filter(|text| !OF_TRANSPORT.iter().any(|start| text.starts_with(start)))
        .filter(|text| *text != LOOKED_AT)
        .map(hide_values)
        .collect()
}

/// The comparable lines that the client's SPAKE module wrote itself.
pub fn module_lines(trace: &str) -> Vec<String> {
    let mut lines = comparable_lines(trace);
    lines.retain(|text| OF_MODULE.iter().any(|start| text.starts_with(start)));
    lines
}

const LOOKED_AT: &str = "Preauth module spake (19) (info) returned: 0/Success";

const OF_TRANSPORT: [&str; 10] = [
    "Resolving hostname ",
    "Sending initial UDP request ",
    "Sending retry UDP request ",
    "Initiating TCP connection ",
    "Sending TCP request ",
    "Received answer (",
    "Terminating TCP connection ",
    "TCP error ",
    "UDP error ",
    "Response was ",
];

const OF_MODULE: [&str; 5] = [
    "SPAKE ",
    "Sending SPAKE ",
    "Unrecognized SPAKE ",
    "SF-FIDO ",
    "Sending SF-FIDO ",
];

/// Whether a trace keeps the SPAKE result to itself, which the stock module shows.
pub fn hides_result(trace: &str) -> bool {
    trace
        .lines()
        .filter_map(|line| line.split_once("SPAKE algorithm result: "))
        .all(|(_, result)| result == "(hidden)")
}

/// What follows these is random, or depends on the time, in value and length.
const HIDDEN_RESTS: [&str; 3] = [
    "SPAKE algorithm result: ",
    "Received cookie: MIT1",
    "Encrypted timestamp (for ",
];

fn hide_values(text: &str) -> String {
    if let Some(start) = HIDDEN_RESTS.iter().find(|start| text.starts_with(*start)) {
        return format!("{start}(hidden)");
    }
    let words: Vec<&str> = text.split(' ').collect();
    let shown = words.iter().enumerate().map(|(place, word)| {
        let before = place.checked_sub(1).map_or("", |place| words[place]);
        let is_size = words.get(place + 1) == Some(&"bytes)");
        hide_word(word, is_size || before == "seqnum")
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// A word without its value; punctuation around it stays.
fn hide_word(word: &str, is_random_number: bool) -> String {
    let start = word.trim_start_matches('(');
    let core = start.trim_end_matches([',', '.', ':', ';', ')']);
    let (before, after) = (&word[..word.len() - start.len()], &start[core.len()..]);
    let hidden = match core.rsplit_once('/') {
        _ if is_hexadecimal(core) && core.len() >= 32 => format!("<{} octets>", core.len() / 2),
        // A key is shown as its type and two octets of its checksum.
        Some((enctype, checksum)) if checksum.len() == 4 && is_hexadecimal(checksum) => {
            format!("{enctype}/<key>")
        }
        _ if core.starts_with("MEMORY:") => "MEMORY:<cache>".to_owned(),
        _ if is_random_number || is_time(core) => "<number>".to_owned(),
        _ => core.to_owned(),
    };
    format!("{before}{hidden}{after}")
}

fn is_hexadecimal(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Seconds since 1970 with a fraction.
fn is_time(word: &str) -> bool {
    word.len() > 10 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparable(text: &str) -> String {
        comparable_lines(&format!("[123] 1795450956.077609: {text}\n")).concat()
    }

    #[test]
    fn random_values_are_hidden() {
        for (text, expected) in [
            (
                "SPAKE algorithm result: AFFA99",
                "SPAKE algorithm result: (hidden)",
            ),
            (
                "SPAKE algorithm result: (hidden)",
                "SPAKE algorithm result: (hidden)",
            ),
            ("Received cookie: MIT1\\x00 a b", "Received cookie: MIT1(hidden)"),
            ("Received cookie: MIT", "Received cookie: MIT"),
            (
                "SPAKE key generated with pubkey E33F0C328B78490A14D9E2A63766463B1504EDAF55B809D14D35DBD870A3B1B6",
                "SPAKE key generated with pubkey <32 octets>",
            ),
            (
                "Decrypted AS reply; session key is: aes256-cts/4ECC",
                "Decrypted AS reply; session key is: aes256-cts/<key>",
            ),
            (
                "Creating authenticator for a@B -> c/d@B, seqnum 24574, subkey aes128-sha2/104F, session key aes256-cts/6DC9",
                "Creating authenticator for a@B -> c/d@B, seqnum <number>, subkey aes128-sha2/<key>, session key aes256-cts/<key>",
            ),
            (
                "Read AP-REP, time 1795451021.91540, subkey aes256-cts/2121, seqnum 7",
                "Read AP-REP, time <number>, subkey aes256-cts/<key>, seqnum <number>",
            ),
            (
                "Sending request (181 bytes) to R",
                "Sending request (<number> bytes) to R",
            ),
            (
                "Encrypted timestamp (for 1795450956.0776): plain 301AA011180F32303236",
                "Encrypted timestamp (for (hidden)",
            ),
            (
                "Initializing MEMORY:7NerkaC with default princ bob@R",
                "Initializing MEMORY:<cache> with default princ bob@R",
            ),
        ] {
            assert_eq!(comparable(text), expected);
        }
    }

    #[test]
    fn what_the_module_decides_stays() {
        for text in [
            "SPAKE challenge with group 1 rejected",
            "Produced preauth for next request: PA-FX-COOKIE (133), PA-SPAKE (151)",
            "Received error from KDC: -1765328359/Additional pre-authentication required",
            "Selected etype info: etype aes256-cts, salt \"KRBTEST.COMbob\", params \"\"",
        ] {
            assert_eq!(comparable(text), text);
        }
    }

    #[test]
    fn transport_is_left_out() {
        assert_eq!(
            comparable("Sending retry UDP request to dgram 127.0.0.1:26484"),
            ""
        );
    }
}
