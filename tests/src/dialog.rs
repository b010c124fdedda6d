//! Programs on a terminal.

use std::{
    io::{Read as _, Write as _},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use krb5_testrealm::Realm;

/// What was seen on a terminal, and how the command ended.
#[derive(Debug)]
pub struct Dialog {
    /// All that was seen.
    pub screen: String,
    /// The exit code, or `None` when a signal ended it.
    pub code: Option<i32>,
}

/// Runs a shell command on a terminal of its own, and types each answer when its question is on the screen and
/// `meanwhile` has happened.
pub fn talk(realm: &Realm, shell_command: &str, dialog: &[(&str, &str)], meanwhile: &dyn Fn()) -> Dialog {
    let mut script = realm.command("script");
    script.args(["-qefc", shell_command, "/dev/null"]);
    script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = script.spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut screen = Vec::new();
    let mut questions = dialog.iter().peekable();
    loop {
        match receiver.recv_timeout(Duration::from_secs(30)) {
            Ok(bytes) => screen.extend(bytes),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("nothing happens after: {}", String::from_utf8_lossy(&screen));
            }
        }
        let seen = String::from_utf8_lossy(&screen).into_owned();
        if let Some((_, answer)) = questions.next_if(|(question, _)| seen.contains(question)) {
            meanwhile();
            // The terminal's echo goes off after the question was asked.
            thread::sleep(Duration::from_millis(100));
            keyboard.write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
    }
    let code = child.wait().unwrap().code();
    let screen = String::from_utf8_lossy(&screen).replace("\r\n", "\n");
    assert_eq!(questions.next(), None, "{screen}");
    Dialog { screen, code }
}
