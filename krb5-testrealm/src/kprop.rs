//! Sending a database to replicas, as the primary does it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    Error, Realm,
    daemon::find_program,
    host::{host_name, on_host, write_hosts},
    settings::utf8,
};

/// The script that stands for kprop in the primary's directory. It runs it on the machine that the primary is, and knows the
/// port of each replica: kadmind, which calls it, would use one for all.
pub(crate) const KPROP: &str = "kprop";

/// The file with the port of the replica `host`.
fn port_file(host: &str) -> String {
    format!("{host}.port")
}

impl Realm {
    /// Gives this realm what a primary has: the names of machines, the principals of its own, and kprop.
    pub(crate) fn become_primary(&self) -> Result<(), Error> {
        let script = self.settings.file(KPROP);
        if script.exists() {
            return Ok(());
        }
        let host = host_name(self.name(), 1);
        write_hosts(self.name(), self.dir())?;
        self.add_machine(&host, &self.settings.file("kprop.keytab"))?;
        let kprop = find_program(KPROP)?;
        let quoted = |path: &Path| Ok::<_, Error>(format!("'{}'", utf8(path)?.replace('\'', "'\\''")));
        let words = on_host(&host, self.dir()).into_iter();
        let prefix: Result<Vec<String>, Error> = words.map(|word| quoted(Path::new(&word))).collect();
        let text = format!(
            "#!/bin/sh\nfor host; do :; done\n\
             exec {prefix} {kprop} -s {keytab} -P \"$(cat {directory}/\"$host\".port)\" \"$@\"\n",
            prefix = prefix?.join(" "),
            kprop = quoted(&kprop)?,
            keytab = quoted(&self.settings.file("kprop.keytab"))?,
            directory = quoted(self.dir())?,
        );
        fs::write(&script, text)
            .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o700)))
            .map_err(Error::file("write", script))
    }

    /// Adds the principals of a machine, and puts their keys into a keytab.
    pub(crate) fn add_machine(&self, host: &str, keytab: &Path) -> Result<(), Error> {
        let names = ["host", "kiprop"].map(|service| format!("{service}/{host}"));
        let [first, second] = &names;
        let queries = format!(
            "addprinc -randkey {first}\naddprinc -randkey {second}\nktadd -k {} {first} {second}\n",
            utf8(keytab)?
        );
        let mut kadmin = self.command("kadmin.local");
        kadmin.args(["-r", self.name()]);
        self.run(kadmin, &queries)?.checked()?;
        Ok(())
    }

    /// Tells kprop where the kpropd of a replica listens.
    pub(crate) fn register_replica(&self, host: &str, port: u16) -> Result<(), Error> {
        let path = self.settings.file(&port_file(host));
        fs::write(&path, port.to_string()).map_err(Error::file("write", path))
    }

    /// Dumps the database, and sends it to a replica.
    pub(crate) fn send_database(&self, host: &str) -> Result<(), Error> {
        let dump = self.settings.file("dump");
        let mut kdb5_util = self.command("kdb5_util");
        kdb5_util.args(["-r", self.name(), "dump"]).arg(&dump);
        self.run(kdb5_util, "")?.checked()?;
        let mut kprop = self.command(self.settings.file(KPROP));
        kprop.args(["-r", self.name(), "-f"]).arg(&dump).arg(host);
        self.run(kprop, "")?.checked().map(drop)
    }

    /// The number of the last change in the update log, `None` if it is empty.
    ///
    /// # Errors
    /// Those of [`Realm::run`]; [`Error::Command`] without an update log.
    pub fn last_serial(&self) -> Result<Option<u32>, Error> {
        let serial = self.last_change()?.into_iter().next();
        Ok(serial.and_then(|line| line.strip_prefix("Last serial # : ")?.parse().ok()))
    }

    /// What the update log says of its last change: its number and its time.
    pub(crate) fn last_change(&self) -> Result<Vec<String>, Error> {
        let mut kproplog = self.command("kproplog");
        kproplog.arg("-h");
        let text = self.run(kproplog, "")?.checked()?.stdout;
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("Last "));
        Ok(lines.map(str::to_owned).collect())
    }
}
