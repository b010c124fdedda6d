//! What a login costs the client: a real libkrb5 client in this process, with the stock module and with ours.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use krb5_fido_protocol::spake::Group;
use krb5_fido_tests::{PASSWORD, add_user, kadmin};
use krb5_plugin::{InitialCredentials, OwnedContext, OwnedPrincipal, Profile};
use tempfile::TempDir;

use crate::{
    accounting::{Processes, children_time},
    case::Kind,
    error::Error,
    key::TimedKey,
    kinit::{Traffic, peak_memory},
    operations::thread_time,
    report::{number, spread, table},
    site::{Launch, Site},
    statistics::{Summary, microseconds, to_f64},
};

/// What the targets are about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientFigures {
    /// Milliseconds from the principal's key to the ticket beyond those of the stock module, with the password only.
    pub(crate) password_extra: f64,
    /// The same with a security key in mode `encrypted`.
    pub(crate) encrypted_extra: f64,
    /// The same in mode `clear`.
    pub(crate) clear_extra: f64,
}

/// Which krb5.conf of a realm a client reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Module {
    Stock,
    Ours,
}

impl Module {
    const fn configuration(self) -> &'static str {
        match self {
            Self::Stock => "krb5-stock.conf",
            Self::Ours => "krb5.conf",
        }
    }
}

/// A KDC with a software key, a principal that uses it (bob), and one that has none (alice).
struct Place {
    site: Site,
    key: TimedKey,
    // Dropped behind the key, whose sockets lie in it.
    _directory: TempDir,
}

impl Place {
    fn start(kind: Kind) -> Result<Self, Error> {
        let mut site = Site::start(kind, Launch::SINGLE)?;
        let directory = tempfile::Builder::new()
            .prefix("krbb")
            .tempdir()
            .map_err(Error::file("create a directory for", "the software key"))?;
        let key = TimedKey::start(directory.path())?;
        let realm = &mut site.realm;
        realm.set_client_relation("fido_device", &[&key.device()])?;
        for name in ["alice", "bob"] {
            add_user(realm, name);
            let keytab = keytab(realm.dir(), name);
            kadmin(realm, &["ktadd", "-norandkey", "-k", &keytab, name]);
        }
        let enroll = ["enroll", "bob", "--device", &key.device(), "--name", "key"];
        realm.kdb5_fido(&enroll)?.checked()?;
        Ok(Self {
            site,
            key,
            _directory: directory,
        })
    }

    /// Copies the configurations for clients of one group: libkrb5 would notice if they changed.
    fn configure(&mut self, group: Group) -> Result<(), Error> {
        let relation = "libdefaults:spake_preauth_groups";
        self.site.realm.set_client_relation(relation, &[group.name()])?;
        for module in [Module::Stock, Module::Ours] {
            let file = self.site.realm.dir().join(module.configuration());
            fs::copy(&file, self.configuration(module, group)).map_err(Error::file("copy", file))?;
        }
        Ok(())
    }

    fn configuration(&self, module: Module, group: Group) -> PathBuf {
        let name = format!("{}.{}", module.configuration(), group.name());
        self.site.realm.dir().join(name)
    }

    fn logins(&self, kind: Kind, group: Group) -> Result<Logins<'_>, Error> {
        let (module, principal) = match kind {
            Kind::Stock => (Module::Stock, "alice"),
            Kind::Password => (Module::Ours, "alice"),
            Kind::Encrypted | Kind::Clear => (Module::Ours, "bob"),
        };
        let profile = Profile::read(&self.configuration(module, group))?;
        Ok(Logins {
            kind,
            group,
            place: self,
            module,
            context: OwnedContext::with_profile(&profile)?,
            principal,
            keytab: keytab(self.site.realm.dir(), principal),
            kdc: self.site.processes()?,
            samples: Samples::default(),
        })
    }
}

fn keytab(directory: &Path, principal: &str) -> String {
    format!(
        "FILE:{}",
        directory
            .join(principal)
            .with_extension("client-keytab")
            .display()
    )
}

/// Logins of one kind, and what they cost in microseconds.
struct Logins<'p> {
    kind: Kind,
    group: Group,
    place: &'p Place,
    module: Module,
    context: OwnedContext,
    principal: &'static str,
    keytab: String,
    kdc: Processes,
    samples: Samples,
}

#[derive(Default)]
struct Samples {
    /// From the key to the ticket, without the time that the security key took.
    elapsed: Vec<f64>,
    /// CPU time of the thread that logs in.
    cpu: Vec<f64>,
    /// CPU time of the helper, which is a child.
    children: f64,
    /// CPU time of the KDC.
    kdc: Vec<f64>,
}

