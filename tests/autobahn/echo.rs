//! The peer that the Autobahn test suite judges: an echo server and an echo client on the pure WebSocket layer.
//!
//! `autobahn_echo serve PORT [--compression]` accepts until it is ended; port 0 takes a free one.
//! `autobahn_echo client URL AGENT [--compression]` runs every case that the suite's server at URL has, then lets it write
//! its report.
//!
//! One blocking thread a connection, and nothing between the socket and [`Connection`]: what is judged is that machine.

#![allow(clippy::print_stdout)] // it is a program for a shell

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use onem2m_ws::websocket::handshake::{
    Limits,
    client::{ClientHandshake, ClientRequest},
    server::ServerHandshake,
};
use onem2m_ws::websocket::{Agreement, Compression, Config, Connection, Disconnect, Event, MessageKind, Random, Role};

/// How long the suite may take for the next bytes of an opening handshake.
const OPENING: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let compression = arguments.pop_if(|last| *last == "--compression").map(|_| everything());
    let done = match arguments[..] {
        ["serve", port] => serve(port, compression),
        ["client", url, agent] => run_cases(url, agent, compression.as_ref()),
        _ => Err(io::Error::other("usage: autobahn_echo serve PORT | client URL AGENT  [--compression]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn_echo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever the suite asks for, and messages of every size.
fn everything() -> Compression {
    Compression { send_takeover: true, receive_takeover: true, min_size: 0, ..Compression::default() }
}

fn serve(port: &str, compression: Option<Compression>) -> io::Result<()> {
    let port = port.parse().map_err(|_| io::Error::other(format!("\"{port}\" is no port")))?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, compression) = (stream?, compression.clone());
        thread::spawn(move || {
            // What the suite does not like about a connection is in its report, also when it ends in an error here.
            if let Err(error) = accept(stream, compression.as_ref()) {
                eprintln!("autobahn_echo: {error}");
            }
        });
    }
    Ok(())
}

fn accept(mut stream: TcpStream, compression: Option<&Compression>) -> io::Result<()> {
    prepare(&stream)?;
    let mut handshake = ServerHandshake::new(Limits::default());
    let request = loop {
        match handshake.handle_data(&read_some(&mut stream)?) {
            Ok(Some(request)) => break request,
            Ok(None) => {}
            Err(rejection) => {
                stream.write_all(&rejection.to_bytes())?;
                return Err(io::Error::other(rejection));
            }
        }
    };
    let agreed = compression.and_then(|wanted| request.negotiate(wanted));
    stream.write_all(&request.accept(None, agreed.as_ref(), &[]).map_err(io::Error::other)?)?;
    let connection = connection(Role::Server, agreed.map(|agreed| agreed.agreement));
    drive(stream, connection, request.leftover, echo)
}

/// RFC 6455 knows nothing of cases: the suite's server says how many it has, and each connection to it is one.
fn run_cases(url: &str, agent: &str, compression: Option<&Compression>) -> io::Result<()> {
    let authority = url.strip_prefix("ws://").ok_or_else(|| io::Error::other("the URL does not begin with ws://"))?;
    let mut count = None;
    open(authority, "/getCaseCount", None, |_, _, payload| {
        count = std::str::from_utf8(&payload).ok().and_then(|text| text.parse::<u32>().ok());
    })?;
    let count = count.ok_or_else(|| io::Error::other("the suite does not say how many cases it has"))?;
    println!("{count} cases");
    for case in 1..=count {
        // Many cases end in an error on purpose; how it looked from the other end is what is judged.
        if let Err(error) = open(authority, &format!("/runCase?case={case}&agent={agent}"), compression, echo) {
            eprintln!("autobahn_echo: case {case} of {count}: {error}");
        }
    }
    open(authority, &format!("/updateReports?agent={agent}"), None, |_, _, _| {})
}

fn open(
    authority: &str,
    target: &str,
    compression: Option<&Compression>,
    on_message: impl FnMut(&mut Connection, MessageKind, Bytes),
) -> io::Result<()> {
    let mut stream = TcpStream::connect(authority)?;
    prepare(&stream)?;
    let request = ClientRequest {
        authority: authority.into(),
        target: target.into(),
        compression: compression.cloned(),
        ..ClientRequest::default()
    };
    let mut handshake = ClientHandshake::new(&request, Limits::default(), &mut System).map_err(io::Error::other)?;
    stream.write_all(&handshake.transmit())?;
    let accepted = loop {
        if let Some(accepted) = handshake.handle_data(&read_some(&mut stream)?).map_err(io::Error::other)? {
            break accepted;
        }
    };
    let connection = connection(Role::Client, accepted.agreement);
    drive(stream, connection, accepted.leftover, on_message)
}

/// Carries bytes and time between a socket and a connection until that is over.
fn drive(
    mut stream: TcpStream,
    mut connection: Connection,
    mut leftover: BytesMut,
    mut on_message: impl FnMut(&mut Connection, MessageKind, Bytes),
) -> io::Result<()> {
    let mut input = vec![0; 64 << 10];
    let mut output = BytesMut::new();
    take(&mut connection, &mut leftover, &mut on_message);
    loop {
        connection.poll_transmit(&mut output);
        stream.write_all(&output)?;
        output.clear();
        match connection.disconnect() {
            Disconnect::NotYet => {}
            Disconnect::Finish => stream.shutdown(Shutdown::Write)?,
            Disconnect::Now | Disconnect::AtOnce => return Ok(()),
        }
        // A time-out of zero would mean none.
        let wait = |at: Instant| at.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(connection.poll_timeout().map(wait))?;
        match stream.read(&mut input) {
            Ok(0) => connection.handle_eof(Instant::now()),
            Ok(size) => take(&mut connection, &mut input[..size], &mut on_message),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => connection.handle_eof(Instant::now()),
        }
        connection.handle_timeout(Instant::now());
    }
}

/// Takes events in between, so that a message is answered also when a violation comes in the same bytes: nothing may be
/// sent after our close frame, and the suite calls a missing echo NON-STRICT.
fn take(
    connection: &mut Connection,
    mut data: &mut [u8],
    mut on_message: impl FnMut(&mut Connection, MessageKind, Bytes),
) {
    while connection.handle_next(Instant::now(), &mut data) {
        while let Some(event) = connection.poll_event() {
            if let Event::Message { kind, payload } = event {
                on_message(connection, kind, payload);
            }
        }
    }
}

fn echo(connection: &mut Connection, kind: MessageKind, payload: Bytes) {
    // After our close frame nothing is sent any more, also no echo.
    let _ = connection.send(kind, |out| out.extend_from_slice(&payload));
}

/// Room for chapter 9, which sends 16 MiB in one message, and 4 MiB in frames of 64 bytes.
fn connection(role: Role, agreement: Option<Agreement>) -> Connection {
    let config = Config { max_message_size: 16 << 20, max_fragments: 1 << 17, ..Config::default() };
    let connection = Connection::new(role, config, Box::new(System), Instant::now());
    match agreement {
        Some(agreement) => connection.with_compression(&agreement),
        None => connection,
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(OPENING))
}

fn read_some(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut input = vec![0; 4096];
    let size = stream.read(&mut input)?;
    if size == 0 {
        return Err(io::Error::other("the connection ended in its opening handshake"));
    }
    input.truncate(size);
    Ok(input)
}

/// The random bytes of the system.
struct System;

impl Random for System {
    fn fill(&mut self, out: &mut [u8]) {
        getrandom::fill(out).expect("the system has random bytes");
    }
}
