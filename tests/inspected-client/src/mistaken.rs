//! A mistake behind each pass of the client.

use core::ffi::CStr;

use krb5_fido_inspector::mishandle;
use krb5_plugin::{
    Context, Error, Failure, Profile,
    clpreauth::{Exchange, Module},
};

use crate::module::{Request, SpakeClient};

pub(crate) struct Mistaken {
    module: SpakeClient,
    mistake: String,
}

impl Module for Mistaken {
    const NAME: &'static CStr = SpakeClient::NAME;
    const PA_TYPES: &'static [i32] = SpakeClient::PA_TYPES;
    const ON_PANIC: Error = SpakeClient::ON_PANIC;
    type Request = Request;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let mistake = Profile::of(context)?.value(&["libdefaults", "test_mistake"])?;
        Ok(Self {
            module: SpakeClient::init(context)?,
            mistake: mistake.unwrap_or_default(),
        })
    }

    fn take_option(&self, context: Context<'_>, attribute: &str, value: &str) -> Result<(), Failure> {
        self.module.take_option(context, attribute, value)
    }

    fn prepare_questions(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<(), Failure> {
        self.module.prepare_questions(request, exchange)
    }

    fn process(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let answer = self.module.process(request, exchange)?;
        if request.has_responded {
            mishandle(exchange.reply_key()?.expose(), &self.mistake);
        }
        Ok(answer)
    }

    fn end(&self, request: Request) {
        self.module.end(request);
    }
}
