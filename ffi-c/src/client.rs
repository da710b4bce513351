//! The client: a registree's end of the binding, for C.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onem2m::binding::Token;
use onem2m::bridge::{self, Outcome, Queue, Recipient, Slot, Waited};
use onem2m::client::{AeRegistration, CseRegistration, Subscription};
use onem2m::primitive::{Request, Response};
use onem2m::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use crate::callback::{Completion, onem2m_ws_callbacks, onem2m_ws_completion, with_state};
use crate::client_config::onem2m_ws_client_config;
use crate::courier::{Courier, Dispatcher};
use crate::dispatch::Calls;
use crate::format::number_of;
use crate::guard::{guard, guard_number, guard_value};
use crate::handle::{Handle, borrow, give, make, read_callbacks, store_if_wanted, take};
use crate::process::Homed;
use crate::request::onem2m_ws_request;
use crate::response::onem2m_ws_response;
use crate::text::{content, optional_text, text};

/// A client: a registree (an AE, or a CSE towards its registrar) with at most one connection to its registrar.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_client(Homed<Inner>);

struct Inner {
    shared: Arc<Courier<Calls>>,
    dispatcher: Dispatcher,
}

impl Handle for onem2m_ws_client {}

impl onem2m_ws_client {
    fn shared(&self) -> Result<&Arc<Courier<Calls>>> {
        Ok(&self.0.get()?.shared)
    }
}

pub(crate) fn shared<'a>(client: *const onem2m_ws_client) -> Result<&'a Arc<Courier<Calls>>> {
    borrow(client, "client")?.shared()
}

/// Makes a client; nothing is opened yet. `callbacks` may be NULL. Free it with onem2m_ws_client_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_new(
    config: *const onem2m_ws_client_config,
    callbacks: *const onem2m_ws_callbacks,
    out: *mut *mut onem2m_ws_client,
) -> i32 {
    guard(|| {
        make(out, "out", || {
            let settings = borrow(config, "config")?.settings()?;
            let callbacks = read_callbacks(callbacks, "callbacks")?;
            let poll_mode = settings.poll_mode();
            let lifetime = settings.registration_lifetime()?;
            let queue = Arc::new(Queue::new(settings.waiting_requests())?);
            let builder = settings.builder(callbacks.on_request.is_some())?;
            let client = bridge::Client::new(builder, Arc::clone(&queue), 0)?;
            let shared = Courier::new(Calls::new(client, callbacks, lifetime), queue);
            let dispatcher = if poll_mode { Dispatcher::none() } else { Dispatcher::start(Arc::clone(&shared))? };
            Ok(onem2m_ws_client(Homed::new(Inner { shared, dispatcher })))
        })
    })
}

/// Closes the connection at once and frees the client; NULL is fine. Requests under way are completed with ONEM2M_WS_CLOSED;
/// every completion that was not called yet, and then `drop`, is called before this returns - or, if this is called
/// within a callback, after that callback has returned: then it does not wait. Do not hold a lock that a callback needs.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_free(client: *mut onem2m_ws_client) {
    guard_value((), || {
        if let Some(Inner { shared, dispatcher }) = take(client).and_then(|client| client.0.take()) {
            shared.client().abort();
            dispatcher.end(&shared);
        }
        Ok(())
    });
}

// --- how calls are made -----------------------------------------------------------------------------------------------

fn timed_out(milliseconds: u32) -> Error {
    let text = format!("no outcome within {milliseconds} ms; whether a request was carried out is not known");
    Error::new(ErrorKind::Timeout, text).with_unknown_outcome()
}

/// Waits for an outcome; 0 waits as long as the settings of the client allow.
pub(crate) fn wait(slot: &Slot, milliseconds: u32) -> Result<Outcome> {
    let deadline = (milliseconds > 0).then(|| Instant::now() + Duration::from_millis(milliseconds.into()));
    match slot.wait(deadline, || false) {
        Waited::Outcome(outcome) => outcome,
        Waited::TimedOut | Waited::Interrupted => Err(timed_out(milliseconds)),
    }
}

pub(crate) type Begin<'a> = dyn FnOnce(&bridge::Client, &Recipient, u64) -> Result<Option<Token>> + 'a;

