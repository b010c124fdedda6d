//! What the client's files cost: loading a module, its size, deriving the rpId.

use std::{env, fs, path::Path, process::Command, time::Instant};

use krb5_fido_keys::read_suffix_list;
use krb5_fido_protocol::fido::rp_id::RpIdRules;
use krb5_testrealm::{Artifacts, Modules, Realm};

use crate::{
    error::Error,
    report::{number, spread, table},
    statistics::{Summary, to_f64},
};

/// Where the stock modules lie, by the multiarch name of the library directory.
const STOCK_MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/krb5/plugins/preauth/spake.so",
    "/usr/lib/aarch64-linux-gnu/krb5/plugins/preauth/spake.so",
    "/usr/lib/krb5/plugins/preauth/spake.so",
];

/// Of the length that realms have; its registrable domain is found far behind the beginning of the list.
const REALM: &str = "ATHENA.MIT.EDU";

/// What the targets are about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadingFigures {
    /// Milliseconds beyond the stock module's.
    pub(crate) load_extra: f64,
    /// Bytes of the client module.
    pub(crate) size: u64,
    /// Milliseconds.
    pub(crate) rp_id: f64,
}

/// Measures in `runs` new processes each.
pub(crate) fn run(runs: u32) -> Result<(String, LoadingFigures), Error> {
    eprintln!("client: loading");
    let realm = Realm::builder()
        .kadmind(false)
        .kdc_modules(Modules::Stock)
        .start()?;
    let program = env::current_exe().map_err(Error::file("find", "the running program"))?;
    let loader = program.with_file_name("krb5-fido-bench-load");
    let (mut stock, mut ours, mut rp_id) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        for (file, times) in [("krb5-stock.conf", &mut stock), ("krb5.conf", &mut ours)] {
            let mut command = Command::new(&loader);
            command.arg(realm.dir().join(file)).arg("alice");
            times.push(nanoseconds(command, "krb5-fido-bench-load")? / 1e6);
        }
        let mut command = Command::new(&program);
        command.arg("rp-id");
        rp_id.push(nanoseconds(command, "krb5-fido-bench")? / 1e6);
    }
    let module = Artifacts::locate()?.client_module();
    let size = file_size(&module)?;
    let stock_size = STOCK_MODULES
        .iter()
        .find_map(|path| file_size(Path::new(path)).ok());
    let [stock, ours, rp_id] = [stock, ours, rp_id].map(|times| Summary::of(&times));
    let kibibytes = |size: u64| number(to_f64(size) / 1024.0, 0);
    let rows = [
        vec![
            "stock".to_owned(),
            spread(stock, 2),
            stock_size.map_or_else(|| "not found".to_owned(), kibibytes),
        ],
        vec!["ours".to_owned(), spread(ours, 2), kibibytes(size)],
    ];
    let text = format!(
        "In {runs} new processes each, from krb5_init_context until the first request is made, for which the client \
         modules are loaded and initialized, in ms; and the size of the file, \
         stripped, in KiB. The stock module's is without libcrypto, which it loads besides:\n\n{}\n\
         The rpId of {REALM} from the system's public suffix list, in a new process: {} ms.\n",
        table(&["module", "loading, ms", "size, KiB"], &rows),
        spread(rp_id, 2),
    );
    let figures = LoadingFigures {
        load_extra: ours.median - stock.median,
        size,
        rp_id: rp_id.median,
    };
    Ok((text, figures))
}

/// Derives an rpId once and prints how many nanoseconds that took.
pub(crate) fn time_rp_id() -> Result<(), Error> {
    let start = Instant::now();
    let list = read_suffix_list(REALM, None).map_err(|error| Error::Login(error.to_string()))?;
    let rules = RpIdRules::new(REALM, None, list.as_deref());
    let accepted = rules.accepts("mit.edu").is_some();
    let elapsed = start.elapsed().as_nanos();
    if accepted {
        println!("{elapsed}");
        Ok(())
    } else {
        Err(Error::Login(format!("{REALM} has no rpId mit.edu")))
    }
}

/// The number that a program prints.
fn nanoseconds(mut command: Command, program: &'static str) -> Result<f64, Error> {
    let output = command.output().map_err(Error::file("run", program))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|_| output.status.success());
    number.map(to_f64).ok_or_else(|| Error::Program {
        program,
        cause: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn file_size(path: &Path) -> Result<u64, Error> {
    fs::metadata(path)
        .map(|metadata| metadata.len())
        .map_err(Error::file("find", path))
}
