//! Questions and answers on the terminal, and what the programs print. Standard output is for data.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write, stderr, stdin, stdout},
    os::fd::AsFd,
    process::ExitCode,
};

use krb5_fido_keys::{Pin, UnusedList};
use krb5_fido_protocol::secret::SecretBytes;

use crate::{Error, Terminal};

/// The longest line that is read from standard input, in bytes.
const LINE_MAX: usize = 1024;

/// Standard error for lines, the controlling terminal for PINs.
pub struct Console;

impl Console {
    /// Asks for an answer, hidden or not, on the terminal. Where standard input is none, it is the next line of that, and
    /// nothing beyond that line is read.
    ///
    /// # Errors
    /// Nothing can be read, or a line of more than 1,024 bytes.
    pub fn ask(&self, prompt: &str, hidden: bool) -> io::Result<SecretBytes> {
        let is_terminal = stdin().is_terminal();
        if hidden && is_terminal {
            return rpassword::prompt_password(prompt).map(|answer| SecretBytes::new(answer.into_bytes()));
        }
        write!(stderr(), "{prompt}")?;
        let answer = read_line(&mut File::from(stdin().as_fd().try_clone_to_owned()?));
        if !is_terminal {
            writeln!(stderr())?;
        }
        answer
    }
}

/// The same, but that a PIN is a line of standard input where that is no terminal.
pub struct LineByLine;

impl Terminal for LineByLine {
    fn show(&self, line: &str) {
        Console.show(line);
    }

    fn ask_pin(&self, product: &str, retries: Option<u8>) -> Result<Pin, Error> {
        let pin = Console.ask(&pin_prompt(product, retries), true);
        Pin::new(pin.map_err(Error::Terminal)?.expose()).map_err(|_| Error::MalformedPin)
    }
}

fn pin_prompt(product: &str, retries: Option<u8>) -> String {
    match retries {
        Some(retries) => format!("PIN for {product} ({retries} attempts left): "),
        None => format!("PIN for {product}: "),
    }
}

impl Terminal for Console {
    fn show(&self, line: &str) {
        // Nobody is there to be told.
        let _ = writeln!(stderr(), "{line}");
    }

    fn ask_pin(&self, product: &str, retries: Option<u8>) -> Result<Pin, Error> {
        let prompt = pin_prompt(product, retries);
        let pin = SecretBytes::new(
            rpassword::prompt_password(prompt)
                .map_err(Error::Terminal)?
                .into_bytes(),
        );
        Pin::new(pin.expose()).map_err(|_| Error::MalformedPin)
    }
}

/// Reads a line without its end, byte by byte: what was read ahead would be lost to others, and stay in memory.
fn read_line(input: &mut impl Read) -> io::Result<SecretBytes> {
    let mut line = SecretBytes::zeroed(LINE_MAX);
    let mut length = 0_usize;
    loop {
        let mut byte = SecretBytes::zeroed(1);
        let ended = match input.read(byte.expose_mut()) {
            Ok(0) if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => true,
            Ok(_) => byte.expose() == b"\n",
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if ended {
            return Ok(SecretBytes::from(line.expose().get(..length).unwrap_or_default()));
        }
        let place = line.expose_mut().get_mut(length..=length);
        place
            .ok_or(io::ErrorKind::InvalidData)?
            .copy_from_slice(byte.expose());
        length = length.saturating_add(1);
    }
}

/// Asks a question that is answered with yes; without a terminal nobody has said so.
///
/// # Errors
/// [`Error::Terminal`].
pub fn confirm(question: &str) -> Result<bool, Error> {
    Ok(is_somebody_there() && ask_for_yes(question)?)
}

/// Asks the same where there is a terminal, and goes on without.
///
/// # Errors
/// [`Error::Terminal`].
pub(crate) fn agree(question: &str) -> Result<bool, Error> {
    Ok(!is_somebody_there() || ask_for_yes(question)?)
}

fn is_somebody_there() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

fn ask_for_yes(question: &str) -> Result<bool, Error> {
    write!(stderr(), "{question} (type yes): ").map_err(Error::Terminal)?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Error::Terminal)?;
    Ok(answer.trim() == "yes")
}

/// Writes data to standard output.
///
/// # Errors
/// Nobody reads it, or there is no room for it.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says why facet lists count for nothing for a program of this name.
pub fn warn_of_unused(program: &str, lists: &[UnusedList]) {
    for list in lists {
        Console.show(&format!("{program}: warning: {}", list.reason));
    }
}

/// Says why a program of this name failed, and how it ends then.
pub fn fail(program: &str, error: &Error) -> ExitCode {
    Console.show(&format!("{program}: {error}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one() {
        let mut input = &b"correct horse\n\n1234"[..];
        for line in ["correct horse", "", "1234"] {
            assert_eq!(read_line(&mut input).unwrap().expose(), line.as_bytes());
        }
        let end = read_line(&mut input).map(drop).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn long_lines_are_refused() {
        let longest = "x".repeat(LINE_MAX);
        let read = |text: String| read_line(&mut text.as_bytes()).map(|line| line.expose().len());
        assert_eq!(read(format!("{longest}\n")).unwrap(), LINE_MAX);
        assert_eq!(
            read(format!("{longest}x\n")).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
