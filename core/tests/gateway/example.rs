//! The example `gateway`, as a person starts it, between a registrar of ours and an AE.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use onem2m_ws::primitive::{Request, StatusCode};

use crate::harness::*;

/// A program that is ended with the test.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let cargo = [env!("CARGO"), "run", "--quiet", "-p", "onem2m-ws", "--example", "gateway"];
        let mut command = Command::new(cargo[0]);
        command.args(&cargo[1..]).arg("--").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next line that has this in it.
    fn says(&self, what: &str) -> String {
        let mut seen = Vec::new();
        loop {
            // It may have to be built first.
            let line = self.lines.recv_timeout(10 * PATIENCE).unwrap_or_else(|_| panic!("{what:?} not in {seen:?}"));
            if line.contains(what) {
                return line;
            }
            seen.push(line);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_5_2_2_the_example_serves_an_ae_and_survives_its_registrar() {
    let registrar = registrar_at("ws://127.0.0.1:0");
    let cable = Cable::to(&url(&registrar)).await;
    let program = Program::start(&["--registrar", &cable.url, "--listen", "ws://127.0.0.1:0"]);
    let line = program.says("listens at");
    let gateway = line.split_whitespace().last().unwrap().to_owned();
    program.says("registered at /id-in");
    let sensor = ae(&gateway, "Csensor", "sensor").await;
    create(&sensor, "cse-mn/sensor", CNT, container("data")).await;
    let boss = ae(&url(&registrar), "Cboss", "boss").await;
    let mut heard = readings(&boss);
    subscribe(&boss, "/id-mn/cse-mn/sensor/data", "/id-in/Cboss").await;
    create(&sensor, "cse-mn/sensor/data", CIN, instance(1)).await;
    all_in_order(&mut heard, 1).await;

    cable.cut();
    program.says("away");
    for number in 2..=10 {
        create(&sensor, "cse-mn/sensor/data", CIN, instance(number)).await;
    }
    let away = sensor.send(Request::retrieve("/id-in/cse-in")).await.unwrap();
    expect(&away, StatusCode::TARGET_NOT_REACHABLE);
    cable.mend();
    program.says("registered at /id-in");
    all_after(&mut heard, 1, 10).await;
    sensor.close().await;
    boss.close().await;
}
