//! Errors of keys as causes for people.

use krb5_fido_keys::Error;
use krb5_fido_protocol::helper::Failure;

/// The code of a failure that libfido2 gave none for.
const NO_CODE: i32 = 0;

/// What `error` of the key with this product name means to its user.
pub(crate) fn explain(error: Error, product: &str) -> Failure {
    let product = product.to_owned();
    match error {
        Error::Unavailable { device, reason } => Failure::DeviceUnavailable {
            device,
            reason: reason.to_string(),
        },
        Error::NotAnswering { device } => Failure::DeviceUnavailable {
            device,
            reason: "busy, or not a security key".to_owned(),
        },
        Error::NoCredentials => Failure::WrongKey { product },
        Error::Denied => Failure::Declined { product },
        Error::TimedOut => Failure::TimedOut,
        Error::Cancelled => Failure::Cancelled,
        Error::PinNotSet => Failure::PinRequiredNotSet { product },
        Error::PinInvalid => Failure::PinInvalid {
            product,
            retries: None,
        },
        Error::PinBlocked => Failure::PinBlocked { product },
        Error::PinAuthBlocked => Failure::PinAuthBlocked { product },
        Error::OutOfMemory | Error::InvalidArgument | Error::InvalidPin | Error::InvalidDeviceSpec => {
            Failure::Internal
        }
        Error::Device { code, text } => Failure::Device {
            product,
            code,
            text: text.to_owned(),
        },
        error => Failure::Device {
            product,
            code: NO_CODE,
            text: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product() -> String {
        "Key".to_owned()
    }

    #[test]
    fn causes_keep_their_names() {
        let product = product();
        for (error, failure) in [
            (
                Error::NoCredentials,
                Failure::WrongKey {
                    product: product.clone(),
                },
            ),
            (
                Error::Denied,
                Failure::Declined {
                    product: product.clone(),
                },
            ),
            (
                Error::PinBlocked,
                Failure::PinBlocked {
                    product: product.clone(),
                },
            ),
            (
                Error::PinAuthBlocked,
                Failure::PinAuthBlocked {
                    product: product.clone(),
                },
            ),
            (Error::PinNotSet, Failure::PinRequiredNotSet { product }),
            (Error::TimedOut, Failure::TimedOut),
            (Error::Cancelled, Failure::Cancelled),
            (Error::OutOfMemory, Failure::Internal),
        ] {
            assert_eq!(explain(error, "Key"), failure);
        }
    }

    #[test]
    fn other_causes_keep_their_words() {
        let expected = Failure::Device {
            product: product(),
            code: NO_CODE,
            text: "the security key stopped answering".to_owned(),
        };
        assert_eq!(explain(Error::Disconnected, "Key"), expected);
    }
}
