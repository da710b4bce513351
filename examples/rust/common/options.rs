//! The command line of the examples, and how they end.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use onem2m_ws::{Error, ErrorKind};

pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) preset: String,
    pub(crate) cse_name: String,
    pub(crate) count: u32,
    /// Between two readings.
    #[allow(dead_code)] // the actuator has none
    pub(crate) interval: Duration,
    /// After so many readings the actuator closes its connection for a while.
    #[allow(dead_code)] // the sensor has none
    pub(crate) rest_after: Option<u32>,
    /// For how long.
    #[allow(dead_code)]
    pub(crate) rest: Duration,
}

pub(crate) fn read(program: &str) -> Result<Options, Error> {
    let usage = || {
        let text = format!(
            "usage: {program} ws://HOST:PORT [--preset acme] [--cse-name NAME] [--count N] [--interval SECONDS]"
        );
        Error::new(ErrorKind::InvalidArgument, text)
    };
    let mut arguments = std::env::args().skip(1);
    let mut options = Options {
        url: arguments.next().ok_or_else(usage)?,
        preset: "default".to_owned(),
        cse_name: "cse-in".to_owned(),
        count: 5,
        interval: Duration::from_millis(200),
        rest_after: None,
        rest: Duration::from_secs(1),
    };
    let seconds = |value: &str| {
        let seconds = value.parse().map_err(|_| usage())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| usage())
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(usage)?;
        match name.as_str() {
            "--preset" => options.preset = value,
            "--cse-name" => options.cse_name = value,
            "--count" => options.count = value.parse().map_err(|_| usage())?,
            "--interval" => options.interval = seconds(&value)?,
            "--rest-after" => options.rest_after = Some(value.parse().map_err(|_| usage())?),
            "--rest" => options.rest = seconds(&value)?,
            _ => return Err(usage()),
        }
    }
    Ok(options)
}

/// Waits a minute at most for what the program does; `late` says what it lacks then.
#[allow(dead_code)] // the sensor waits for nobody
pub(crate) async fn within_a_minute(
    program: &str,
    late: &str,
    run: impl Future<Output = Result<(), Error>>,
) -> ExitCode {
    match tokio::time::timeout(Duration::from_secs(60), run).await {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => eprintln!("{program}: {error}"),
        Err(_) => eprintln!("{program}: {late} within 60 s"),
    }
    ExitCode::FAILURE
}