impl Logins<'_> {
    fn log_in(&self) -> Result<(), Error> {
        let client = OwnedPrincipal::parse(self.context.get(), self.principal)?;
        let exchange = InitialCredentials::new(&self.context, &client, &self.keytab)?;
        let refused = |failure: krb5_plugin::Failure| {
            Error::Login(failure.message.unwrap_or_else(|| failure.error.to_string()))
        };
        exchange.get().map_err(refused)
    }

    fn sample(&mut self) -> Result<(), Error> {
        let (kdc, children, waited) = (self.kdc.cpu_time()?, children_time()?, self.place.key.waited());
        let (cpu, start) = (thread_time(), Instant::now());
        self.log_in()?;
        let (elapsed, cpu) = (start.elapsed(), thread_time().saturating_sub(cpu));
        let with_key = self.place.key.waited() - waited;
        self.samples
            .elapsed
            .push(microseconds(elapsed.saturating_sub(with_key)));
        self.samples.cpu.push(microseconds(cpu));
        self.samples.children += microseconds(children_time()?.saturating_sub(children));
        self.samples.kdc.push(microseconds(self.kdc.cpu_time()? - kdc));
        Ok(())
    }

    fn elapsed(&self) -> Summary {
        Summary::of(&self.samples.elapsed)
    }

    fn row(&self) -> Vec<String> {
        let count = to_f64(u64::try_from(self.samples.cpu.len()).unwrap_or(u64::MAX));
        vec![
            self.kind.name().to_owned(),
            self.group.name().to_owned(),
            spread(self.elapsed(), 0),
            spread(Summary::of(&self.samples.cpu), 0),
            number(self.samples.children / count, 0),
            spread(Summary::of(&self.samples.kdc), 0),
        ]
    }

    /// kinit does the same.
    fn traffic_row(&self) -> Result<Vec<String>, Error> {
        let realm = &self.place.site.realm;
        let login = match self.module {
            Module::Stock => realm.stock_kinit(self.principal, PASSWORD, &[]),
            Module::Ours => realm.kinit(self.principal, PASSWORD, &[]),
        };
        let traffic = Traffic::of(login?)?;
        let kinit = || match self.module {
            Module::Stock => realm.stock_client_command("kinit"),
            Module::Ours => realm.command("kinit"),
        };
        let mut peak = 0;
        for _ in 0..KINITS {
            peak = peak.max(peak_memory(kinit(), self.principal)?);
        }
        let mut row = vec![self.kind.name().to_owned()];
        let counts = [
            traffic.requests,
            traffic.request_bytes,
            traffic.answers,
            traffic.answer_bytes,
            peak,
        ];
        row.extend(counts.map(|count| number(to_f64(count), 0)));
        Ok(row)
    }
}

/// How often kinit is run to see its memory.
const KINITS: u32 = 5;

/// Measures `rounds` logins of each kind in turn, in each of the groups, of which the first is edwards25519.
pub(crate) fn run(groups: &[Group], rounds: usize) -> Result<(String, ClientFigures), Error> {
    let mut encrypted = Place::start(Kind::Encrypted)?;
    let mut clear = Place::start(Kind::Clear)?;
    let (mut rows, mut traffic, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    for group in groups.iter().rev() {
        eprintln!("client: {}", group.name());
        encrypted.configure(*group)?;
        clear.configure(*group)?;
        let mut all = Vec::new();
        for kind in Kind::ALL {
            let place = if kind == Kind::Clear { &clear } else { &encrypted };
            all.push(place.logins(kind, *group)?);
        }
        all.iter().try_for_each(Logins::log_in)?;
        for _ in 0..rounds {
            all.iter_mut().try_for_each(Logins::sample)?;
        }
        rows.splice(0..0, all.iter().map(Logins::row));
        traffic = all.iter().map(Logins::traffic_row).collect::<Result<_, _>>()?;
        medians = all.iter().map(|logins| logins.elapsed().median).collect();
    }
    let extra = |index: usize| {
        let (stock, ours) = (medians.first(), medians.get(index));
        stock
            .zip(ours)
            .map_or(f64::NAN, |(stock, ours)| (ours - stock) / 1e3)
    };
    let text = format!(
        "{rounds} logins of each kind in turn, by krb5_init_creds_get in this process with modules that are loaded \
         already; the principal's key comes out of a key table. Elapsed time is that from the key to the ticket, KDC \
         included, without the time that the software key took to answer; the start of krb5-fido-helper is in it. The \
         helper's CPU time is an average of the kernel's ticks. All in µs:\n\n{}\n\
         kinit with a password, in edwards25519: messages and bytes as libkrb5 traces them, and the most resident memory \
         seen, in KiB:\n\n{}",
        table(
            &[
                "login",
                "group",
                "elapsed",
                "CPU",
                "CPU of the helper",
                "CPU of the KDC"
            ],
            &rows
        ),
        table(
            &["login", "requests", "bytes", "answers", "bytes", "kinit, KiB"],
            &traffic
        ),
    );
    Ok((
        text,
        ClientFigures {
            password_extra: extra(1),
            encrypted_extra: extra(2),
            clear_extra: extra(3),
        },
    ))
}
