//! The conversation with krb5-fido-helper, and through it with the key and its user.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use krb5_fido_protocol::{
    fido::factor::FidoAssertion,
    helper::{
        Assert, AttachedKey, Choice, Failure, Message, PIN_MAX, PinReason, PinWanted, decode, decode_length,
        encode,
    },
    secret::SecretBytes,
};
use krb5_plugin::{
    Context, Prompter,
    child::{Child, is_secure_mode},
};

use crate::{config::Config, texts, trace};

/// What the helper is given of the environment, beside the variables that name proxies.
const ENVIRONMENT: [&str; 6] = [
    "HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "LANG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// How much longer than fido_timeout the helper may take to answer: it keeps that time limit itself.
const GRACE: Duration = Duration::from_secs(5);

/// A text for the user, of why there is no assertion.
type Text = String;

/// Which keys are attached: nothing is asked of them.
pub(crate) fn list_keys(config: &Config) -> Result<Vec<AttachedKey>, Text> {
    let helper = Helper::start(config, GRACE)?;
    helper.send(&Message::Probe(config.settings.devices.clone()))?;
    match helper.receive()? {
        Message::Attached(keys) => Ok(keys),
        _ => Err(helper.failed()),
    }
}

/// A helper that has been told what to sign, and waits for its user's choice. Its drop ends it.
pub(crate) struct Dialog {
    helper: Helper,
    realm: String,
    principal: String,
    /// The keys that can be used.
    keys: Vec<AttachedKey>,
}

impl Dialog {
    /// Starts a helper for `request`, and learns from it which keys are there.
    pub(crate) fn open(context: Context<'_>, config: &Config, request: Assert) -> Result<Self, Text> {
        let realm = request.realm.clone();
        let principal = String::from_utf8_lossy(&request.principal).into_owned();
        let helper = Helper::start(config, Duration::from_secs(config.timeout.into()) + GRACE)?;
        helper.send(&Message::Assert(Box::new(request)))?;
        let keys = loop {
            match helper.receive()? {
                Message::Skipped(rp_id) => trace::party_skipped(context, &rp_id),
                Message::FacetsUnused(reason) => trace::facets_unused(context, &reason),
                Message::Attached(keys) => break keys,
                Message::Failed(failure) => return Err(texts::failure(&failure, &principal, &realm)),
                _ => return Err(helper.failed()),
            }
        };
        Ok(Self {
            helper,
            realm,
            principal,
            keys,
        })
    }

    pub(crate) fn keys(&self) -> &[AttachedKey] {
        &self.keys
    }

    /// Has the request signed by a key. Nothing is left running when this returns.
    pub(crate) fn get_assertion(
        self,
        context: Context<'_>,
        choice: Choice,
        prompter: Option<Prompter<'_>>,
    ) -> Result<FidoAssertion, Text> {
        let (realm, principal) = (&self.realm, &self.principal);
        self.helper.send(&Message::Choose(choice))?;
        loop {
            match self.helper.receive()? {
                Message::PinWanted(wanted) => {
                    let pin = ask_pin(prompter, &wanted, principal, realm)?;
                    self.helper.send(&Message::Pin(pin))?;
                }
                Message::TouchNow(products) => show(prompter, &texts::touch_now(realm, &products)),
                Message::Waiting(cause) => {
                    let text = texts::failure(&cause, principal, realm);
                    trace::key_awaited(context, &text);
                    // Nobody would know what the wait is for.
                    if prompter.is_none() {
                        return Err(text);
                    }
                    show(prompter, &texts::waiting(&cause, principal, realm));
                }
                Message::Assertion(assertion) => return Ok(assertion),
                Message::Failed(failure) => return Err(texts::failure(&failure, principal, realm)),
                _ => return Err(self.helper.failed()),
            }
        }
    }
}

fn show(prompter: Option<Prompter<'_>>, banner: &str) {
    if let Some(prompter) = prompter {
        prompter.show(banner);
    }
}

fn ask_pin(
    prompter: Option<Prompter<'_>>,
    wanted: &PinWanted,
    principal: &str,
    realm: &str,
) -> Result<SecretBytes, Text> {
    let Some(prompter) = prompter else {
        return Err(refuse_pin(wanted, principal, realm));
    };
    for banner in texts::before_pin(wanted, principal) {
        prompter.show(&banner);
    }
    let pin = prompter
        .ask_hidden(&texts::pin_prompt(&wanted.product, wanted.retries))
        .map_err(|_| texts::pin_not_entered(&wanted.product, realm))?;
    match str::from_utf8(pin.expose()).map(str::len) {
        Ok(0) => Err(texts::pin_not_entered(&wanted.product, realm)),
        Ok(1..=PIN_MAX) => Ok(pin),
        Ok(_) | Err(_) => Err(texts::pin_impossible(&wanted.product)),
    }
}

/// Without a prompter there is no PIN but that of a responder, which may have been wrong.
fn refuse_pin(wanted: &PinWanted, principal: &str, realm: &str) -> Text {
    if wanted.reason != PinReason::WrongPin {
        return texts::pin_but_no_prompter(&wanted.product);
    }
    let wrong = Failure::PinInvalid {
        product: wanted.product.clone(),
        retries: wanted.retries,
    };
    texts::failure(&wrong, principal, realm)
}

/// The running helper. Its drop ends it.
struct Helper {
    child: Child,
    path: PathBuf,
    /// How long it may take to answer.
    patience: Duration,
}

impl Helper {
    fn start(config: &Config, patience: Duration) -> Result<Self, Text> {
        let environment = environment();
        let environment: Vec<(&str, &OsStr)> = environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_os_str()))
            .collect();
        let child = Child::start(&config.helper, &environment).map_err(|error| {
            texts::helper_not_started(&config.helper.display().to_string(), &error.to_string())
        })?;
        Ok(Self {
            child,
            path: config.helper.clone(),
            patience,
        })
    }

    fn send(&self, message: &Message) -> Result<(), Text> {
        let frame = encode(message).map_err(|_| self.failed())?;
        self.child
            .send(frame.expose(), self.deadline())
            .map_err(|error| self.explain(&error))
    }

    fn receive(&self) -> Result<Message, Text> {
        let deadline = self.deadline();
        let mut prefix = [0; 4];
        self.fill(&mut prefix, deadline)?;
        let mut body = vec![0; decode_length(prefix).map_err(|_| self.failed())?];
        self.fill(&mut body, deadline)?;
        decode(&body).map_err(|_| self.failed())
    }

    fn fill(&self, mut buffer: &mut [u8], deadline: Instant) -> Result<(), Text> {
        while !buffer.is_empty() {
            match self.child.receive(buffer, deadline) {
                Ok(0) => return Err(self.failed()),
                Ok(received) => buffer = buffer.split_at_mut(received).1,
                Err(error) => return Err(self.explain(&error)),
            }
        }
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    fn explain(&self, error: &io::Error) -> Text {
        match error.kind() {
            io::ErrorKind::TimedOut => texts::helper_silent(&self.path()),
            _ => self.failed(),
        }
    }

    fn failed(&self) -> Text {
        texts::helper_failed(&self.path())
    }

    fn path(&self) -> String {
        self.path.display().to_string()
    }
}

/// What the helper needs of this program's environment; nothing where the program has rights that its caller has not.
fn environment() -> Vec<(String, OsString)> {
    if is_secure_mode() {
        return Vec::new();
    }
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| {
            ENVIRONMENT.contains(&name.as_str()) || name.to_ascii_lowercase().ends_with("_proxy")
        })
        .collect()
}
