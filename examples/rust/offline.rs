//! An AE that goes offline, misses notifications, and gets all of them in order when it is back.
//!
//! `cargo run -p onem2m-ws --example offline -- ws://127.0.0.1:9000 [--preset acme] [--count 5] [--cse-name cse-in]`
//!
//! Needs a registrar that stores notifications for an AE that is away (TS-0020 5.2 says that it should), as the embedded one
//! does. A second AE in this program, the writer, makes what is missed.

#![allow(clippy::print_stdout)] // it is a program for a shell

use std::process::ExitCode;

use onem2m_ws::client::{AeRegistration, Client, Preset, Subscription};
use onem2m_ws::primitive::{Request, ResourceType, Response, StatusCode};
use onem2m_ws::{Error, ErrorKind, IncomingRequest};
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[path = "common/options.rs"]
mod options;

use options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    options::within_a_minute("offline", "not all readings", run()).await
}

async fn run() -> Result<(), Error> {
    let options = options::read("offline")?;
    let data = format!("{}/writer/data", options.cse_name);

    let writer = register(&options, "Cwriter", "writer").await?;
    create(
        &writer,
        format!("{}/writer", options.cse_name),
        ResourceType::CONTAINER,
        json!({"m2m:cnt": {"rn": "data"}}),
    )
    .await?;

    let reader = register(&options, "Creader", "reader").await?;
    // The handler runs where the connection is driven: it answers, and hands the work on.
    let (readings, mut received) = mpsc::unbounded_channel();
    reader.on_request(move |incoming: IncomingRequest| {
        let reading = incoming.request.content.as_ref().and_then(|content| content.value().ok()).and_then(|content| {
            // {"m2m:sgn": {"nev": {"rep": {"m2m:cin": {"con": "1", ...}}, "net": 3}, "sur": "..."}}
            content.pointer("/m2m:sgn/nev/rep/m2m:cin/con")?.as_str()?.parse::<u32>().ok()
        });
        // An answer that comes too late for its connection is lost, and the notification comes again.
        let _ = incoming.respond(Response::ok());
        if let Some(reading) = reading {
            let _ = readings.send(reading);
        }
    });
    let response = reader.subscribe(&data, Subscription::new().name("reader")).await?;
    expect(StatusCode::CREATED, &response)?;
    println!("offline: subscribed to {data}");

    // The first one arrives at once.
    publish(&writer, &data, 1).await?;
    receive(&mut received, 1).await?;

    // The registration stays in force, and the registrar keeps what comes meanwhile.
    reader.disconnect().await;
    println!("offline: away");
    for number in 2..=options.count {
        publish(&writer, &data, number).await?;
        println!("offline: published {number} meanwhile");
    }

    // Back without a new registration; any request would open the connection as well.
    reader.connect().await?;
    println!("offline: back");
    for number in 2..=options.count {
        receive(&mut received, number).await?;
    }
    println!("offline: nothing was lost");

    // Deregisters both, so that the program can run again.
    for (client, name) in [(reader, "reader"), (writer, "writer")] {
        let response = client.send(Request::delete(format!("{}/{name}", options.cse_name))).await?;
        expect(StatusCode::DELETED, &response)?;
        client.close().await;
    }
    Ok(())
}

async fn register(options: &Options, originator: &str, name: &str) -> Result<Client, Error> {
    let preset = Preset::by_name(&options.preset)?;
    let client = Client::builder(&options.url).originator(originator).preset(preset).connect().await?;
    let registration = client.register_ae(AeRegistration::new(format!("N{name}")).name(name)).await?;
    println!("offline: registered {}", registration.entity);
    Ok(client)
}

async fn create(client: &Client, to: String, ty: ResourceType, content: Value) -> Result<(), Error> {
    expect(StatusCode::CREATED, &client.send(Request::create(to, ty, content)).await?)
}

async fn publish(writer: &Client, to: &str, number: u32) -> Result<(), Error> {
    let reading = json!({"m2m:cin": {"cnf": "text/plain:0", "con": number.to_string()}});
    create(writer, to.to_owned(), ResourceType::CONTENT_INSTANCE, reading).await
}

/// Takes the next reading, which is to be this one.
async fn receive(received: &mut mpsc::UnboundedReceiver<u32>, number: u32) -> Result<(), Error> {
    let reading = received.recv().await;
    if reading != Some(number) {
        return Err(Error::new(ErrorKind::InvalidState, format!("received {reading:?} instead of {number}")));
    }
    println!("offline: received {number}");
    Ok(())
}

fn expect(status: StatusCode, response: &Response) -> Result<(), Error> {
    if response.status == status {
        return Ok(());
    }
    let text = format!("refused: {} {:?}", response.status, response.debug_text());
    Err(Error::new(ErrorKind::InvalidState, text))
}
