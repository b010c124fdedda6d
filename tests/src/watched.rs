//! A barrage at a KDC that is watched: by valgrind, by AddressSanitizer, or in its use of memory.

use std::{
    any::Any,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use krb5_testrealm::{Modules, Realm, RealmBuilder};

use crate::{
    barrage::{self, Outcome, Progress},
    mutants::Target,
};

/// How long the KDC may take to end: a checker looks through its memory then.
const END_LIMIT: Duration = Duration::from_secs(120);

/// How much of the KDC's log a finding shows.
const LOG_LINES: usize = 20;

/// Valgrind's report, in the realm's directory, which is the KDC's working directory.
const MEMCHECK_LOG: &str = "valgrind.log";

/// What precedes the process id in the name of AddressSanitizer's report.
const SANITIZER_LOG: &str = "sanitizer";

/// AddressSanitizer's settings. It reports leaks at the end by default; the statistics there show that it got so far.
const SANITIZER_OPTIONS: &str = "ASAN_OPTIONS=log_path=sanitizer:atexit=1:detect_leaks=1";

/// The heading of those statistics.
const SANITIZER_END: &str = "AddressSanitizer exit stats:";

/// malloc takes blocks of that size from the kernel and gives them back. By default it would move the limit up to the largest
/// block that was freed, and what stays resident would depend on where in the heap the last requests of 1 MB came to lie.
const LARGE_BLOCKS: &str = "MALLOC_MMAP_THRESHOLD_=65536";

/// Who watches the KDC.
#[derive(Clone, Debug)]
pub enum Watcher {
    /// Nobody: its memory is measured.
    Kernel,
    /// Valgrind: accesses, and what was lost at the end.
    Memcheck,
    /// AddressSanitizer, of which the library is preloaded, with a KDC module that was built for it: accesses of that module,
    /// and what anybody has lost at the end.
    AddressSanitizer {
        /// The KDC module.
        module: PathBuf,
    },
}

/// Starts a realm, fires at its KDC, ends it, and judges.
///
/// # Errors
/// A finding of the barrage or of the watcher, or growth. The text has the seed.
pub fn fire(
    watcher: &Watcher,
    seed: u64,
    count: u64,
    progress: &mut Progress<'_>,
) -> Result<Outcome, String> {
    let mut target = Target::start(watcher.builder());
    let fired = catch_unwind(AssertUnwindSafe(|| barrage::fire(&target, seed, count, progress)));
    end(&mut target.realm);
    let fired = fired.unwrap_or_else(|panic| Err(format!("seed {seed}: {}", panic_text(&*panic))));
    let seen = watcher.judge(target.realm.dir(), fired.as_ref().ok());
    match (fired, seen) {
        (Ok(outcome), Ok(())) => Ok(outcome),
        (Ok(_), Err(report)) => Err(format!("seed {seed}: {report}")),
        (Err(finding), seen) => {
            let (report, log) = (seen.err().unwrap_or_default(), target.realm.kdc_log());
            Err(format!("{finding}\n{report}\nthe KDC's log:\n{}", end_of(&log)))
        }
    }
}

fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic")
}

/// Ends the KDC as an administrator does, and waits until it has ended by itself.
fn end(realm: &mut Realm) {
    let process = realm.kdc_pid().unwrap().to_string();
    Command::new("kill").args(["-TERM", &process]).status().unwrap();
    let deadline = Instant::now() + END_LIMIT;
    while runs(&process) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    realm.stop_kdc();
}

/// Whether a child of ours has not ended; it has an entry until it is waited for.
fn runs(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

impl Watcher {
    fn builder(&self) -> RealmBuilder {
        match self {
            Self::Kernel => Realm::builder().kdc_wrapper(&["env", LARGE_BLOCKS]),
            Self::Memcheck => {
                let suppressions = concat!(
                    "--suppressions=",
                    env!("CARGO_MANIFEST_DIR"),
                    "/data/valgrind.supp"
                );
                let log = format!("--log-file={MEMCHECK_LOG}");
                Realm::builder().kdc_wrapper(&[
                    "valgrind",
                    "--leak-check=full",
                    "--show-leak-kinds=definite",
                    "--errors-for-leak-kinds=definite",
                    "--error-exitcode=99",
                    "--num-callers=40",
                    suppressions,
                    &log,
                ])
            }
            Self::AddressSanitizer { module } => {
                let preload = format!("LD_PRELOAD={}", sanitizer_library().display());
                Realm::builder()
                    .kdc_modules(Modules::At(module.clone()))
                    .kdc_wrapper(&["env", &preload, SANITIZER_OPTIONS])
            }
        }
    }

    /// Reads the watcher's report, which must be complete and empty.
    fn judge(&self, directory: &Path, outcome: Option<&Outcome>) -> Result<(), String> {
        match self {
            Self::Kernel => outcome.map_or(Ok(()), Outcome::check_growth),
            Self::Memcheck => judge_memcheck(&read(&directory.join(MEMCHECK_LOG))),
            Self::AddressSanitizer { .. } => {
                let files = fs::read_dir(directory).unwrap();
                let reports: Vec<PathBuf> = files
                    .map(|file| file.unwrap().path())
                    .filter(|path| path.file_prefix().is_some_and(|name| name == SANITIZER_LOG))
                    .collect();
                judge_sanitizer(&reports.iter().map(|path| read(path)).collect::<String>())
            }
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn judge_memcheck(report: &str) -> Result<(), String> {
    match report.contains("ERROR SUMMARY: 0 errors from 0 contexts") {
        true => Ok(()),
        false => Err(format!("valgrind's report:\n{report}")),
    }
}

fn judge_sanitizer(report: &str) -> Result<(), String> {
    match report.contains(SANITIZER_END) && !report.contains("ERROR: ") {
        true => Ok(()),
        false => Err(format!("AddressSanitizer's report:\n{report}")),
    }
}

/// gcc's library, which serves what rustc has instrumented: rustc's own is for whole programs.
fn sanitizer_library() -> PathBuf {
    let output = Command::new("gcc")
        .arg("-print-file-name=libasan.so")
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
        .canonicalize()
        .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memcheck_must_have_finished_without_an_error() {
        let clean = "==1== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 7 from 2)\n";
        assert_eq!(judge_memcheck(clean), Ok(()));
        for report in [
            "",
            "==1== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)\n",
        ] {
            assert!(judge_memcheck(report).is_err());
        }
    }

    #[test]
    fn the_sanitizer_must_have_finished_without_an_error() {
        assert_eq!(judge_sanitizer("AddressSanitizer exit stats:\n"), Ok(()));
        let leak = "==1==ERROR: LeakSanitizer: detected memory leaks\nAddressSanitizer exit stats:\n";
        for report in ["", leak, "==1==ERROR: AddressSanitizer: heap-buffer-overflow\n"] {
            assert!(judge_sanitizer(report).is_err());
        }
    }
}
