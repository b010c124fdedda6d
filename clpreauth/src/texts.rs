//! Everything that people read, in one place.

use krb5_fido_protocol::{
    fido::factor::{NoticeCode, is_page},
    helper::{Failure, PinReason, PinWanted},
};

/// From here on the attempts that are left are worth a warning.
const FEW_RETRIES: u8 = 3;

const GIVE_UP: &str = "Press Enter alone to give up.";

/// The banner while keys wait for a touch.
pub(crate) fn touch_now(realm: &str, products: &[String]) -> String {
    match products {
        [product] => format!("Touch your security key ({product}) to log in to {realm}."),
        several => format!(
            "Touch one of your security keys ({}) to log in to {realm}.",
            several.join(", ")
        ),
    }
}

/// The banner while no attached key will do.
pub(crate) fn waiting(cause: &Failure, principal: &str, realm: &str) -> String {
    let text = failure(cause, principal, realm);
    match cause {
        Failure::NoKey | Failure::WrongKey { .. } => format!("{text} to log in to {realm}."),
        _ => format!("{text}. Waiting for a key registered for {principal} to log in to {realm}."),
    }
}

/// The prompt for a key's PIN.
pub(crate) fn pin_prompt(product: &str, retries: Option<u8>) -> String {
    match retries {
        Some(retries) => format!("PIN for {product} ({})", attempts_left(retries)),
        None => format!("PIN for {product}"),
    }
}

fn attempts_left(retries: u8) -> String {
    match retries {
        1 => "1 attempt left".to_owned(),
        several => format!("{several} attempts left"),
    }
}

/// The banners before that prompt.
pub(crate) fn before_pin(wanted: &PinWanted, principal: &str) -> Vec<String> {
    let product = &wanted.product;
    let reason = match wanted.reason {
        PinReason::Demanded => None,
        PinReason::WrongPin => Some(format!("Wrong PIN for {product}.")),
        PinReason::NotRecognized => Some(format!("{product} did not recognize you: enter its PIN.")),
        PinReason::Hidden => Some(format!(
            "{product} tells only after its PIN whether it is registered for {principal}."
        )),
    };
    let warning = match wanted.retries {
        Some(1) => Some(format!(
            "Warning: one more wrong PIN locks {product}, and only a reset, which erases it, unlocks it. {GIVE_UP}"
        )),
        Some(retries @ ..=FEW_RETRIES) => Some(format!(
            "Warning: {retries} more wrong PINs lock {product}, and only a reset, which erases it, unlocks it. {GIVE_UP}"
        )),
        _ => None,
    };
    reason.into_iter().chain(warning).collect()
}

/// A key wants its PIN where there is nobody to ask.
pub(crate) fn pin_but_no_prompter(product: &str) -> String {
    format!("{product} wants its PIN, and this program cannot ask for it: use kinit")
}

/// The user gave up at the prompt, or it could not be read from.
pub(crate) fn pin_not_entered(product: &str, realm: &str) -> String {
    format!("No PIN was entered for {product}: the login to {realm} was given up")
}

/// No key has such a PIN: it is too long, or no text.
pub(crate) fn pin_impossible(product: &str) -> String {
    format!("What was entered can be no PIN of {product}: log in again")
}

pub(crate) const UNINTELLIGIBLE: &str =
    "The KDC asked for a security key in a way that this client does not understand: ask your administrator";
pub(crate) const MALFORMED_ANSWER: &str =
    "This program answered the question \"fido\" with something else than krb5_fido.h describes";
pub(crate) const NOT_REPEATED: &str = "The KDC refused the login a moment ago: it is not repeated, so that the key need not be touched once more";

/// A relation of krb5.conf or an option of `kinit -X` with an impossible value.
pub(crate) fn invalid_value(relation: &str, value: &str) -> String {
    format!("{relation} has the impossible value \"{value}\": see krb5.conf, or the -X options of kinit")
}

