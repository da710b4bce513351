//! The procedure of TS-0020 Annex A.1 over wss, both ends with certificates: an AE registers, creates a container, and a
//! contentInstance in it.
//!
//! `cargo run -p onem2m-ws --example secure -- --poa wss://127.0.0.1:9443 --cert ae.pem --key ae.key --ca ca.pem
//! [--originator CSmartHome] [--server-name NAME] [--cse-name cse-in]`
//!
//! The certificate names the AE: `//onem2m-ws.example/id-in/CSmartHome` is a URI among its names. `ca.pem` is the authority of
//! the registrar's certificate. `onem2m-ws pki` of the Python package makes all of them, to try with.

#![allow(clippy::print_stdout)] // it is a program for a shell

use std::collections::HashMap;
use std::process::ExitCode;

use onem2m_ws::client::{AeRegistration, Client};
use onem2m_ws::primitive::{Request, ResourceType};
use onem2m_ws::tls::Tls;
use onem2m_ws::{Error, ErrorKind};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("secure: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let usage = || {
        let text = "usage: secure --poa wss://HOST:PORT --cert PEM --key PEM --ca PEM [--originator AE-ID] [--server-name NAME] \
                    [--cse-name NAME]";
        Error::new(ErrorKind::InvalidArgument, text)
    };
    let mut options = HashMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        options.insert(name, arguments.next().ok_or_else(usage)?);
    }
    let mut option = |name: &str| options.remove(name);
    let mut needed = |name: &str| option(name).ok_or_else(usage);
    let (url, certificate, key, authority) = (needed("--poa")?, needed("--cert")?, needed("--key")?, needed("--ca")?);
    let originator = option("--originator").unwrap_or_else(|| "CSmartHome".to_owned());
    let cse = option("--cse-name").unwrap_or_else(|| "cse-in".to_owned());
    let server_name = option("--server-name");
    if !options.is_empty() {
        return Err(usage());
    }

    // TCP and TLS (step 1), then the opening handshake (steps 2 and 3).
    let mut tls = Tls::new().certificate(certificate, key).trust(authority);
    if let Some(name) = server_name {
        tls = tls.server_name(name);
    }
    let client = Client::builder(url).originator(originator).tls(tls).connect().await?;
    if let Some(registrar) = client.peer_identity() {
        println!("secure: connected to {}", registrar.names().join(", "));
    }

    // Steps 4 to 6.
    let registration = client.register_ae(AeRegistration::new("Na56").name("SmartHomeApplication").below(&cse)).await?;
    println!("secure: registered as {}", registration.entity);

    // Steps 7 to 9.
    let home = format!("{cse}/SmartHomeApplication");
    let container = json!({"m2m:cnt": {"rn": "SmartHomeContainer", "mbs": 100_000, "mni": 500}});
    create(&client, &home, ResourceType::CONTAINER, container).await?;

    let reading = json!({"m2m:cin": {"con": "21.5"}});
    create(&client, &format!("{home}/SmartHomeContainer"), ResourceType::CONTENT_INSTANCE, reading).await?;

    // So that it can be run again.
    client.send(Request::delete(home)).await?;
    client.close().await;
    Ok(())
}

async fn create(client: &Client, to: &str, kind: ResourceType, content: Value) -> Result<(), Error> {
    let response = client.send(Request::create(to, kind, content)).await?;
    println!("secure: a resource below {to} -> {}", response.status);
    if response.status.is_success() {
        return Ok(());
    }
    let text = format!("{to}: {} {:?}", response.status, response.debug_text());
    Err(Error::new(ErrorKind::InvalidState, text))
}
