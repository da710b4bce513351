//! A gateway: an MN-CSE that serves its own registrees, and is a registree of a registrar itself. What is for the registrar, or
//! for somebody behind it, goes up; what comes from there goes to the registrees; what cannot be notified now is kept.
//!
//! `cargo run -p onem2m-ws --example gateway -- --registrar ws://127.0.0.1:9000 [--listen ws://127.0.0.1:9001]
//! [--registrar-cse-id /id-in] [--registrar-cse-name -] [--cse-id /id-mn] [--cse-name cse-mn] [--preset acme]`
//!
//! It runs until Ctrl-C. An AE at it addresses the registrar's resources as `/id-in/...`, and is `/id-mn/C...` there.

#![allow(clippy::print_stdout)] // it is a program for a shell

use std::process::ExitCode;

use onem2m_ws::client::Preset;
use onem2m_ws::registrar::{Registrar, Upstream};
use onem2m_ws::{Error, ErrorKind};

const USAGE: &str = "usage: gateway --registrar ws://HOST:PORT [--listen ws://HOST:PORT] [--registrar-cse-id /ID] \
                     [--registrar-cse-name NAME] [--cse-id /ID] [--cse-name NAME] [--sp-id //DOMAIN] [--preset acme]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (mut registrar, mut registrar_id, mut registrar_name) = (None, "/id-in".to_owned(), "-".to_owned());
    let (mut id, mut preset) = ("/id-mn".to_owned(), Preset::Standard);
    let mut listen = "ws://127.0.0.1:9001".to_owned();
    let mut gateway = Registrar::builder().cse_name("cse-mn");
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(usage)?;
        match name.as_str() {
            "--registrar" => registrar = Some(value),
            "--registrar-cse-id" => registrar_id = value,
            "--registrar-cse-name" => registrar_name = value,
            "--listen" => listen = value,
            "--cse-id" => id = value,
            "--cse-name" => gateway = gateway.cse_name(value),
            "--sp-id" => gateway = gateway.sp_id(value),
            "--preset" => preset = Preset::by_name(&value)?,
            _ => return Err(usage()),
        }
    }

    let registrar = registrar.ok_or_else(usage)?;
    let upstream =
        Upstream::new(&registrar, &registrar_id).below(registrar_name).with_client(|client| client.preset(preset));
    let gateway = gateway.listen(listen).cse_id(&id).upstream(upstream).start()?;
    println!("gateway: {id} listens at {}", gateway.points_of_access()[0]);

    let watching = gateway.clone();
    let watch = async move {
        let Some(mut states) = watching.upstream_states() else { return };
        loop {
            let state = states.borrow_and_update().clone();
            let waiting = watching.server().waiting(&registrar_id);
            match (state.is_registered, state.cause) {
                (true, _) => println!("gateway: registered at {registrar_id}, {registrar}; {waiting} wait for it"),
                (false, Some(cause)) => println!("gateway: {registrar_id} is away: {cause}"),
                (false, None) => println!("gateway: {registrar_id} is not joined yet"),
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = watch => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // Its registration stays in force, and so do those of its registrees.
    println!("gateway: stops");
    gateway.shutdown().await;
    Ok(())
}

fn usage() -> Error {
    Error::new(ErrorKind::InvalidArgument, USAGE)
}