/// An option of `kinit -X` that would be ours if there were one.
pub(crate) fn unknown_option(option: &str) -> String {
    format!("There is no option {option}: there are fido_device and fido_timeout")
}

/// krb5-fido-helper could not be started.
pub(crate) fn helper_not_started(path: &str, reason: &str) -> String {
    let reason = without_number(reason);
    format!("Could not start {path}, which talks to security keys: {reason}; see fido_helper in krb5.conf")
}

/// krb5-fido-helper ended, or sent what it should not.
pub(crate) fn helper_failed(path: &str) -> String {
    format!("{path}, which talks to security keys, ended unexpectedly: log in again")
}

/// krb5-fido-helper did not answer in time.
pub(crate) fn helper_silent(path: &str) -> String {
    format!(
        "{path}, which talks to security keys, did not answer: unplug the key, plug it in again, and log in again"
    )
}

/// The KDC's notice.
pub(crate) fn notice(code: NoticeCode, principal: &str, url: Option<&str>) -> String {
    let page = url.filter(|url| is_page(url)).map(|url| format!("see {url}"));
    let ask = page.unwrap_or_else(|| "ask your administrator".to_owned());
    match code {
        NoticeCode::EnrolRequired => format!(
            "{principal} must log in with a security key, and none is registered that may be used: register one with kfido \
             enroll, or {ask}"
        ),
        NoticeCode::NoneUsable => {
            format!("None of the security keys registered for {principal} may be used: {ask}")
        }
    }
}

/// Why there is no assertion.
pub(crate) fn failure(failure: &Failure, principal: &str, realm: &str) -> String {
    match failure {
        Failure::NoKey => format!("No security key attached: plug in the one registered for {principal}"),
        Failure::WrongKey { product } => {
            format!("{product} is not a security key registered for {principal}: plug in the right one")
        }
        Failure::Declined { product } => format!("The login to {realm} was declined on {product}"),
        Failure::TimedOut => format!("The security key was not touched in time to log in to {realm}"),
        Failure::Cancelled => format!("The login to {realm} was cancelled"),
        Failure::PinRequiredNotSet { product } => {
            format!("{realm} wants the PIN of {product}, and none is set: set one with fido2-token -S")
        }
        Failure::PinInvalid {
            product,
            retries: Some(retries),
        } => format!("Wrong PIN for {product}: {}", attempts_left(*retries)),
        Failure::PinInvalid {
            product,
            retries: None,
        } => format!("Wrong PIN for {product}"),
        Failure::PinBlocked { product } => {
            format!(
                "{product} is locked after too many wrong PINs: only a reset, which erases it, unlocks it"
            )
        }
        Failure::PinAuthBlocked { product } => {
            format!(
                "{product} takes no PIN until it is plugged in anew: unplug it, plug it in, and log in again"
            )
        }
        Failure::NoAcceptedRelyingParty => format!(
            "The KDC of {realm} asked for signatures for other names than this client accepts: see fido_rp_id in krb5.conf, \
             or ask your administrator"
        ),
        Failure::FacetsUnused { reason } => format!(
            "The KDC of {realm} asked for signatures for other names than this client accepts, and {}",
            without_number(reason)
        ),
        Failure::DeviceUnavailable { device, reason } => {
            format!(
                "Could not open the security key {device}: {}",
                without_number(reason)
            )
        }
        Failure::InvalidConfiguration { relation, value } => invalid_value(relation, value),
        Failure::U2fOnly { product } => {
            format!("{realm} wants a PIN or fingerprint, and {product} has neither: it speaks only U2F")
        }
        Failure::Device {
            product,
            code: 0,
            text,
        } => format!("{product} failed: {text}"),
        Failure::Device { product, code, text } => format!("{product} failed: {text} ({code})"),
        _ => "krb5-fido-helper failed for a reason that it does not tell: log in again".to_owned(),
    }
}

