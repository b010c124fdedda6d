//! The responder question `fido` (krb5_fido.h): what a program is asked before anything is asked of its user, and what it
//! answers. Both are JSON.

use core::ffi::CStr;

use serde_json::{Map, Value, json};

use super::json;
use crate::{
    Error,
    helper::{AttachedKey, Choice, PIN_MAX},
    secret::SecretBytes,
};

/// The question's name.
pub const QUESTION: &CStr = c"fido";

/// The version of question and answer.
const VERSION: u64 = 1;

const FACTOR_FIDO: &str = "fido";
const FACTOR_NONE: &str = "none";

/// What a program can choose between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// Password and key.
    Fido,
    /// The password alone.
    None,
}

impl Factor {
    const fn name(self) -> &'static str {
        match self {
            Self::Fido => FACTOR_FIDO,
            Self::None => FACTOR_NONE,
        }
    }
}

/// The challenge of the question, as JSON.
pub fn encode_question(realm: &str, principal: &str, devices: &[AttachedKey], factors: &[Factor]) -> String {
    let factors: Vec<&str> = factors.iter().map(|factor| factor.name()).collect();
    let devices: Vec<Value> = devices.iter().map(describe).collect();
    json!({
        "version": VERSION,
        "realm": realm,
        "principal": principal,
        "factors": factors,
        "devices": devices,
    })
    .to_string()
}

fn describe(key: &AttachedKey) -> Value {
    let mut members = Map::new();
    members.insert("path".to_owned(), json!(key.path));
    members.insert("product".to_owned(), json!(key.product));
    if let Some(state) = key.state {
        members.insert("pin".to_owned(), json!(state.pin_set));
        if let Some(retries) = state.pin_retries {
            members.insert("pin_retries".to_owned(), json!(retries));
        }
        members.insert("builtin_uv".to_owned(), json!(state.builtin_uv));
    }
    Value::Object(members)
}

/// What a program answered: everything is optional.
#[derive(Default)]
pub struct Answer {
    /// Which key to use, and its PIN.
    pub choice: Choice,
    /// Whether to use one.
    pub factor: Option<Factor>,
}

impl Answer {
    /// Reads an answer. Members of other names are passed over, and null stands for an absent one.
    ///
    /// # Errors
    /// [`Error::MalformedAnswer`]: not one JSON object, a member twice or of another type, a PIN that has not 1 to
    /// [`PIN_MAX`] bytes, another factor than `fido` and `none`.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let Ok(Value::Object(mut members)) = json::parse(json) else {
            return Err(Error::MalformedAnswer);
        };
        let mut text = |name| match members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::MalformedAnswer),
        };
        // First, so that it is wiped whatever else is wrong.
        let pin = text("pin")?.map(|pin| SecretBytes::new(pin.into_bytes()));
        if pin
            .as_ref()
            .is_some_and(|pin| !(1..=PIN_MAX).contains(&pin.expose().len()))
        {
            return Err(Error::MalformedAnswer);
        }
        let factor = match text("factor")?.as_deref() {
            None => None,
            Some(FACTOR_FIDO) => Some(Factor::Fido),
            Some(FACTOR_NONE) => Some(Factor::None),
            Some(_) => return Err(Error::MalformedAnswer),
        };
        let device = text("device")?;
        Ok(Self {
            choice: Choice { device, pin },
            factor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helper::KeyState;

    fn key(state: Option<KeyState>) -> AttachedKey {
        AttachedKey {
            path: "/dev/hidraw0".to_owned(),
            product: "A \"key\"".to_owned(),
            state,
        }
    }

    #[test]
    fn question_as_programs_read_it() {
        let state = KeyState {
            pin_set: true,
            pin_retries: Some(8),
            builtin_uv: false,
        };
        let silent = KeyState {
            pin_set: false,
            pin_retries: None,
            builtin_uv: true,
        };
        let devices = [key(Some(state)), key(Some(silent)), key(None)];
        assert_eq!(
            encode_question("R.ORG", "alice@R.ORG", &devices, &[Factor::Fido]),
            "{\"version\":1,\"realm\":\"R.ORG\",\"principal\":\"alice@R.ORG\",\"factors\":[\"fido\"],\"devices\":[\
             {\"path\":\"/dev/hidraw0\",\"product\":\"A \\\"key\\\"\",\"pin\":true,\"pin_retries\":8,\"builtin_uv\":false},\
             {\"path\":\"/dev/hidraw0\",\"product\":\"A \\\"key\\\"\",\"pin\":false,\"builtin_uv\":true},\
             {\"path\":\"/dev/hidraw0\",\"product\":\"A \\\"key\\\"\"}]}"
        );
        let question = encode_question("R", "a\0\u{1b}@R", &[], &[Factor::Fido, Factor::None]);
        let expected = "{\"version\":1,\"realm\":\"R\",\"principal\":\"a\\u0000\\u001b@R\",\
                        \"factors\":[\"fido\",\"none\"],\"devices\":[]}";
        assert_eq!(question, expected);
    }

    #[test]
    fn everything_is_optional() {
        for json in [
            "{}",
            " {\"device\":null,\"pin\":null,\"factor\":null}\n",
            "{\"later\":[1]}",
        ] {
            let answer = Answer::parse(json).unwrap();
            assert!(
                answer.choice.device.is_none() && answer.choice.pin.is_none(),
                "{json}"
            );
            assert_eq!(answer.factor, None);
        }
    }

    #[test]
    fn everything_is_taken() {
        let answer = Answer::parse(r#"{"device":"unix:/k","pin":"12\"34","factor":"none"}"#).unwrap();
        assert_eq!(answer.choice.device.as_deref(), Some("unix:/k"));
        assert!(answer.choice.pin.unwrap().matches(b"12\"34"));
        assert_eq!(answer.factor, Some(Factor::None));
        let answer = Answer::parse(r#"{"factor":"fido"}"#).unwrap();
        assert_eq!(answer.factor, Some(Factor::Fido));
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("{{\"pin\":\"{}\"}}", "1".repeat(PIN_MAX + 1));
        for json in [
            "",
            "1234",
            "\"fido\"",
            "[]",
            "{",
            "{}{}",
            "{\"pin\":1234}",
            "{\"pin\":\"\"}",
            &long,
            "{\"pin\":\"1\",\"pin\":\"2\"}",
            "{\"device\":0}",
            "{\"factor\":\"\"}",
            "{\"factor\":\"password\"}",
            "{\"factor\":true}",
        ] {
            let error = Answer::parse(json).err();
            assert_eq!(error, Some(Error::MalformedAnswer), "{json}");
        }
    }
}
