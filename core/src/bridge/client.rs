//! A client for a foreign language: every call returns at once, its outcome goes to a [`Recipient`].

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Delivery, Home, Outcome, Queue, Recipient, Slot, runtime};
use crate::binding::{Counters, Mode, PeerIdentity, Posted, Registration, Token};
use crate::client::{
    self, AeRegistration, Application, ClientBuilder, ClientEvent, CseRegistration, StateChange, Subscription,
};
use crate::net::link::{Completion, IncomingRequest};
use crate::primitive::{Format, Request, Response};
use crate::{Error, ErrorKind, Result};

/// A client whose requests and state changes go to a [`Queue`] under the number of its handle.
///
/// All methods may be called on any thread, also at the same time. None waits. Every call returns `Forked` in a child
/// process. Dropping it closes the connection at once.
pub struct Client {
    // In a forked child the runtime's threads are gone, and its locks may be held by nobody for ever: nothing of the
    // client is touched there, not even to drop it.
    client: Option<client::Client>,
    runtime: Handle,
    home: Home,
}

struct ToQueue {
    queue: Arc<Queue>,
    handle: u64,
}

/// An outcome goes to a slot, and the acknowledgement before it to a queue, which hears of the end, too.
struct Apart {
    slot: Arc<Slot>,
    queue: Arc<Queue>,
}

impl Completion for Apart {
    fn complete(&self, call: u64, result: Result<Response>) {
        // Whoever drains the queue is to know that no acknowledgement will follow.
        self.queue.push(Delivery::Completed { call, result: Ok(Outcome::Done) });
        self.slot.complete(call, result);
    }

    fn acknowledge(&self, call: u64, response: Response) {
        self.queue.acknowledge(call, response);
    }
}

impl Application for ToQueue {
    fn on_request(&self, request: IncomingRequest) {
        self.queue.push(Delivery::Request { handle: self.handle, request });
    }

    fn on_state(&self, change: &StateChange) {
        self.queue.push(Delivery::State { handle: self.handle, change: change.clone() });
    }

    fn on_event(&self, event: &ClientEvent) {
        self.queue.push(Delivery::Event { handle: self.handle, event: event.clone() });
    }
}

impl Client {
    /// Makes a client; nothing is opened yet.
    ///
    /// # Errors
    /// `InvalidArgument` if a setting is out of range, `Internal` if the runtime cannot be started.
    pub fn new(config: ClientBuilder, queue: Arc<Queue>, handle: u64) -> Result<Self> {
        let runtime = runtime::handle()?;
        let client = client::Client::start(config, &runtime)?;
        client.set_application(Arc::new(ToQueue { queue, handle }));
        Ok(Self { client: Some(client), runtime, home: Home::here() })
    }