/// What the operating system says, without the number that Rust puts behind it.
fn without_number(reason: &str) -> &str {
    match reason.rsplit_once(" (os error ") {
        Some((words, rest)) if rest.ends_with(')') => words,
        _ => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(reason: PinReason, retries: Option<u8>) -> PinWanted {
        PinWanted {
            product: "Key".to_owned(),
            retries,
            reason,
        }
    }

    #[test]
    fn warns_when_three_or_fewer_attempts_are_left() {
        let banners = |retries| before_pin(&wanted(PinReason::Demanded, retries), "alice@R");
        for retries in [None, Some(8), Some(4)] {
            assert!(banners(retries).is_empty(), "{retries:?}");
        }
        for retries in [3, 2] {
            let expected = format!(
                "Warning: {retries} more wrong PINs lock Key, and only a reset, which erases it, unlocks it. \
                 Press Enter alone to give up."
            );
            assert_eq!(banners(Some(retries)), [expected]);
        }
        let last = "Warning: one more wrong PIN locks Key, and only a reset, which erases it, unlocks it. \
                    Press Enter alone to give up.";
        assert_eq!(banners(Some(1)), [last]);
        assert_eq!(pin_prompt("Key", Some(1)), "PIN for Key (1 attempt left)");
        assert_eq!(pin_prompt("Key", None), "PIN for Key");
    }

    #[test]
    fn says_why_it_asks_for_a_pin() {
        let banner = |reason| before_pin(&wanted(reason, None), "alice@R").concat();
        assert_eq!(banner(PinReason::WrongPin), "Wrong PIN for Key.");
        assert_eq!(
            banner(PinReason::NotRecognized),
            "Key did not recognize you: enter its PIN."
        );
        assert_eq!(
            banner(PinReason::Hidden),
            "Key tells only after its PIN whether it is registered for alice@R."
        );
        let both = before_pin(&wanted(PinReason::WrongPin, Some(2)), "alice@R");
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn names_all_keys_that_wait_for_a_touch() {
        let products = ["A".to_owned(), "B".to_owned()];
        assert_eq!(
            touch_now("R", &products[..1]),
            "Touch your security key (A) to log in to R."
        );
        assert_eq!(
            touch_now("R", &products),
            "Touch one of your security keys (A, B) to log in to R."
        );
    }

    #[test]
    fn tells_what_it_waits_for() {
        let product = || "Key".to_owned();
        for (cause, text) in [
            (
                Failure::NoKey,
                "No security key attached: plug in the one registered for alice@R to log in to R.",
            ),
            (
                Failure::WrongKey { product: product() },
                "Key is not a security key registered for alice@R: plug in the right one to log in to R.",
            ),
            (
                Failure::DeviceUnavailable {
                    device: "/dev/hidraw0".to_owned(),
                    reason: "Permission denied (os error 13)".to_owned(),
                },
                "Could not open the security key /dev/hidraw0: Permission denied. \
                 Waiting for a key registered for alice@R to log in to R.",
            ),
        ] {
            assert_eq!(waiting(&cause, "alice@R", "R"), text);
        }
    }

    #[test]
    fn numbers_of_the_operating_system_are_left_out_alone() {
        for (reason, text) in [
            (
                "No such file or directory (os error 2)",
                "No such file or directory",
            ),
            ("busy, or not a security key", "busy, or not a security key"),
            ("a (os error 2) b", "a (os error 2) b"),
        ] {
            assert_eq!(without_number(reason), text);
        }
    }

    #[test]
    fn a_page_of_the_kdc_is_shown_only_if_it_is_one() {
        let shown = |url| notice(NoticeCode::EnrolRequired, "alice@R", Some(url));
        assert!(shown("https://keys.example.com/enrol").ends_with(" see https://keys.example.com/enrol"));
        for url in [
            "http://keys.example.com/",
            "https://x\x1b]0;y\x07",
            "https://x\ry",
            "https://\u{202e}x",
            "https://a b",
        ] {
            assert!(shown(url).ends_with(", or ask your administrator"), "{url:?}");
        }
    }
}
