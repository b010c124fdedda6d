//! A panic in front of, or instead of, each callback of the client module.

use core::ffi::CStr;
use std::sync::OnceLock;

use krb5_plugin::{
    Context, Error, Failure, Profile,
    clpreauth::{Exchange, Module},
};

use crate::module::{Request, SpakeClient};

/// The callback that panics in this process. Some callbacks have no context to look it up with.
static FAULT: OnceLock<String> = OnceLock::new();

#[expect(clippy::panic, reason = "this is what the module is for")]
fn reach(callback: &str) {
    if FAULT.get().is_some_and(|fault| fault == callback) {
        panic!("injected into {callback}");
    }
}

pub(crate) struct Faulty(SpakeClient);

impl Drop for Faulty {
    fn drop(&mut self) {
        reach("fini");
    }
}

pub(crate) struct FaultyRequest(Request);

impl Default for FaultyRequest {
    fn default() -> Self {
        reach("request_init");
        Self(Request::default())
    }
}

impl Drop for FaultyRequest {
    fn drop(&mut self) {
        reach("request_fini");
    }
}

impl Module for Faulty {
    const NAME: &'static CStr = SpakeClient::NAME;
    const PA_TYPES: &'static [i32] = SpakeClient::PA_TYPES;
    const ON_PANIC: Error = SpakeClient::ON_PANIC;
    type Request = FaultyRequest;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let fault = Profile::of(context)?.value(&["libdefaults", "test_fault"])?;
        FAULT.get_or_init(|| fault.unwrap_or_default());
        reach("init");
        SpakeClient::init(context).map(Self)
    }

    fn take_option(&self, context: Context<'_>, attribute: &str, value: &str) -> Result<(), Failure> {
        reach("gic_opts");
        self.0.take_option(context, attribute, value)
    }

    fn prepare_questions(&self, request: &mut FaultyRequest, exchange: &Exchange<'_>) -> Result<(), Failure> {
        reach("prep_questions");
        self.0.prepare_questions(&mut request.0, exchange)
    }

    fn process(
        &self,
        request: &mut FaultyRequest,
        exchange: &Exchange<'_>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        reach("process");
        self.0.process(&mut request.0, exchange)
    }

    fn end(&self, request: FaultyRequest) {
        drop(request);
    }
}