/// The blocking form of a call.
pub(crate) fn block(client: *const onem2m_ws_client, milliseconds: u32, begin: Box<Begin<'_>>) -> Result<Outcome> {
    let shared = shared(client)?;
    let slot = Slot::new();
    let token = begin(shared.client(), &Recipient::Slot(Arc::clone(&slot)), 0)?;
    let outcome = wait(&slot, milliseconds);
    if let (Err(error), Some(token)) = (&outcome, token)
        && error.kind() == ErrorKind::Timeout
    {
        // Ours or the session's; the latter has forgotten it already.
        shared.client().cancel(token);
    }
    outcome
}

/// The blocking form of a call that is answered.
pub(crate) fn block_for_response(
    client: *const onem2m_ws_client,
    milliseconds: u32,
    out: *mut *mut onem2m_ws_response,
    begin: Box<Begin<'_>>,
) -> i32 {
    guard(|| {
        store_if_wanted(out, std::ptr::null_mut);
        let response = response_of(block(client, milliseconds, begin)?)?;
        store_if_wanted(out, || give(onem2m_ws_response::new(response)));
        Ok(())
    })
}

fn response_of(outcome: Outcome) -> Result<Response> {
    match outcome {
        Outcome::Response(response) => Ok(response),
        Outcome::Registered(_) | Outcome::Posted(_) | Outcome::Done => {
            Err(Error::new(ErrorKind::Internal, "an outcome without a response"))
        }
    }
}

/// The asynchronous form of a call.
pub(crate) fn begin(
    client: *const onem2m_ws_client,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
    begin: Box<Begin<'_>>,
) -> i32 {
    begin_with(client, || Completion::new(completion, user_data), call, begin)
}

/// As [`begin`], with any kind of completion.
pub(crate) fn begin_with(
    client: *const onem2m_ws_client,
    completion: impl FnOnce() -> Result<Completion>,
    call: *mut u64,
    begin: Box<Begin<'_>>,
) -> i32 {
    guard(|| {
        let shared = shared(client)?;
        let completion = completion()?;
        let to = Recipient::Queue(Arc::clone(shared.queue()));
        let number = shared.call(completion, |client, number| begin(client, &to, number))?;
        store_if_wanted(call, || number);
        Ok(())
    })
}

fn connecting<'a>() -> Box<Begin<'a>> {
    Box::new(|client, to, call| client.connect(to, call).map(|()| None))
}

fn disconnecting<'a>() -> Box<Begin<'a>> {
    Box::new(|client, to, call| client.disconnect(to, call).map(|()| None))
}

fn closing<'a>() -> Box<Begin<'a>> {
    Box::new(|client, to, call| client.close(to, call).map(|()| None))
}

fn sending<'a>(request: *const onem2m_ws_request) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let request = borrow(request, "request")?.request().clone();
        client.send(request, to, call).map(Some)
    })
}

fn notifying<'a>(target: *const c_char, json: *const c_char) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let content = content(text(json, "content_json")?, "content_json")?;
        client.send(Request::notify(text(target, "to")?, content), to, call).map(Some)
    })
}

fn attributes(json: *const c_char) -> Result<Map<String, Value>> {
    match optional_text(json, "attributes_json")? {
        None => Ok(Map::new()),
        Some(json) => serde_json::from_str(json).map_err(|error| {
            let text = format!("argument `attributes_json` is not a JSON object of attributes: {error}");
            Error::new(ErrorKind::InvalidArgument, text)
        }),
    }
}

fn registering_ae<'a>(
    handle: *const onem2m_ws_client,
    parent: *const c_char,
    app_id: *const c_char,
    name: *const c_char,
    json: *const c_char,
) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let mut ae = AeRegistration::new(text(app_id, "app_id")?);
        if let Some(parent) = optional_text(parent, "parent")? {
            ae = ae.below(parent);
        }
        if let Some(name) = optional_text(name, "name")? {
            ae = ae.name(name);
        }
        if let Some(lifetime) = shared(handle)?.registration_lifetime() {
            ae = ae.lifetime(lifetime);
        }
        let ae = attributes(json)?.into_iter().fold(ae, |ae, (name, value)| ae.set(&name, value));
        client.register_ae(ae, to, call).map(|()| None)
    })
}

