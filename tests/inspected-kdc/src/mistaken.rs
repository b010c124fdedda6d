//! A mistake before each pass of the KDC.

use core::ffi::CStr;

use krb5_fido_inspector::mishandle;
use krb5_plugin::{
    Context, Failure, Profile,
    kdcpreauth::{Exchange, Module, RequestId, Verdict},
};

use crate::preauth::SpakeKdc;

pub(crate) struct Mistaken {
    module: SpakeKdc,
    mistake: String,
}

impl Module for Mistaken {
    const NAME: &'static CStr = SpakeKdc::NAME;
    const PA_TYPES: &'static [i32; 2] = SpakeKdc::PA_TYPES;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let mistake = Profile::of(context)?.value(&["libdefaults", "test_mistake"])?;
        Ok(Self {
            module: SpakeKdc::init(context)?,
            mistake: mistake.unwrap_or_default(),
        })
    }

    fn hint(&self, exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
        self.module.hint(exchange)
    }

    fn verify(&self, exchange: &Exchange<'_>, message: &[u8]) -> Result<Verdict, Failure> {
        if let Some(key) = exchange.client_key() {
            mishandle(key.expose(), &self.mistake);
        }
        self.module.verify(exchange, message)
    }

    fn finish(&self, request: RequestId) {
        self.module.finish(request);
    }
}
