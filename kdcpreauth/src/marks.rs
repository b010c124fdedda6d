//! What the preauthentication module tells the policy module of this process: that a request's factor was verified.
//!
//! A mark is worth one answer to one request. It is keyed by the request's identity, which is unique as long as the KDC
//! holds the request, and must match its nonce and client. It is taken by the policy check, and erased when the next pass
//! of the request begins and when the KDC has finished with it.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use krb5_plugin::{
    Result,
    kdcpreauth::{Request, RequestId},
};

static MARKS: LazyLock<Mutex<HashMap<RequestId, Mark>>> = LazyLock::new(Mutex::default);

#[derive(PartialEq, Eq)]
struct Mark {
    nonce: i32,
    client: Vec<u8>,
}

impl Mark {
    fn of(request: Request<'_>) -> Result<Self> {
        Ok(Self {
            nonce: request.nonce(),
            client: request.client().unparse()?,
        })
    }
}

/// Notes that a hardware factor was verified for `request`.
pub(crate) fn set(request: Request<'_>) -> Result<()> {
    let mark = Mark::of(request)?;
    marks().insert(request.id(), mark);
    Ok(())
}

/// Takes the mark of `request`; whether there was one for its nonce and client.
pub(crate) fn take(request: Request<'_>) -> bool {
    let mark = marks().remove(&request.id());
    mark.is_some_and(|mark| Mark::of(request).is_ok_and(|wanted| wanted == mark))
}

/// Forgets a request.
pub(crate) fn erase(request: RequestId) {
    marks().remove(&request);
}

/// A panic elsewhere while the map was locked has left it whole: each use is one insertion or removal.
fn marks() -> MutexGuard<'static, HashMap<RequestId, Mark>> {
    MARKS.lock().unwrap_or_else(PoisonError::into_inner)
}