fn registering_cse<'a>(
    handle: *const onem2m_ws_client,
    parent: *const c_char,
    cse_id: *const c_char,
    cse_name: *const c_char,
    json: *const c_char,
) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let mut cse = CseRegistration::new(text(cse_id, "cse_id")?, text(cse_name, "cse_name")?);
        if let Some(parent) = optional_text(parent, "parent")? {
            cse = cse.below(parent);
        }
        if let Some(lifetime) = shared(handle)?.registration_lifetime() {
            cse = cse.lifetime(lifetime);
        }
        let cse = attributes(json)?.into_iter().fold(cse, |cse, (name, value)| cse.set(&name, value));
        client.register_cse(cse, to, call).map(|()| None)
    })
}

fn subscribing<'a>(target: *const c_char, json: *const c_char) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let subscription = attributes(json)?
            .into_iter()
            .fold(Subscription::new(), |subscription, (name, value)| subscription.set(&name, value));
        client.subscribe(text(target, "target")?.to_owned(), subscription, to, call).map(Some)
    })
}

// --- calls, each in two forms -----------------------------------------------------------------------------------------

/// Opens the connection if it is not open, and waits for that. Without it the first request opens the connection, but goes on
/// trying until its time is over; this tells at once what is wrong.
///
/// Errors: ONEM2M_WS_UNKNOWN_HOST, ONEM2M_WS_CONNECTION_REFUSED, ONEM2M_WS_OPEN_TIMEOUT, ONEM2M_WS_HANDSHAKE_REFUSED,
/// ONEM2M_WS_NOT_WEBSOCKET, ONEM2M_WS_NO_COMMON_SUBPROTOCOL, ONEM2M_WS_NETWORK, ONEM2M_WS_CLOSED; over wss
/// ONEM2M_WS_TLS_FAILED, ONEM2M_WS_PEER_NOT_TRUSTED, ONEM2M_WS_CREDENTIAL_REFUSED; ONEM2M_WS_TIMEOUT after
/// `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_connect(client: *const onem2m_ws_client, timeout_ms: u32) -> i32 {
    guard(|| block(client, timeout_ms, connecting()).map(|_| ()))
}

/// onem2m_ws_client_connect() with a completion callback.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_connect_async(
    client: *const onem2m_ws_client,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, connecting())
}

/// Registers the originator as an AE: CREATE of an `<AE>` below `parent` (NULL for "-", the registrar's CSEBase; "cse-in" for
/// older registrars) with the App-ID `app_id` ("Nexample"), the resource name `name` (NULL: the registrar makes one) and
/// the attributes of a JSON object (may be NULL). From then on requests of any kind can be sent and received; losing the
/// connection does not end a registration. onem2m_ws_client_entity() is the AE-ID then.
///
/// Errors: ONEM2M_WS_REGISTRATION_REFUSED, and what onem2m_ws_client_send() returns.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_register_ae(
    client: *const onem2m_ws_client,
    parent: *const c_char,
    app_id: *const c_char,
    name: *const c_char,
    attributes_json: *const c_char,
    timeout_ms: u32,
) -> i32 {
    guard(|| block(client, timeout_ms, registering_ae(client, parent, app_id, name, attributes_json)).map(|_| ()))
}

/// onem2m_ws_client_register_ae() with a completion callback.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_register_ae_async(
    client: *const onem2m_ws_client,
    parent: *const c_char,
    app_id: *const c_char,
    name: *const c_char,
    attributes_json: *const c_char,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, registering_ae(client, parent, app_id, name, attributes_json))
}

/// Registers the originator as a CSE: CREATE of a `<remoteCSE>` below `parent` (NULL for "-") for the CSE `cse_id` ("/id-mn")
/// whose CSEBase is named `cse_name`, with the attributes of a JSON object (may be NULL).
///
/// Errors: as onem2m_ws_client_register_ae().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_register_cse(
    client: *const onem2m_ws_client,
    parent: *const c_char,
    cse_id: *const c_char,
    cse_name: *const c_char,
    attributes_json: *const c_char,
    timeout_ms: u32,
) -> i32 {
    guard(|| block(client, timeout_ms, registering_cse(client, parent, cse_id, cse_name, attributes_json)).map(|_| ()))
}

/// onem2m_ws_client_register_cse() with a completion callback.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_register_cse_async(
    client: *const onem2m_ws_client,
    parent: *const c_char,
    cse_id: *const c_char,
    cse_name: *const c_char,
    attributes_json: *const c_char,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, registering_cse(client, parent, cse_id, cse_name, attributes_json))
}

