//! Those who create what is notified.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::World;
use crate::chance::Chance;
use crate::peer::{Gone, Peer, admin};

/// What producers were told.
#[derive(Default)]
pub(crate) struct Accepted {
    /// The number of the registree, and the content, of each CREATE that was answered 2001.
    pub(crate) answered: Vec<(usize, String)>,
    /// CREATEs whose answer was lost with the server.
    pub(crate) unknown: u64,
}

impl Accepted {
    pub(crate) fn add(&mut self, other: Self) {
        self.answered.extend(other.answered);
        self.unknown += other.unknown;
    }
}

/// Creates instances in the containers of all registrees, several at a time.
pub(crate) async fn produce(world: Arc<World>, number: usize, registrees: usize, mut chance: Chance) -> Accepted {
    let mut accepted = Accepted::default();
    let mut next = 0;
    while !world.is_ending.load(Ordering::SeqCst) {
        let mut peer = Peer::come(&world.url, None).await;
        while !world.is_ending.load(Ordering::SeqCst) {
            let mut sent = Vec::new();
            for _ in 0..=chance.below(8) {
                let registree = chance.below(registrees as u64) as usize;
                sent.push((registree, format!("{number}-{next}")));
                next += 1;
            }
            let before = accepted.answered.len();
            if batch(&mut peer, &sent, &mut accepted.answered).await.is_err() {
                accepted.unknown += (before + sent.len() - accepted.answered.len()) as u64;
                break;
            }
        }
    }
    accepted
}

async fn batch(
    peer: &mut Peer,
    sent: &[(usize, String)],
    answered: &mut Vec<(usize, String)>,
) -> std::result::Result<(), Gone> {
    for (registree, con) in sent {
        let mut request = admin(1, &format!("cse-in/C{registree}/data"));
        request["rqi"] = json!(con);
        request["ty"] = json!(4);
        request["pc"] = json!({"m2m:cin": {"con": con}});
        peer.say(&request).await?;
    }
    for _ in sent {
        let answer = tokio::time::timeout(crate::PATIENCE, peer.hear()).await.expect("no answer came")?;
        assert_eq!(answer["rsc"], 2001, "{answer}");
        let one = sent.iter().find(|(_, con)| answer["rqi"] == con.as_str()).unwrap();
        answered.push(one.clone());
    }
    Ok(())
}