    /// Opens the connection if it is not open. Outcome: `Done`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn connect(&self, to: &Recipient, call: u64) -> Result<()> {
        self.spawn(to, call, |client| async move { client.connect().await.map(|()| Outcome::Done) })
    }

    /// Sends a request. Outcome: `Response`. The token cancels it.
    ///
    /// # Errors
    /// Why it was not taken; see [`client::Client::send`]. The recipient then hears nothing.
    pub fn send(&self, request: Request, to: &Recipient, call: u64) -> Result<Token> {
        let client = self.client()?;
        match to {
            Recipient::Queue(queue) => client.send_with(request, queue.clone(), call),
            Recipient::Slot(slot) => client.send_with(request, slot.clone(), call),
        }
    }

    /// Sends a request whose result comes in the way of `mode`. Outcome: `Response`, the result; a [`Queue`] gets
    /// [`Delivery::Acknowledged`] before, if the registrar accepted it for later. The token cancels it.
    ///
    /// # Errors
    /// Why it was not taken; see [`client::Client::send_in`]. The recipient then hears nothing.
    pub fn send_in(&self, mode: Mode, request: Request, to: &Recipient, call: u64) -> Result<Token> {
        let client = self.client()?;
        match to {
            Recipient::Queue(queue) => client.send_in_with(mode, request, queue.clone(), call),
            Recipient::Slot(slot) => client.send_in_with(mode, request, slot.clone(), call),
        }
    }

    /// As [`send_in`](Self::send_in) for one who waits at a slot: the acknowledgement goes to the queue, with the number `call`,
    /// and [`Delivery::Completed`] with nothing in it when no other will follow.
    ///
    /// # Errors
    /// As [`send_in`](Self::send_in).
    pub fn send_in_telling(
        &self,
        mode: Mode,
        request: Request,
        to: &Arc<Slot>,
        queue: &Arc<Queue>,
        call: u64,
    ) -> Result<Token> {
        let to = Apart { slot: Arc::clone(to), queue: Arc::clone(queue) };
        self.client()?.send_in_with(mode, request, Arc::new(to), call)
    }

    /// Forgets a request: true if its outcome will not be delivered any more.
    pub fn cancel(&self, token: Token) -> bool {
        self.client().is_ok_and(|client| client.cancel(token))
    }

    /// Who the registrar is that it is connected to; see [`client::Client::peer_identity`].
    ///
    /// # Errors
    /// `Forked`.
    pub fn peer_identity(&self) -> Result<Option<PeerIdentity>> {
        Ok(self.client()?.peer_identity())
    }

    /// Reads the files of its TLS settings anew; see [`client::Client::reload_tls`].
    ///
    /// # Errors
    /// As [`client::Client::reload_tls`]; `Forked`.
    pub fn reload_tls(&self) -> Result<()> {
        self.client()?.reload_tls()
    }

    /// Registers the originator as an AE. Outcome: `Registered`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn register_ae(&self, ae: AeRegistration, to: &Recipient, call: u64) -> Result<()> {
        self.spawn(to, call, |client| async move { client.register_ae(ae).await.map(Outcome::Registered) })
    }

    /// Registers the originator as a CSE. Outcome: `Registered`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn register_cse(&self, cse: CseRegistration, to: &Recipient, call: u64) -> Result<()> {
        self.spawn(to, call, |client| async move { client.register_cse(cse).await.map(Outcome::Registered) })
    }

    /// Subscribes to `target`. Outcome: `Response`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn subscribe(&self, target: String, subscription: Subscription, to: &Recipient, call: u64) -> Result<Token> {
        self.send(self.client()?.subscription_request(target, subscription), to, call)
    }

    /// Accepts a request and delivers it when that is possible. Outcome: `Posted` when it is accepted; what becomes of it is a
    /// [`Delivery::Event`]. The order of these calls is the order of delivery.
    ///
    /// # Errors
    /// `Forked`.
    pub fn post(&self, request: Request, to: &Recipient, call: u64) -> Result<()> {
        let accepted = self.client()?.post(request);
        self.spawn(to, call, |_| async move { accepted.await.map(Outcome::Posted) })
    }

    /// Waits until everything that was posted is delivered, or has expired. Outcome: `Done`, or `Closed`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn flush(&self, to: &Recipient, call: u64) -> Result<()> {
        self.spawn(to, call, |client| async move { client.flush().await.map(|()| Outcome::Done) })
    }

    /// As [`flush`](Self::flush), and gives up after `time`. Outcome: `Done`, `Closed`, or `Timeout`: then all stays as it is.
    ///
    /// # Errors
    /// `Forked`.
    pub fn flush_within(&self, time: Duration, to: &Recipient, call: u64) -> Result<()> {
        self.spawn(to, call, move |client| async move {
            let Ok(flushed) = tokio::time::timeout(time, client.flush()).await else {
                let text = format!("the outbox still holds {} requests; they stay in it", client.outbox_len());
                return Err(Error::new(ErrorKind::Timeout, text));
            };
            flushed.map(|()| Outcome::Done)
        })
    }

    /// What was posted and is not delivered yet, in its order.
    ///
    /// # Errors
    /// `Forked`.
    pub fn outbox(&self) -> Result<Vec<Posted>> {
        Ok(self.client()?.outbox())
    }

    /// How many requests that is.
    ///
    /// # Errors
    /// `Forked`.
    pub fn outbox_len(&self) -> Result<usize> {
        Ok(self.client()?.outbox_len())
    }

    /// Closes the connection for now; the next request opens it again. Outcome: `Done`.
    ///
    /// # Errors
    /// `Forked`.
    pub fn disconnect(&self, to: &Recipient, call: u64) -> Result<()> {
        self.spawn(to, call, |client| async move {
            client.disconnect().await;
            Ok(Outcome::Done)
        })
    }

    /// Closes the client: waits for what is under way, then closes the connection. Outcome: `Done`. May be called again.
    ///
    /// # Errors
    /// `Forked`.
    pub fn close(&self, to: &Recipient, call: u64) -> Result<()> {
        self.client()?.begin_close(); // nothing is taken any more from here on
        self.spawn(to, call, |client| async move {
            client.close().await;
            Ok(Outcome::Done)
        })
    }

    /// Closes at once; what is under way fails with `Closed`.
    pub fn abort(&self) {
        if let Ok(client) = self.client() {
            client.abort();
        }
    }

    /// Where the connection stands.
    ///
    /// # Errors
    /// `Forked`.
    pub fn state(&self) -> Result<StateChange> {
        Ok(self.client()?.state())
    }

    /// The registration in force.
    ///
    /// # Errors
    /// `Forked`.
    pub fn registration(&self) -> Result<Option<Registration>> {
        Ok(self.client()?.registration())
    }

    /// What the client counted so far.
    ///
    /// # Errors
    /// `Forked`.
    pub fn counters(&self) -> Result<Counters> {
        Ok(self.client()?.counters())
    }

    /// What the connection speaks; `None` while there is none.
    ///
    /// # Errors
    /// `Forked`.
    pub fn format(&self) -> Result<Option<Format>> {
        Ok(self.client()?.format())
    }

    fn client(&self) -> Result<&client::Client> {
        self.home.check()?;
        self.client.as_ref().ok_or_else(|| Error::new(ErrorKind::Closed, "the client was dropped"))
    }

    fn spawn<F>(&self, to: &Recipient, call: u64, make: impl FnOnce(client::Client) -> F) -> Result<()>
    where
        F: Future<Output = Result<Outcome>> + Send + 'static,
    {
        let future = make(self.client()?.clone());
        let to = to.clone();
        self.runtime.spawn(async move {
            let result = future.await;
            to.deliver(call, result);
        });
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        match self.client() {
            // Calls under way hold clones: it ends for them too.
            Ok(client) => client.abort(),
            Err(_forked) => std::mem::forget(self.client.take()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::*;
    use crate::bridge::{Registrar, Slot, Waited};
    use crate::primitive::{ResourceType, StatusCode};
    use serde_json::json;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// The next thing that is no change of the connection.
    fn next(queue: &Queue, taken: &mut VecDeque<Delivery>) -> Delivery {
        loop {
            match taken.pop_front() {
                Some(Delivery::State { .. }) => {}
                Some(delivery) => return delivery,
                None => {
                    taken.extend(queue.wait(PATIENCE));
                    assert!(!taken.is_empty(), "nothing came");
                }
            }
        }
    }

    #[test]
    fn ws_6_5_1_a_call_is_acknowledged_and_then_completed() {
        let registrar = Registrar::start(crate::registrar::Registrar::builder().listen("ws://127.0.0.1:0")).unwrap();
        let url = registrar.points_of_access().unwrap().remove(0);
        let queue = Arc::new(Queue::new(16).unwrap());
        let client = Client::new(client::Client::builder(url).originator("Cqueue"), queue.clone(), 1).unwrap();
        let (to, mut taken) = (Recipient::Queue(queue.clone()), VecDeque::new());
        client.register_ae(AeRegistration::new("Ntest").name("queue"), &to, 1).unwrap();
        assert!(matches!(next(&queue, &mut taken), Delivery::Completed { call: 1, result: Ok(_) }));
        let create = |name: &str| Request::create("-/queue", ResourceType::CONTAINER, json!({"m2m:cnt": {"rn": name}}));
        for (call, mode) in [(2, Mode::NonBlockingSynch), (3, Mode::NonBlockingAsynch), (4, Mode::FlexBlocking)] {
            client.send_in(mode, create(&format!("c{call}")), &to, call).unwrap();
            if mode != Mode::FlexBlocking {
                let Delivery::Acknowledged { call: of, response } = next(&queue, &mut taken) else {
                    panic!("{mode:?}")
                };
                assert_eq!((of, response.status.code()), (call, 999 + u16::try_from(call).unwrap()));
            }
            let Delivery::Completed { call: of, result } = next(&queue, &mut taken) else { panic!("{mode:?}") };
            let Ok(Outcome::Response(response)) = result else { panic!("{result:?}") };
            assert_eq!((of, response.status), (call, StatusCode::CREATED));
        }
        // Who blocks waits for the result.
        let slot = Slot::new();
        client.send_in(Mode::NonBlockingSynch, create("slot"), &Recipient::Slot(slot.clone()), 0).unwrap();
        let Waited::Outcome(Ok(Outcome::Response(response))) = slot.wait(None, || false) else { panic!("no result") };
        assert_eq!(response.status, StatusCode::CREATED);
        // A call can be forgotten, once.
        let mut request = create("forgotten");
        request.additional_mut().operation_execution_time =
            Some(crate::primitive::AbsRelTimestamp::relative(Duration::from_secs(60)));
        let token = client.send_in(Mode::NonBlockingSynch, request, &to, 9).unwrap();
        assert!(matches!(next(&queue, &mut taken), Delivery::Acknowledged { call: 9, .. }));
        assert!(client.cancel(token) && !client.cancel(token));
    }
}