/// Sends a request and waits for its response, at most `timeout_ms` and at most the request time-out of the client; 0 is the
/// latter. Without a connection the request waits for one, which is opened. `*response` (`response` may be NULL) is to be
/// freed with onem2m_ws_response_free(); a response whose status is not 2xxx is a response as well, and the result
/// ONEM2M_WS_OK.
///
/// Errors: ONEM2M_WS_NOT_REGISTERED, ONEM2M_WS_CLOSED, ONEM2M_WS_QUEUE_FULL, ONEM2M_WS_DUPLICATE_REQUEST_ID,
/// ONEM2M_WS_INVALID_ARGUMENT, ONEM2M_WS_ENCODE: it was not sent. ONEM2M_WS_TIMEOUT, ONEM2M_WS_CONNECTION_LOST: whether it was
/// carried out is not known, unless the text says so.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_send(
    client: *const onem2m_ws_client,
    request: *const onem2m_ws_request,
    timeout_ms: u32,
    response: *mut *mut onem2m_ws_response,
) -> i32 {
    block_for_response(client, timeout_ms, response, sending(request))
}

/// onem2m_ws_client_send() with a completion callback, which gets the response. The request may be freed at once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_send_async(
    client: *const onem2m_ws_client,
    request: *const onem2m_ws_request,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, sending(request))
}

/// Sends a NOTIFY with this content (a JSON object) to `to` and waits for its response; see onem2m_ws_client_send().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_notify(
    client: *const onem2m_ws_client,
    to: *const c_char,
    content_json: *const c_char,
    timeout_ms: u32,
    response: *mut *mut onem2m_ws_response,
) -> i32 {
    block_for_response(client, timeout_ms, response, notifying(to, content_json))
}

/// onem2m_ws_client_notify() with a completion callback, which gets the response.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_notify_async(
    client: *const onem2m_ws_client,
    to: *const c_char,
    content_json: *const c_char,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, notifying(to, content_json))
}

/// Subscribes to `target`: CREATE of a `<subscription>` below it; notifications come to on_request over this client's own
/// connection. By default every new child is notified, whole; the attributes of a JSON object (may be NULL) say otherwise:
/// {"rn":"sub","enc":{"net":[1]},"nct":2}. The response is 2001 if all is well; see onem2m_ws_client_send().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_subscribe(
    client: *const onem2m_ws_client,
    target: *const c_char,
    attributes_json: *const c_char,
    timeout_ms: u32,
    response: *mut *mut onem2m_ws_response,
) -> i32 {
    block_for_response(client, timeout_ms, response, subscribing(target, attributes_json))
}

/// onem2m_ws_client_subscribe() with a completion callback, which gets the response.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_subscribe_async(
    client: *const onem2m_ws_client,
    target: *const c_char,
    attributes_json: *const c_char,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, subscribing(target, attributes_json))
}

/// Closes the connection for now and waits for that; the next request, or onem2m_ws_client_connect(), opens it again. The
/// registration stays in force. What waits for a response fails with ONEM2M_WS_CONNECTION_LOST.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_disconnect(client: *const onem2m_ws_client, timeout_ms: u32) -> i32 {
    guard(|| block(client, timeout_ms, disconnecting()).map(|_| ()))
}

/// onem2m_ws_client_disconnect() with a completion callback.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_disconnect_async(
    client: *const onem2m_ws_client,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, disconnecting())
}

/// Closes the client: takes no further request (ONEM2M_WS_CLOSED), waits until nothing under way waits for a response, in
/// either direction, then closes the connection. The registration stays in force. Can be called again. In poll mode it
/// delivers callbacks while it waits. The client is still to be freed; freeing it without this loses what is under way.
///
/// Errors: ONEM2M_WS_TIMEOUT: it goes on in the background. ONEM2M_WS_WOULD_DEADLOCK within a callback of this client, which
/// may be what it would wait for: use onem2m_ws_client_close_async() there.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_close(client: *const onem2m_ws_client, timeout_ms: u32) -> i32 {
    guard(|| {
        let inner = borrow(client, "client")?.0.get()?;
        if inner.shared.is_calling() {
            let text = "onem2m_ws_client_close() would wait for the callback that calls it; use onem2m_ws_client_close_async()";
            return Err(Error::new(ErrorKind::WouldDeadlock, text));
        }
        if inner.dispatcher.is_thread() {
            block(client, timeout_ms, closing()).map(|_| ())
        } else {
            // A callback may free the client.
            close_and_dispatch(&Arc::clone(&inner.shared), timeout_ms)
        }
    })
}

