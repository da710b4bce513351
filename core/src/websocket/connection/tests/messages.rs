//! Messages both ways: sizes, fragments, what is written and what is refused to be written.

use super::*;

#[test]
fn every_size_at_an_edge_arrives_whole_however_it_is_fragmented() {
    let sizes = [0, 1, 124, 125, 126, 127, 128, 250, 251, 1000, 65534, 65535, 65536, 65537, 200_000];
    let fragments = [None, Some(0), Some(1), Some(2), Some(125), Some(126), Some(1000), Some(65535), Some(65536)];
    for fragment_size in fragments {
        let config = Config { fragment_size, max_fragments: 1000, ..Config::default() };
        let mut pair = Pair::new(config);
        for size in sizes.into_iter().filter(|size| size / fragment_size.unwrap_or(*size).max(1) < 1000) {
            let payload: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let write = |out: &mut BytesMut| out.extend_from_slice(&payload);
            // Twice, so that something stands before and after in the outgoing buffer.
            for end in [&mut pair.client, &mut pair.server] {
                assert_eq!(end.send(MessageKind::Binary, write), Ok(size));
                assert_eq!(end.send(MessageKind::Binary, write), Ok(size));
            }
            pair.carry();
            for end in [&mut pair.client, &mut pair.server] {
                let expected = [binary(payload.clone()), binary(payload.clone())];
                assert!(events(end) == expected, "{size} bytes in frames of {fragment_size:?}");
            }
        }
    }
}

#[test]
fn the_outgoing_frames_are_those_of_the_book() {
    for role in [Role::Client, Role::Server] {
        for size in [0, 1, 3, 4, 5, 8, 9, 124] {
            let payload: Vec<u8> = (0..size).collect();
            let config = Config { fragment_size: Some(4), ..Config::default() };
            let mut sender = connection(role, config, Instant::now());
            sender.send(MessageKind::Binary, |out| out.extend_from_slice(&payload)).unwrap();
            let mut pieces: Vec<&[u8]> = payload.chunks(4).collect();
            let last = pieces.pop().unwrap_or_default();
            let mut expected = Vec::new();
            for (i, piece) in pieces.iter().enumerate() {
                let first = if i == 0 { BINARY_BEGINS } else { CONTINUES };
                expected.extend(frame(role, first, piece));
            }
            expected.extend(frame(role, if pieces.is_empty() { BINARY } else { ENDS }, last));
            assert_eq!(transmitted(&mut sender), expected, "{role:?}, {size} bytes");
        }
    }
}

#[test]
fn ws_6_1_2_a_ping_between_fragments_is_answered_and_changes_nothing() {
    let parts: Parts =
        &[(TEXT_BEGINS, b"m2m"), (PING, b"there?"), (CONTINUES, b""), (PONG, b"nobody asked"), (ENDS, b":rqp")];
    let (events, out) = served(Config::default(), parts);
    assert_eq!(events, [text("m2m:rqp")]);
    assert_eq!(out, frame(Role::Server, PONG, b"there?"));
}

#[test]
fn a_payload_that_cannot_be_written_leaves_no_trace() {
    let mut client = open(Role::Client);
    client.send(MessageKind::Text, |out| out.extend_from_slice(b"before")).unwrap();
    let before = client.buffered();
    let failed = client.try_send(MessageKind::Text, |out| {
        out.extend_from_slice(b"half of it");
        Err("no more")
    });
    assert_eq!(failed, Err(SendError::Write("no more")));
    assert_eq!(client.buffered(), before);
    assert_eq!(transmitted(&mut client), frame(Role::Client, TEXT, b"before"));
    assert!(client.is_open());
}

#[test]
fn transmission_appends_to_what_the_caller_has() {
    let mut server = open(Role::Server);
    server.send(MessageKind::Text, |out| out.extend_from_slice(b"a")).unwrap();
    let mut out = BytesMut::from(&b"first "[..]);
    assert!(server.poll_transmit(&mut out));
    assert_eq!(out, [b"first ".as_slice(), &frame(Role::Server, TEXT, b"a")].concat());
    assert!(!server.poll_transmit(&mut out));
    assert_eq!(server.buffered(), 0);
}

#[test]
fn lent_memory_comes_back_used_or_not_and_nothing_is_held() {
    let mut server = open(Role::Server);
    server.lend(BytesMut::with_capacity(4096));
    let mut out = BytesMut::new();
    assert!(!server.poll_transmit(&mut out), "nothing was written");
    assert_eq!((out.len(), server.sender.held()), (0, 0));
    assert!(out.capacity() >= 4096);

    let place = out.as_ptr();
    server.lend(out);
    server.send(MessageKind::Text, |out| out.extend_from_slice(b"a")).unwrap();
    let mut out = BytesMut::new();
    assert!(server.poll_transmit(&mut out));
    assert_eq!(out, frame(Role::Server, TEXT, b"a"));
    assert_eq!((out.as_ptr(), server.sender.held()), (place, 0));

    // What waits is not given up for it.
    server.send(MessageKind::Text, |out| out.extend_from_slice(b"b")).unwrap();
    server.lend(BytesMut::from(&b"left over"[..]));
    assert_eq!(transmitted(&mut server), frame(Role::Server, TEXT, b"b"));
    server.lend(BytesMut::from(&b"left over"[..]));
    assert_eq!(transmitted(&mut server), b"");
}

#[test]
fn things_are_taken_one_by_one_off_the_front() {
    let mut server = open(Role::Server);
    let mut bytes = [frame(Role::Client, TEXT, b"a"), frame(Role::Client, TEXT, b"b")].concat();
    let cut = bytes.len() - 1;
    let (mut data, now) = (&mut bytes[..cut], std::time::Instant::now());
    assert!(server.handle_next(now, &mut data));
    assert_eq!(events(&mut server).len(), 1);
    assert!(!server.handle_next(now, &mut data), "the second frame is not whole");
    assert!(data.is_empty() && events(&mut server).is_empty());
    server.handle_data(now, &mut bytes[cut..]);
    assert_eq!(events(&mut server).len(), 1);
}
