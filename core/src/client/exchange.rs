//! A request whose result comes in a transfer mode of its own.
//!
//! Covers: TS-0020 6.5; rows WS-6.5-1 to -3. The session does the work (`binding::transfer`).

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Client;
use crate::Result;
use crate::binding::Mode;
use crate::net::link::Place;
use crate::primitive::{Request, Response};

impl Client {
    /// Sends a request whose result comes in the way of `mode`. Await the exchange for the result, whatever its status:
    ///
    /// ```no_run
    /// # use onem2m_ws::client::{Client, Mode};
    /// # use onem2m_ws::primitive::Request;
    /// # async fn example(client: &Client, request: Request) -> onem2m_ws::Result<()> {
    /// let exchange = client.send_in(Mode::NonBlockingAsynch, request)?;
    /// println!("{}", exchange.acknowledgement().await?.status);
    /// println!("{}", exchange.await?.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The registrar notifies the result of an asynchronous request to this client, which takes it itself; it does not reach
    /// [`on_request`](Self::on_request). For that of a synchronous one, the `<request>` is looked at after 0.1 s, then after twice
    /// the time, up to every 5 s. A registrar that answers at once, or does not know the mode, is fine too.
    ///
    /// The result is waited for until its `rset`, or for the request time-out, beginning at its `oet`. It is also taken over a
    /// connection that is opened meanwhile; for a notified one, one is opened. Once the request is acknowledged, only time ends
    /// the wait, or the end of the client. Dropping the exchange forgets it.
    ///
    /// # Errors
    /// As [`send`](Self::send), of which some come from the exchange; `InvalidArgument` for a registration, which is blocking
    /// always. The exchange ends with `Timeout` if the result did not come, or its `<request>` is gone; whether the request was
    /// carried out is then not known.
    pub fn send_in(&self, mode: Mode, request: Request) -> Result<Exchange> {
        let place = self.shared().link.begin(mode, request)?;
        Ok(Exchange { client: self.clone(), place: Some(place) })
    }
}

/// A request that was sent with [`Client::send_in`]: a future of its result.
#[must_use = "dropping it forgets the request"]
pub struct Exchange {
    client: Client,
    /// `None` once the result was taken.
    place: Option<Place>,
}

impl Exchange {
    /// Waits for the first response: the acknowledgement (1001, 1002), or the result, if the registrar answers at once.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn acknowledgement(&self) -> Result<Response> {
        poll_fn(|cx| match &self.place {
            Some(place) => self.client.shared().link.poll_acknowledgement(place, cx),
            None => Poll::Pending,
        })
        .await
    }
}

impl Future for Exchange {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = &self.place else { return Poll::Pending };
        let result = self.client.shared().link.poll_result(place, cx);
        if result.is_ready() {
            self.place = None;
        }
        result
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.client.shared().link.forget(&place);
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
