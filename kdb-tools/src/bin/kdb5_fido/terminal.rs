//! Questions and answers on the terminal. Standard output is for data.

use std::io::{IsTerminal, Write, stderr, stdin};

use krb5_fido_keys::Pin;
use krb5_fido_protocol::secret::SecretBytes;
use krb5_fido_tools::{Error, Terminal};

/// Standard error for lines, the controlling terminal for PINs.
pub(crate) struct Console;

impl Terminal for Console {
    fn show(&self, line: &str) {
        // Nobody is there to be told.
        let _ = writeln!(stderr(), "{line}");
    }

    fn ask_pin(&self, product: &str, retries: Option<u8>) -> Result<Pin, Error> {
        let prompt = match retries {
            Some(retries) => format!("PIN for {product} ({retries} attempts left): "),
            None => format!("PIN for {product}: "),
        };
        let pin = SecretBytes::new(
            rpassword::prompt_password(prompt)
                .map_err(Error::Terminal)?
                .into_bytes(),
        );
        Pin::new(pin.expose()).map_err(|_| Error::MalformedPin)
    }
}

/// Asks a question that is answered with yes; without a terminal nobody has said so.
pub(crate) fn confirm(question: &str) -> Result<bool, Error> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(false);
    }
    write!(stderr(), "{question} (type yes): ").map_err(Error::Terminal)?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Error::Terminal)?;
    Ok(answer.trim() == "yes")
}
