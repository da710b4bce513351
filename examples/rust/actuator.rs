//! An actuator: registers as an AE, subscribes to the sensor's container, and acts on the notifications that arrive over
//! its own connection.
//!
//! `cargo run -p onem2m-ws --example actuator -- ws://127.0.0.1:9000 [--preset acme] [--count 5] [--cse-name cse-in]`
//!
//! Start the sensor with enough readings, or after this one: it waits for the container.

#![allow(clippy::print_stdout)] // it is a program for a shell

use std::process::ExitCode;
use std::time::Duration;

use onem2m_ws::client::{AeRegistration, Client, Preset, Subscription};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::{Error, ErrorKind, IncomingRequest};
use tokio::sync::mpsc;

#[path = "common/options.rs"]
mod options;

#[tokio::main]
async fn main() -> ExitCode {
    options::within_a_minute("actuator", "not enough readings", run()).await
}

async fn run() -> Result<(), Error> {
    let options = options::read("actuator")?;
    let target = format!("{}/sensor/data", options.cse_name);

    let client = Client::builder(&options.url)
        .originator("Cactuator")
        .preset(Preset::by_name(&options.preset)?)
        .connect()
        .await?;

    // The handler runs where the connection is driven: it answers, and hands the work on.
    let (readings, mut received) = mpsc::unbounded_channel();
    client.on_request(move |incoming: IncomingRequest| {
        let reading = incoming.request.content.as_ref().and_then(|content| content.value().ok()).and_then(|content| {
            // {"m2m:sgn": {"nev": {"rep": {"m2m:cin": {"con": "21", ...}}, "net": 3}, "sur": "..."}}
            Some(content.pointer("/m2m:sgn/nev/rep/m2m:cin/con")?.as_str()?.to_owned())
        });
        // An answer that comes too late for its connection is lost, and the notification comes again.
        let _ = incoming.respond(Response::ok());
        if let Some(reading) = reading {
            let _ = readings.send(reading);
        }
    });

    let registration = client.register_ae(AeRegistration::new("Nactuator").name("actuator")).await?;
    println!("actuator: registered as {}", registration.entity);

    while client.send(Request::retrieve(&target)).await?.status == StatusCode::NOT_FOUND {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let response = client.subscribe(&target, Subscription::new().name("actuator")).await?;
    if response.status != StatusCode::CREATED {
        let text = format!("the subscription was refused: {} {:?}", response.status, response.debug_text());
        return Err(Error::new(ErrorKind::InvalidState, text));
    }
    println!("actuator: subscribed to {target}");

    for number in 1..=options.count {
        let Some(reading) = received.recv().await else { break };
        let valve = if reading.parse::<f64>().is_ok_and(|degrees| degrees > 22.0) { "open" } else { "shut" };
        println!("actuator: {reading} degrees, valve {valve}");

        if options.rest_after == Some(number) {
            // Away for a while, to save power. The registration stays in force, and the registrar keeps the notifications.
            client.disconnect().await;
            tokio::time::sleep(options.rest).await;
            // The next request opens the connection again, without a new registration.
            client.send(Request::retrieve(&target)).await?;
        }
    }
    client.close().await;
    Ok(())
}
