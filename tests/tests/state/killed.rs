//! kill -9 of a worker, or of the whole KDC, at any moment.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Duration,
};

use super::*;

/// How often something is killed.
const KILLS: u64 = 200;

const WORKERS: usize = 2;

/// The processes of the KDC: its supervisor, then its workers.
fn processes(realm: &Realm) -> Vec<u32> {
    let supervisor = realm.kdc_pid().unwrap();
    let children = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &supervisor.to_string()])
        .output()
        .unwrap();
    let children = String::from_utf8(children.stdout).unwrap();
    let workers = children.split_whitespace().map(|pid| pid.parse().unwrap());
    [supervisor].into_iter().chain(workers).collect()
}

fn kill(processes: &[u32]) {
    let processes = processes.iter().map(ToString::to_string);
    // One may be gone already: krb5kdc ends its workers when one of them has died.
    let _ = Command::new("kill").arg("-9").args(processes).output();
}

/// Logs in with one counter after another, and notes which came to a ticket.
fn log_in_until(scene: &Scene, first: u32, is_over: &AtomicBool, highest: &AtomicU32) {
    for counter in first.. {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        if scene.try_login(counter) {
            highest.store(counter, Ordering::SeqCst);
        }
    }
}

impl Scene {
    /// Whether a login came to a ticket, whatever may be missing of the KDC: the scripted client panics without it.
    fn try_login(&self, counter: u32) -> bool {
        let login = || matches!(self.login(counter).0.send(), Reply::Issued(_));
        thread::scope(|scope| scope.spawn(login).join()).unwrap_or(false)
    }
}

#[test]
fn nothing_that_was_accepted_is_forgotten() {
    let mut scene = Scene::set_with(Realm::builder().kdc_workers(WORKERS));
    let mut counter = 0;
    for kill_number in 0..KILLS {
        let victims = processes(&scene.realm);
        let victims = match kill_number % 2 {
            0 => &victims[..],
            _ => &victims[1..2],
        };
        let (is_over, highest) = (AtomicBool::new(false), AtomicU32::new(counter));
        thread::scope(|scope| {
            scope.spawn(|| log_in_until(&scene, counter + 1, &is_over, &highest));
            // Each time at another moment of a login.
            thread::sleep(Duration::from_micros(20_000 + 137 * kill_number));
            kill(victims);
            is_over.store(true, Ordering::SeqCst);
        });
        scene.realm.restart_kdc().unwrap();
        let accepted = highest.load(Ordering::SeqCst);
        let stored = scene.last_use().map_or(0, |used| used.counter);
        assert!(
            stored >= accepted,
            "kill {kill_number}: {accepted} was accepted, {stored} is stored"
        );
        counter = stored;
    }
    assert!(counter > 0, "no login came through");
    scene.refuse(counter);
    scene.accept(counter + 1);
    let log = scene.realm.kdc_log();
    assert!(!log.contains("it is now "), "{log}");
}
