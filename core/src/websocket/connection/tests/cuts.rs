//! Where the stream is cut makes no difference, and nothing in it does harm.

use super::*;

/// What a server makes of `stream` when it comes in these pieces: all that can be seen from outside.
fn observe<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Vec<u8>, Disconnect) {
    let config = Config { max_message_size: 1000, ..Config::default() };
    let now = Instant::now();
    let mut server = connection(Role::Server, config, now);
    for piece in pieces {
        server.handle_data(now, &mut piece.to_vec());
    }
    let (events, out) = (events(&mut server), transmitted(&mut server));
    (events, out, server.disconnect())
}

fn streams() -> Vec<Vec<u8>> {
    let long = [b'x'; 300];
    let good: Parts = &[
        (TEXT, "grüße €".as_bytes()),
        (BINARY, &long),
        (TEXT_BEGINS, b"\xe2"),
        (PING, b"one"),
        (CONTINUES, b""),
        (CONTINUES, b"\x82\xac and"),
        (PONG, b"two"),
        (ENDS, &long[..130]),
        (TEXT, b""),
    ];
    let ends: [Parts; 6] = [
        &[(CLOSE, b"\x03\xe8bye"), (TEXT, b"ignored")],
        &[(TEXT, b"bad \xff utf-8"), (TEXT, b"ignored")],
        &[(0x83, b"unknown")],
        &[(BINARY, &[0; 1001])],
        &[(ENDS, b"of nothing")],
        &[(BINARY_BEGINS, b"left open")],
    ];
    ends.iter().map(|end| [frames(good), frames(end)].concat()).collect()
}

#[test]
fn where_the_stream_is_cut_makes_no_difference() {
    for stream in streams() {
        let whole = observe([stream.as_slice()]);
        assert!(whole.0.len() >= 4);
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(observe([first, second]), whole, "cut at {cut}");
        }
        for step in [1, 2, 3, 5, 7, 64] {
            assert_eq!(observe(stream.chunks(step)), whole, "in pieces of {step}");
        }
    }
}

/// Frames of every kind, most of them in order, with payloads that are often text.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(&[TEXT, BINARY, PING, PONG, TEXT_BEGINS, CONTINUES, ENDS][..]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => any::<String>().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    prop::collection::vec((first, payload), 1..12)
        .prop_map(|parts| parts.iter().flat_map(|(first, payload)| frame(Role::Client, *first, payload)).collect())
}

proptest! {
    #[test]
    fn random_frames_cut_at_random(stream in any_stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
        prop_assert_eq!(observe(pieces), observe([stream.as_slice()]));
    }

    #[test]
    fn random_bytes_are_survived(bytes: Vec<u8>, step in 1_usize..9) {
        prop_assert_eq!(observe(bytes.chunks(step)), observe([bytes.as_slice()]));
    }

    #[test]
    fn what_is_sent_is_what_arrives(
        messages in prop::collection::vec((any::<bool>(), any::<String>()), 1..8),
        fragment_size in prop::option::of(1_usize..300),
    ) {
        let mut pair = Pair::new(Config { fragment_size, ..Config::default() });
        let mut expected = Vec::new();
        for (is_text, payload) in messages {
            let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
            pair.client.send(kind, |out| out.extend_from_slice(payload.as_bytes())).unwrap();
            expected.push(Event::Message { kind, payload: payload.into() });
        }
        pair.carry();
        prop_assert_eq!(events(&mut pair.server), expected);
    }
}
