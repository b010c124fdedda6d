//! Everything this program tells people while it runs. Never a secret; of what a client sent nothing but the names in a
//! question, escaped.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::Path,
};

use crate::{Answer, Error, RelyingParty, Request};

/// Longest name of an account that is shown, in characters. Relying party ids are never cut: their ends count.
const MAX_USER_LENGTH: usize = 64;

/// A question that was shown and can no longer be answered.
pub(crate) const WITHDRAWN: &str = "\nsoftkey: nobody waits for the touch any more\n";

/// The one line on standard output, for scripts to wait for.
pub(crate) fn ready(socket: &Path) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "softkey: ready on {}", socket.display())?;
    output.flush()
}

/// Says at start what becomes of touches.
pub(crate) fn presence(answer: Answer) {
    complain(match answer {
        Answer::Ask => "touches are asked for on this terminal",
        Answer::Auto => {
            "WARNING: --presence auto: this key touches itself. Every program that reaches its socket gets \
             signatures, and nobody is asked. For tests only."
        }
        Answer::Deny => "--presence deny: every touch is declined",
        Answer::Never => "--presence never: nobody touches this key",
    });
}

/// A directory without a state file got one.
pub(crate) fn new_key(state: &Path) {
    complain(&format!("made a new, empty key in {}", state.display()));
}

/// A change was not made durable; the client gets CTAP2_ERR_VENDOR_HARDWARE_FAILURE (0xF3).
pub(crate) fn change_lost(error: &Error) {
    complain(&error.to_string());
}

/// Asks for a touch, without a new line: the answer is typed behind it.
pub(crate) fn question(request: &Request) -> String {
    let wish = match request {
        Request::Registration { relying_party, user } => {
            let mut wish = format!("{} wants to register this key", name_party(relying_party));
            if let Some(user) = user {
                wish.push_str(" for ");
                wish.push_str(&quote(user, MAX_USER_LENGTH));
            }
            wish
        }
        Request::Signature { relying_party, users } => {
            format!(
                "{} wants a signature{}",
                name_party(relying_party),
                name_users(users)
            )
        }
        Request::Reset => "a program wants to ERASE this key, with every credential and the PIN".to_owned(),
        Request::Selection => "a program wants to know whether you mean this key".to_owned(),
    };
    format!("softkey: {wish}. Touch? [y/N] ")
}

/// A question that cannot be answered where the program is.
pub(crate) fn question_in_background(question: &[u8]) -> Vec<u8> {
    [question, b"(softkey is in the background: answer after fg)\n"].concat()
}

fn name_party(party: &RelyingParty) -> String {
    match party {
        RelyingParty::Id(id) => quote(id, usize::MAX),
        RelyingParty::Application(hash) => {
            let mut name = "U2F application ".to_owned();
            for byte in hash {
                // Writing to a String cannot fail.
                let _ = write!(name, "{byte:02x}");
            }
            name
        }
    }
}

fn name_users(users: &[String]) -> String {
    match users {
        [] => String::new(),
        [user] => format!(" for {}", quote(user, MAX_USER_LENGTH)),
        [latest, .., _] => format!(
            " for {} and for {} more of its accounts",
            quote(latest, MAX_USER_LENGTH),
            users.len() - 1
        ),
    }
}

