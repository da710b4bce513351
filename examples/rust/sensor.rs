//! A sensor: registers as an AE, creates a container, and publishes readings into it.
//!
//! `cargo run -p onem2m-ws --example sensor -- ws://127.0.0.1:9000 [--preset acme] [--count 5] [--cse-name cse-in]`

#![allow(clippy::print_stdout)] // it is a program for a shell

use std::process::ExitCode;

use onem2m_ws::client::{AeRegistration, Client, Preset};
use onem2m_ws::primitive::{Request, ResourceType, StatusCode};
use onem2m_ws::{Error, ErrorKind};
use serde_json::json;

#[path = "common/options.rs"]
mod options;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sensor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let options = options::read("sensor")?;
    let cse = &options.cse_name;

    let client =
        Client::builder(&options.url).originator("Csensor").preset(Preset::by_name(&options.preset)?).connect().await?;
    let registration = client.register_ae(AeRegistration::new("Nsensor").name("sensor")).await?;
    println!("sensor: registered as {}", registration.entity);

    // Lets the actuator read and subscribe (acop 1 + 2), and nobody else.
    let owner = json!({"acor": ["Csensor"], "acop": 63});
    let actuator = json!({"acor": ["Cactuator"], "acop": 3});
    let policy = json!({"m2m:acp": {"rn": "sharing", "pv": {"acr": [owner, actuator]}, "pvs": {"acr": [owner]}}});
    let response =
        client.send(Request::create(format!("{cse}/sensor"), ResourceType::ACCESS_CONTROL_POLICY, policy)).await?;
    let shared = response.status == StatusCode::CREATED;

    let mut container = json!({"m2m:cnt": {"rn": "data", "mni": 100}});
    if shared {
        container["m2m:cnt"]["acpi"] = json!([format!("{cse}/sensor/sharing")]);
    }
    let response = client.send(Request::create(format!("{cse}/sensor"), ResourceType::CONTAINER, container)).await?;
    if response.status != StatusCode::CREATED && response.status != StatusCode::CONFLICT {
        let text = format!("the container was not created: {} {:?}", response.status, response.debug_text());
        return Err(Error::new(ErrorKind::InvalidState, text));
    }
    println!("sensor: publishing into {cse}/sensor/data");

    for number in 1..=options.count {
        let reading = json!({"m2m:cin": {"cnf": "text/plain:0", "con": format!("{}", 20 + number)}});
        let to = format!("{cse}/sensor/data");
        let response = client.send(Request::create(to, ResourceType::CONTENT_INSTANCE, reading)).await?;
        println!("sensor: published {} -> {}", 20 + number, response.status);
        tokio::time::sleep(options.interval).await;
    }

    // The registration stays in force: the next run needs `registered(true)` instead of a new one.
    client.close().await;
    Ok(())
}
