//! `kill -9` of a writer, again and again, on the same file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onem2m_ws::spool::{Record, Sequence, Spool};

use crate::support::{Place, all, record, wait};

const ROUNDS: usize = 10;
const ENTITIES: usize = 4;
const PLACE: &str = "ONEM2M_WS_SPOOL_KILLED";

/// The process that is killed. A line of the log is written when the store has said that it is done.
fn write_until_killed(place: &Path) {
    let spool = Arc::new(onem2m_ws::spool::RedbSpool::open(place.join("store.redb"), Default::default()).unwrap());
    let log = std::fs::OpenOptions::new().append(true).create(true).open(place.join("log")).unwrap();
    let log = Arc::new(Mutex::new(log));
    for i in 0..ENTITIES {
        let (spool, log) = (spool.clone(), log.clone());
        std::thread::spawn(move || {
            let entity = format!("C{i}");
            let say = |text: String| log.lock().unwrap().write_all(text.as_bytes()).unwrap();
            for number in 0.. {
                let rqi = format!("{}-{number}", std::process::id());
                let latest_of = (number % 7 == 0).then(|| "sub".to_owned());
                let appended: Vec<_> = (0..10)
                    .map(|j| {
                        let rqi = format!("{rqi}-{j}");
                        // The newest of the latest is not acknowledged below: it is not mistaken for a later one.
                        let latest_of = latest_of.clone().filter(|_| j == 9);
                        (
                            rqi.clone(),
                            latest_of.is_some(),
                            spool.append(&entity, Record { latest_of, ..record(rqi, None) }),
                        )
                    })
                    .collect();
                for (rqi, is_latest, done) in appended {
                    let Sequence(at) = wait(done).unwrap();
                    say(format!("{} {i} {at} {rqi}\n", if is_latest { "latest" } else { "stored" }));
                    if at % 3 != 0 && !is_latest {
                        say(format!("acknowledging {i} {at} {rqi}\n"));
                        wait(spool.acknowledge(&entity, Sequence(at), &rqi)).unwrap();
                        say(format!("acknowledged {i} {at} {rqi}\n"));
                    }
                }
            }
        });
    }
    std::thread::sleep(Duration::from_secs(60));
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Stored,
    Acknowledging,
    Acknowledged,
}

#[test]
fn ws_6_5_4_what_was_accepted_is_there_after_kill_9() {
    if let Some(place) = std::env::var_os(PLACE) {
        return write_until_killed(Path::new(&place));
    }
    let place = Place::new();
    let directory = place.file().parent().unwrap().to_owned();
    let mut total = 0;
    for round in 0..ROUNDS {
        let before = std::fs::read_to_string(directory.join("log")).unwrap_or_default().lines().count();
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::ws_6_5_4_what_was_accepted_is_there_after_kill_9"])
            .env(PLACE, &directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        // It is killed while it works, each time at another moment.
        let begin = Instant::now();
        while log().lines().count() < before + 40 + 23 * round {
            assert!(begin.elapsed() < Duration::from_secs(50), "the writer does nothing");
            std::thread::sleep(Duration::from_micros(1700 + 311 * round as u64));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();

        let mut expected: BTreeMap<(usize, u64), (String, State)> = BTreeMap::new();
        let mut latest: BTreeMap<usize, u64> = BTreeMap::new();
        for line in log().lines() {
            let [what, entity, at, rqi] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            let (entity, at): (usize, u64) = (entity.parse().unwrap(), at.parse().unwrap());
            let state = match what {
                "acknowledging" => State::Acknowledging,
                "acknowledged" => State::Acknowledged,
                "latest" => {
                    latest.insert(entity, at);
                    continue;
                }
                _ => State::Stored,
            };
            expected.insert((entity, at), (rqi.to_owned(), state));
        }
        let spool = place.open();
        for entity in 0..ENTITIES {
            let stored = all(&spool, &format!("C{entity}"));
            assert_eq!(stored.len(), spool.waiting(&format!("C{entity}")));
            let by_place: BTreeMap<_, _> = stored.into_iter().map(|s| (s.sequence.0, s.request.request_id)).collect();
            for ((of, at), (rqi, state)) in &expected {
                if *of != entity {
                    continue;
                }
                match state {
                    State::Stored => assert_eq!(by_place.get(at), Some(rqi), "round {round}: {entity} {at}"),
                    State::Acknowledged => assert_eq!(by_place.get(at), None, "round {round}: {entity} {at}"),
                    State::Acknowledging => {}
                }
            }
            if let Some(at) = latest.get(&entity) {
                assert!(by_place.contains_key(at), "round {round}: the latest of {entity}");
            }
        }
        total = expected.len();
    }
    assert!(total > 100 * ROUNDS / 2, "{total}");
}
