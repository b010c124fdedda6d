//! A panic in front of each callback of the modules of KDC and kadmind.

use core::ffi::CStr;
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use krb5_plugin::{
    Context, Failure, Profile,
    kadm5_auth::{self, StringChange},
    kdb::Entry,
    kdcpolicy,
    kdcpreauth::{self, Exchange, Request, RequestId, Verdict},
};

use crate::{door::Door, policy::FidoPolicy, preauth::SpakeKdc};

/// The callback that panics in this process.
static FAULT: OnceLock<String> = OnceLock::new();

/// Whether it has.
static HAPPENED: AtomicBool = AtomicBool::new(false);

fn read(context: Context<'_>) -> Result<(), Failure> {
    let fault = Profile::of(context)?.value(&["libdefaults", "test_fault"])?;
    FAULT.get_or_init(|| fault.unwrap_or_default());
    Ok(())
}

#[expect(clippy::panic, reason = "this is what the module is for")]
fn reach(callback: &str) {
    if FAULT.get().is_some_and(|fault| fault == callback) && !HAPPENED.swap(true, Ordering::SeqCst) {
        panic!("injected into {callback}");
    }
}

pub(crate) struct FaultyPreauth(SpakeKdc);

impl Drop for FaultyPreauth {
    fn drop(&mut self) {
        reach("fini");
    }
}

impl kdcpreauth::Module for FaultyPreauth {
    const NAME: &'static CStr = SpakeKdc::NAME;
    const PA_TYPES: &'static [i32; 2] = SpakeKdc::PA_TYPES;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        read(context)?;
        reach("init");
        SpakeKdc::init(context).map(Self)
    }

    fn hint(&self, exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
        reach("edata");
        self.0.hint(exchange)
    }

    fn verify(&self, exchange: &Exchange<'_>, message: &[u8]) -> Result<Verdict, Failure> {
        reach("verify");
        self.0.verify(exchange, message)
    }

    fn finish(&self, request: RequestId) {
        reach("free_modreq");
        self.0.finish(request);
    }
}

pub(crate) struct FaultyPolicy(FidoPolicy);

impl Drop for FaultyPolicy {
    fn drop(&mut self) {
        reach("policy_fini");
    }
}

impl kdcpolicy::Module for FaultyPolicy {
    const NAME: &'static CStr = FidoPolicy::NAME;
    const REFUSED: &'static CStr = FidoPolicy::REFUSED;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        read(context)?;
        reach("policy_init");
        FidoPolicy::init(context).map(Self)
    }

    fn check_as(
        &self,
        context: Context<'_>,
        request: Request<'_>,
        client: Option<Entry<'_>>,
        server: Option<Entry<'_>>,
    ) -> Result<kdcpolicy::Limits, Failure> {
        reach("check_as");
        self.0.check_as(context, request, client, server)
    }

    fn check_tgs(
        &self,
        context: Context<'_>,
        presented: &kdcpolicy::Presented<'_>,
        server: Entry<'_>,
    ) -> Result<(), Failure> {
        reach("check_tgs");
        self.0.check_tgs(context, presented, server)
    }
}

pub(crate) struct FaultyDoor(Door);

impl Drop for FaultyDoor {
    fn drop(&mut self) {
        reach("door_fini");
    }
}

impl kadm5_auth::Module for FaultyDoor {
    const NAME: &'static CStr = Door::NAME;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        read(context)?;
        reach("door_init");
        Door::init(context).map(Self)
    }

    fn set_string(
        &self,
        context: Context<'_>,
        change: &StringChange<'_>,
    ) -> Result<kadm5_auth::Verdict, Failure> {
        reach("setstr");
        self.0.set_string(context, change)
    }
}
