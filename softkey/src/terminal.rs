//! Touches given by a person at a terminal.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
};

use rustix::{
    fs::{Mode, OFlags},
    process::getpgrp,
    stdio::stdin,
    termios::{QueueSelector, isatty, tcflush, tcgetpgrp},
};

use crate::{Error, Presence, Request, Touch, messages};

const CONTROLLING_TERMINAL: &str = "/dev/tty";
const STANDARD_INPUT: &str = "/proc/self/fd/0";

/// Longest line that can be an answer, in bytes.
const MAX_ANSWER_LENGTH: usize = 256;

/// Asks for each touch on a terminal. Only `y` or `yes` is a touch; any other line, and the end of input, declines.
///
/// What was typed before a question is thrown away when it is shown. While the program is not in the foreground of its
/// terminal, where reading would stop it, the question waits.
pub struct Terminal {
    device: File,
    question: Option<Question>,
}

/// The question that is open.
struct Question {
    text: Vec<u8>,
    /// How much of the text is on the terminal.
    shown: usize,
    /// The user was told that it waits for the foreground.
    announced: bool,
    answered: bool,
    answer: Vec<u8>,
}

impl Terminal {
    /// Opens the controlling terminal or, if there is none, the terminal that is the standard input.
    ///
    /// # Errors
    /// There is neither.
    pub fn open() -> Result<Self, Error> {
        // A description of its own, so that NONBLOCK is not forced on others who use the terminal.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |path| rustix::fs::open(path, flags, Mode::empty()).ok();
        let device = open(CONTROLLING_TERMINAL)
            .or_else(|| isatty(stdin()).then(|| open(STANDARD_INPUT)).flatten())
            .filter(|device| isatty(device))
            .ok_or(Error::NoTerminal)?;
        Ok(Self {
            device: File::from(device),
            question: None,
        })
    }

    fn is_in_foreground(&self) -> bool {
        // A terminal that is not the controlling one knows no foreground.
        tcgetpgrp(&self.device).map_or(true, |group| group == getpgrp())
    }
}

impl Presence for Terminal {
    fn ask(&mut self, request: &Request) {
        self.question = Some(Question {
            text: messages::question(request).into_bytes(),
            shown: 0,
            announced: false,
            answered: false,
            answer: Vec::new(),
        });
    }

    fn poll(&mut self) -> Touch {
        let in_foreground = self.is_in_foreground();
        let Some(question) = &mut self.question else {
            return Touch::Refused;
        };
        let touch = if in_foreground {
            question
                .show(&mut self.device)
                .and_then(|()| question.receive_answer(&mut self.device))
        } else {
            question.announce(&mut self.device)
        };
        match touch {
            Ok(touch) => {
                question.answered = touch != Touch::Awaited;
                touch
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Touch::Awaited,
            // The terminal has hung up.
            Err(_) => Touch::Refused,
        }
    }

    fn dismiss(&mut self) {
        let question = self.question.take();
        if question.is_some_and(|question| !question.answered && (question.shown > 0 || question.announced)) {
            // A terminal that takes no more shows the next question, after which nobody wonders about this one.
            let _ = self.device.write_all(messages::WITHDRAWN.as_bytes());
        }
    }
}

impl Question {
    /// Puts (the rest of) the text on the terminal; WouldBlock if it does not take it all now.
    fn show(&mut self, device: &mut File) -> io::Result<()> {
        while let Some(rest) = self.text.get(self.shown..).filter(|rest| !rest.is_empty()) {
            tcflush(&*device, QueueSelector::IFlush)?;
            self.shown += uninterrupted(|| device.write(rest))?;
        }
        Ok(())
    }

    fn receive_answer(&mut self, device: &mut File) -> io::Result<Touch> {
        loop {
            let mut buffer = [0; MAX_ANSWER_LENGTH];
            let count = uninterrupted(|| device.read(&mut buffer))?;
            let typed = buffer.get(..count).unwrap_or_default();
            self.answer.extend(typed);
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            if let Some(end) = self.answer.iter().position(is_end) {
                return Ok(parse_answer(self.answer.get(..end).unwrap_or_default()));
            }
            if typed.is_empty() || self.answer.len() >= MAX_ANSWER_LENGTH {
                return Ok(Touch::Refused);
            }
        }
    }

    /// Says, once, that there is a question and where it can be answered.
    fn announce(&mut self, device: &mut File) -> io::Result<Touch> {
        if self.shown == 0 && !self.announced {
            let text = messages::question_in_background(&self.text);
            device.write_all(&text)?;
            self.announced = true;
        }
        Ok(Touch::Awaited)
    }
}

fn parse_answer(line: &[u8]) -> Touch {
    let answer = line.trim_ascii();
    if answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes") {
        Touch::Given
    } else {
        Touch::Refused
    }
}

/// Repeats a call until no signal interrupts it.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_a_touch() {
        for answer in ["y", "Y", "yes", "YES", " yes\t"] {
            assert_eq!(parse_answer(answer.as_bytes()), Touch::Given, "{answer:?}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for answer in ["", " ", "n", "no", "ye", "yess", "y y", "j", "\0y", "y\0"] {
            assert_eq!(parse_answer(answer.as_bytes()), Touch::Refused, "{answer:?}");
        }
    }
}
