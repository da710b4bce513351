use super::*;
use crate::net::range::LONGEST;

fn builder() -> ClientBuilder {
    Client::builder("ws://in.example").originator("Ctest")
}

#[test]
fn every_setting_has_a_range_and_is_named_by_its_error() {
    type Set<T> = fn(ClientBuilder, T) -> ClientBuilder;
    let times: [(&str, Set<Duration>); 9] = [
        ("open_timeout", ClientBuilder::open_timeout),
        ("request_timeout", ClientBuilder::request_timeout),
        ("answer_timeout", ClientBuilder::answer_timeout),
        ("idle_close", |b, time| b.idle_close(Some(time))),
        ("message_gap", |b, time| b.message_gap(Some(time))),
        ("ping_after", |b, time| b.ping_after(Some(time))),
        ("pong_timeout", ClientBuilder::pong_timeout),
        ("write_timeout", ClientBuilder::write_timeout),
        ("close_timeout", ClientBuilder::close_timeout),
    ];
    let tick = Duration::from_nanos(1);
    for (name, set) in times {
        for good in [tick, LONGEST] {
            assert!(set(builder(), good).check().is_ok(), "{name} {good:?}");
        }
        for bad in [Duration::ZERO, LONGEST + tick, Duration::MAX] {
            let error = set(builder(), bad).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().starts_with(name), "{error}");
        }
    }
    let most = usize::MAX;
    let sizes: [(&str, Set<usize>, usize, usize); 8] = [
        ("max_message_size", ClientBuilder::max_message_size, 1, most),
        ("max_fragments", ClientBuilder::max_fragments, 1, most),
        ("fragment_size", |b, size| b.fragment_size(Some(size)), 1, most),
        ("max_control_frames", |b, count| b.max_control_frames(count as u32), 1, u32::MAX as usize),
        ("max_handshake_bytes", ClientBuilder::max_handshake_bytes, 256, 1 << 20),
        ("max_handshake_fields", ClientBuilder::max_handshake_fields, 8, 1024),
        ("window", |b, requests| b.window(requests).queue(0, 0), 1, 65_535),
        (
            "compression: level",
            |b, level| b.compression(Some(Compression { level: level as u32, ..Compression::default() })),
            1,
            9,
        ),
    ];
    for (name, set, least, most) in sizes {
        for good in [least, most] {
            assert!(set(builder(), good).check().is_ok(), "{name} {good}");
        }
        let above = most.checked_add(1).filter(|above| *above <= u32::MAX as usize);
        for bad in [Some(least - 1), above].into_iter().flatten() {
            let error = set(builder(), bad).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().starts_with(name), "{name} {bad}: {error}");
        }
    }
    assert!(
        builder()
            .ping_after(None)
            .idle_close(None)
            .message_gap(None)
            .fragment_size(None)
            .compression(None)
            .check()
            .is_ok()
    );
}

#[test]
fn settings_arrive_where_they_are_used() {
    let second = Duration::from_secs(1);
    let set = builder()
        .max_message_size(1)
        .max_fragments(2)
        .fragment_size(None)
        .close_timeout(3 * second)
        .ping_after(Some(4 * second))
        .pong_timeout(5 * second)
        .write_timeout(6 * second)
        .max_control_frames(7)
        .max_handshake_bytes(800)
        .max_handshake_fields(9);
    let expected = websocket::Config {
        max_message_size: 1,
        max_fragments: 2,
        fragment_size: None,
        close_timeout: 3 * second,
        ping_after: Some(4 * second),
        pong_timeout: 5 * second,
        write_timeout: 6 * second,
        max_control_frames: 7,
    };
    assert_eq!((set.websocket, set.handshake), (expected, Limits { max_bytes: 800, max_fields: 9 }));
}

#[test]
fn ws_6_6_1_which_proxy_counts() {
    let poa = "ws://in.example".parse().unwrap();
    let proxy = |builder: ClientBuilder| builder.proxy_for(&poa);
    assert_eq!(proxy(builder()).unwrap(), None);
    // An explicit one holds over the environment, whatever that has.
    let explicit = proxy(builder().proxy("u:p@proxy:1").proxy_from_environment(true)).unwrap().unwrap();
    assert_eq!(explicit, "u:p@proxy:1".parse().unwrap());
    let apart = proxy(builder().proxy_credentials("u", "p").proxy("x:y@proxy:1")).unwrap().unwrap();
    assert_eq!(apart, explicit);
    for wrong in [
        builder().proxy("ftp://u:hunter2@proxy"),
        builder().proxy("proxy").proxy_credentials("a:b", "hunter2"),
        builder().proxy_credentials("u", "hunter2"),
    ] {
        assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
        let error = proxy(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(!error.message().contains("hunter2"), "{error}");
    }
}
