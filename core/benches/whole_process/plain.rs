//! The two programs without this library, written as is usual.

use std::collections::HashMap;
use std::future::Future;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::certificates::Authority;
use super::process::{Exchange, REQUEST_CONTENT, RESPONSE_CONTENT, Workers, originator};

const SUBPROTOCOL: HeaderValue = HeaderValue::from_static("oneM2M.json");

#[derive(Serialize, Deserialize)]
struct RequestPrimitive {
    op: u8,
    to: String,
    fr: String,
    rqi: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ty: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pc: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rvi: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ResponsePrimitive {
    rsc: u16,
    rqi: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pc: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rvi: Option<String>,
}

// ---- the server

/// As one writes it at first: default settings, and a `send`, which flushes, for each reply.
pub(crate) async fn serve() -> u16 {
    listen(serve_one, WebSocketConfig::default()).await
}

/// The same with the smallest read buffer that makes sense: it is what an idle connection holds.
pub(crate) async fn serve_tuned() -> u16 {
    listen(serve_one, WebSocketConfig::default().read_buffer_size(4 << 10)).await
}

/// As one writes it for speed: every reply whose request is there is fed, and all are flushed at once. The read buffer is
/// filled with zeros before each read, so a smaller one is faster.
pub(crate) async fn serve_batched() -> u16 {
    listen(serve_batches, batched()).await
}

fn batched() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(super::child::setting("READ_BUFFER", 8 << 10))
}

/// The three of them over TLS, for clients with certificates.
pub(crate) async fn serve_tls() -> u16 {
    listen_tls(serve_one, WebSocketConfig::default()).await
}

pub(crate) async fn serve_tuned_tls() -> u16 {
    listen_tls(serve_one, WebSocketConfig::default().read_buffer_size(4 << 10)).await
}

pub(crate) async fn serve_batched_tls() -> u16 {
    listen_tls(serve_batches, batched()).await
}

async fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: fn(WebSocketStream<TcpStream>) -> F,
    config: WebSocketConfig,
) -> u16 {
    for_each_connection(move |stream| async move { serve(accept(stream, config).await).await }).await
}

async fn listen_tls<F: Future<Output = ()> + Send + 'static>(
    serve: fn(WebSocketStream<TlsStream<TcpStream>>) -> F,
    config: WebSocketConfig,
) -> u16 {
    let acceptor = TlsAcceptor::from(Authority::from_environment().server_config());
    let serve = move |stream| {
        let handshake = acceptor.accept(stream);
        async move { serve(accept(handshake.await.unwrap(), config).await).await }
    };
    for_each_connection(serve).await
}

async fn for_each_connection<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream));
        }
    });
    port
}

#[allow(clippy::result_large_err)] // the callback's type is given
async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S, config: WebSocketConfig) -> WebSocketStream<S> {
    let choose = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        response.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL);
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async_with_config(stream, choose, Some(config)).await.unwrap()
}

async fn serve_one<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    let content: Box<RawValue> = serde_json::from_str(RESPONSE_CONTENT).unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let Some(answer) = answer(message, &content) else { continue };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}

async fn serve_batches<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    let content: Box<RawValue> = serde_json::from_str(RESPONSE_CONTENT).unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let mut next = Some(message);
        while let Some(message) = next {
            if let Some(answer) = answer(message, &content)
                && socket.feed(answer).await.is_err()
            {
                return;
            }
            next = socket.next().now_or_never().flatten().and_then(Result::ok);
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

fn answer(message: Message, content: &RawValue) -> Option<Message> {
    let Message::Text(text) = message else { return None };
    let request: RequestPrimitive = serde_json::from_str(&text).unwrap();
    let response = ResponsePrimitive { rsc: 2001, rqi: request.rqi, pc: Some(content.to_owned()), rvi: request.rvi };
    Some(Message::text(serde_json::to_string(&response).unwrap()))
}

// ---- the client

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(port: u16) -> Socket {
    let mut request = format!("ws://127.0.0.1:{port}").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL);
    let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true).await.unwrap();
    socket
}

/// Makes requests of one originator.
struct Requests {
    originator: String,
    content: Box<RawValue>,
    count: u64,
}

impl Requests {
    fn new(number: usize) -> Self {
        Self { originator: originator(number), content: serde_json::from_str(REQUEST_CONTENT).unwrap(), count: 0 }
    }

    fn next(&mut self) -> RequestPrimitive {
        self.count += 1;
        RequestPrimitive {
            op: 1,
            to: "in-cse/sensorAE/data".to_owned(),
            fr: self.originator.clone(),
            rqi: format!("r-{:011}", self.count),
            ty: Some(4),
            pc: Some(self.content.clone()),
            rvi: Some("3".to_owned()),
        }
    }
}

/// One request at a time needs no task: send, then read.
struct Sequential {
    socket: Socket,
    requests: Requests,
}

impl Exchange for Sequential {
    async fn exchange(&mut self) -> u64 {
        let request = self.requests.next();
        self.socket.send(Message::text(serde_json::to_string(&request).unwrap())).await.unwrap();
        let Some(Ok(Message::Text(text))) = self.socket.next().await else { panic!("no response") };
        let response: ResponsePrimitive = serde_json::from_str(&text).unwrap();
        assert_eq!((response.rsc, response.rqi), (2001, request.rqi));
        1
    }
}

/// Several at a time: a task owns the connection and knows who waits for what.
#[derive(Clone)]
struct Shared(mpsc::Sender<oneshot::Sender<ResponsePrimitive>>);

impl Exchange for Shared {
    async fn exchange(&mut self) -> u64 {
        let (sender, receiver) = oneshot::channel();
        self.0.send(sender).await.unwrap();
        assert_eq!(receiver.await.unwrap().rsc, 2001);
        1
    }
}

async fn carry(
    mut socket: Socket,
    mut requests: Requests,
    mut asked: mpsc::Receiver<oneshot::Sender<ResponsePrimitive>>,
) {
    let mut waiting = HashMap::new();
    loop {
        tokio::select! {
            asked = asked.recv() => {
                let Some(waiter) = asked else { return };
                let request = requests.next();
                let text = serde_json::to_string(&request).unwrap();
                waiting.insert(request.rqi, waiter);
                socket.send(Message::text(text)).await.unwrap();
            }
            message = socket.next() => {
                let Some(Ok(Message::Text(text))) = message else { return };
                let response: ResponsePrimitive = serde_json::from_str(&text).unwrap();
                if let Some(waiter) = waiting.remove(&response.rqi) {
                    // Who does not wait any more is not told.
                    let _ = waiter.send(response);
                }
            }
        }
    }
}

pub(crate) async fn open(port: u16, connections: usize, window: usize) -> Workers {
    let mut workers = Workers::default();
    for number in 0..connections {
        let (socket, requests) = (connect(port).await, Requests::new(number));
        if window == 1 {
            workers.add(Sequential { socket, requests });
            continue;
        }
        let (sender, receiver) = mpsc::channel(window);
        tokio::spawn(carry(socket, requests, receiver));
        for _ in 0..window {
            workers.add(Shared(sender.clone()));
        }
    }
    workers
}