/// A name as it is if it is one word of printable characters; otherwise in quotation marks, escaped, so that it can
/// neither move the cursor nor pass for a part of the question.
fn quote(name: &str, longest: usize) -> String {
    let is_plain =
        |character: char| character == '\'' || (character != ' ' && character.escape_debug().len() == 1);
    if !name.is_empty() && name.chars().all(is_plain) && name.chars().count() <= longest {
        return name.to_owned();
    }
    let mut quoted = "\"".to_owned();
    for character in name.chars().take(longest) {
        if character == '\'' {
            quoted.push(character);
        } else {
            quoted.extend(character.escape_debug());
        }
    }
    if name.chars().count() > longest {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}

fn complain(text: &str) {
    // A closed standard error is no reason to stop serving.
    let _ = writeln!(io::stderr(), "softkey: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(party: &str, user: Option<&str>) -> Request {
        Request::Registration {
            relying_party: RelyingParty::Id(party.to_owned()),
            user: user.map(str::to_owned),
        }
    }

    fn signature(users: &[&str]) -> Request {
        Request::Signature {
            relying_party: RelyingParty::Id("example.com".to_owned()),
            users: users.iter().map(|user| (*user).to_owned()).collect(),
        }
    }

    #[test]
    fn a_registration_names_party_and_user() {
        assert_eq!(
            question(&registration("krb5realm:EXAMPLE.COM", Some("alice@EXAMPLE.COM"))),
            "softkey: krb5realm:EXAMPLE.COM wants to register this key for alice@EXAMPLE.COM. Touch? [y/N] "
        );
        assert_eq!(
            question(&registration("example.com", None)),
            "softkey: example.com wants to register this key. Touch? [y/N] "
        );
    }

    #[test]
    fn a_signature_names_the_users_that_are_known() {
        for (users, text) in [
            (&[][..], ""),
            (&["alice@EXAMPLE.COM"], " for alice@EXAMPLE.COM"),
            (&["bob", "eve", "al"], " for bob and for 2 more of its accounts"),
        ] {
            assert_eq!(
                question(&signature(users)),
                format!("softkey: example.com wants a signature{text}. Touch? [y/N] ")
            );
        }
    }

    #[test]
    fn an_unknown_application_is_named_by_its_hash() {
        let request = Request::Signature {
            relying_party: RelyingParty::Application([0xa5; 32]),
            users: vec![],
        };
        assert_eq!(
            question(&request),
            format!(
                "softkey: U2F application {} wants a signature. Touch? [y/N] ",
                "a5".repeat(32)
            )
        );
    }

    #[test]
    fn a_reset_says_what_would_be_lost() {
        assert!(question(&Request::Reset).contains("ERASE this key, with every credential and the PIN"));
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        for name in [
            "alice@EXAMPLE.COM",
            "O'Brien",
            "krb5realm:EXAMPLE.COM",
            "Zoë",
            "山田",
        ] {
            assert_eq!(quote(name, 64), name);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (name, quoted) in [
            ("a\nb", r#""a\nb""#),
            ("a\rb", r#""a\rb""#),
            ("\u{1b}[2J", r#""\u{1b}[2J""#),
            ("\u{9b}2J", r#""\u{9b}2J""#),
            ("a\u{7f}\u{8}", r#""a\u{7f}\u{8}""#),
            ("\0", r#""\0""#),
        ] {
            assert_eq!(quote(name, 64), quoted);
        }
    }

    #[test]
    fn what_deceives_the_eye_is_escaped() {
        for (name, quoted) in [
            ("a\u{202e}b", r#""a\u{202e}b""#),
            ("a\u{200b}b", r#""a\u{200b}b""#),
            ("a\u{a0}b", r#""a\u{a0}b""#),
            ("a\u{2028}b", r#""a\u{2028}b""#),
            ("a\u{301}b", r#""a\u{301}b""#),
        ] {
            assert_eq!(quote(name, 64), quoted);
        }
    }

    #[test]
    fn a_name_cannot_pass_for_a_part_of_the_question() {
        assert_eq!(
            quote("a wants a signature for b", 64),
            "\"a wants a signature for b\""
        );
        assert_eq!(quote("a\" wants", 64), r#""a\" wants""#);
        assert_eq!(quote("a\\", 64), r#""a\\""#);
        assert_eq!(quote("", 64), "\"\"");
    }

    #[test]
    fn long_users_are_cut_and_long_parties_are_not() {
        let long = "x".repeat(65);
        assert_eq!(quote(&long, MAX_USER_LENGTH), format!("\"{}…\"", "x".repeat(64)));
        assert!(question(&registration(&long, None)).contains(&long));
    }
}