/// In poll mode requests of the peer's may wait for the thread that is here.
fn close_and_dispatch(shared: &Courier<Calls>, milliseconds: u32) -> Result<()> {
    const STEP: Duration = Duration::from_millis(10);
    let slot = Slot::new();
    shared.client().close(&Recipient::Slot(Arc::clone(&slot)), 0)?;
    let deadline = (milliseconds > 0).then(|| Instant::now() + Duration::from_millis(milliseconds.into()));
    loop {
        // If another thread delivers, it goes on doing so.
        let _ = shared.dispatch(Duration::ZERO);
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(timed_out(milliseconds));
        }
        let step = deadline.map_or(STEP, |deadline| STEP.min(deadline - now));
        if let Waited::Outcome(outcome) = slot.wait(Some(now + step), || false) {
            let _ = shared.dispatch(Duration::ZERO);
            return outcome.map(|_| ());
        }
    }
}

/// onem2m_ws_client_close() with a completion callback. May be called within callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_close_async(
    client: *const onem2m_ws_client,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, closing())
}

/// Forgets an asynchronous call: its completion will not be called. A request may be carried out nevertheless.
///
/// Errors: ONEM2M_WS_INVALID_STATE if there is no such call any more: its completion was called, or is about to be.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_cancel(client: *const onem2m_ws_client, call: u64) -> i32 {
    guard(|| {
        if shared(client)?.cancel(call) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidState, format!("no call {call} waits for its outcome")))
    })
}

// --- poll mode --------------------------------------------------------------------------------------------------------

/// In poll mode: a descriptor that is readable while there is something to deliver, for poll(), epoll and the like. Only to be
/// waited on; it belongs to the client. Negative for an error: ONEM2M_WS_INVALID_STATE without poll mode.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_fd(client: *const onem2m_ws_client) -> c_int {
    guard_number(|| Ok(RawFd::from(polled(client)?.queue().descriptor())))
}

/// In poll mode: calls the callbacks for all that has happened, on this thread. Waits for something at most `timeout_ms`; 0
/// does not wait.
///
/// Errors: ONEM2M_WS_WOULD_DEADLOCK within a callback of this client; ONEM2M_WS_INVALID_STATE without poll mode, or while
/// another thread does the same.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_dispatch(client: *const onem2m_ws_client, timeout_ms: u32) -> i32 {
    guard(|| {
        // A callback may free the client.
        let shared = Arc::clone(polled(client)?);
        shared.dispatch(Duration::from_millis(timeout_ms.into()))
    })
}

fn polled<'a>(client: *const onem2m_ws_client) -> Result<&'a Arc<Courier<Calls>>> {
    let inner = borrow(client, "client")?.0.get()?;
    if inner.dispatcher.is_thread() {
        let text = "the client is not in poll mode: onem2m_ws_client_config_set_poll_mode() before it is made";
        return Err(Error::new(ErrorKind::InvalidState, text));
    }
    Ok(&inner.shared)
}

// --- what is known of a client ----------------------------------------------------------------------------------------

/// Where the connection stands: one of onem2m_ws_connection_state, or negative for an error.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_state(client: *const onem2m_ws_client) -> i32 {
    guard_number(|| Ok(with_state(&shared(client)?.client().state()?, |state| state.state)))
}

/// What the connection speaks: one of onem2m_ws_format, which the registrar chose; 0 while there is no connection, negative for
/// an error.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_format(client: *const onem2m_ws_client) -> i32 {
    guard_number(|| Ok(shared(client)?.client().format()?.map_or(0, number_of)))
}

/// Copies the AE-ID or CSE-ID that is registered to `buffer`, with a zero byte at its end; `*length` (may be NULL) is its
/// length without that.
///
/// Errors: ONEM2M_WS_NOT_REGISTERED; ONEM2M_WS_INVALID_ARGUMENT if `size` is too small: nothing is copied then, and `*length`
/// tells.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_entity(
    client: *const onem2m_ws_client,
    buffer: *mut c_char,
    size: usize,
    length: *mut usize,
) -> i32 {
    guard(|| {
        let registration = shared(client)?.client().registration()?;
        let entity = registration.ok_or_else(|| Error::new(ErrorKind::NotRegistered, "nothing is registered"))?.entity;
        store_if_wanted(length, || entity.len());
        crate::text::copy_out(&entity, buffer, size)
    })
}
