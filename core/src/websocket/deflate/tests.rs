//! Compressing and decompressing against RFC 7692's examples, against each other, and against a peer that means harm.

use proptest::prelude::*;

use super::*;
use crate::websocket::Compression;

const MOST: usize = 1 << 20;

fn agreement(takeover: bool, window_bits: u8) -> Agreement {
    Compression {
        send_takeover: takeover,
        receive_takeover: takeover,
        send_window_bits: window_bits,
        receive_window_bits: window_bits,
        min_size: 0,
        ..Compression::default()
    }
    .as_agreed()
}

fn inflater(takeover: bool) -> Inflater {
    Inflater::new(&agreement(takeover, 15))
}

/// A whole message in pieces of `step` bytes.
fn inflate(inflater: &mut Inflater, wire: &[u8], step: usize, most: usize) -> Result<Vec<u8>, InflateError> {
    let mut message = Vec::new();
    let mut pieces = wire.chunks(step).peekable();
    if wire.is_empty() {
        inflater.decompress(b"", true, &mut message, most)?;
    }
    while let Some(piece) = pieces.next() {
        inflater.decompress(piece, pieces.peek().is_none(), &mut message, most)?;
    }
    Ok(message)
}

/// What is sent for `message`, and whether it is compressed.
fn deflate(deflater: &mut Deflater, message: &[u8]) -> (Vec<u8>, bool) {
    let mut out = BytesMut::from(&b"before"[..]);
    out.extend_from_slice(message);
    let is_compressed = deflater.compress(&mut out, 6);
    assert_eq!(&out[..6], b"before");
    (out[6..].to_vec(), is_compressed)
}

#[test]
fn the_examples_of_rfc_7692_7_2_3_are_read_however_they_are_cut() {
    let hello: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    for (name, wire) in [
        ("7.2.3.1 one block", hello),
        ("7.2.3.3 a block without compression", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
        ("7.2.3.4 a block with BFINAL", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
        ("7.2.3.4, ended with the block", b"\xf3\x48\xcd\xc9\xc9\x07\x00"),
        ("7.2.3.5 two blocks", b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
    ] {
        for step in 1..=wire.len() {
            for takeover in [false, true] {
                let mut inflater = inflater(takeover);
                for _ in 0..3 {
                    let message = inflate(&mut inflater, wire, step, MOST);
                    assert_eq!(message.as_deref(), Ok(&b"Hello"[..]), "{name}, by {step}, take-over {takeover}");
                }
            }
        }
    }
}

#[test]
fn rfc_7692_7_2_3_2_a_second_message_refers_to_the_first_with_take_over_alone() {
    let (first, second): (&[u8], &[u8]) = (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00");
    let mut with = inflater(true);
    assert_eq!(inflate(&mut with, first, 100, MOST).as_deref(), Ok(&b"Hello"[..]));
    assert!(with.holds_a_context());
    assert_eq!(inflate(&mut with, second, 100, MOST).as_deref(), Ok(&b"Hello"[..]));
    let mut without = inflater(false);
    assert_eq!(inflate(&mut without, first, 100, MOST).as_deref(), Ok(&b"Hello"[..]));
    assert!(!without.holds_a_context());
    assert_eq!(inflate(&mut without, second, 100, MOST), Err(InflateError::Corrupt));
}

#[test]
fn an_empty_message_is_one_empty_block_or_nothing_at_all() {
    for takeover in [false, true] {
        for wire in [&b"\x00"[..], b"", b"\x02\x00", b"\x03\x00", b"\x03\x00\x00"] {
            assert_eq!(inflate(&mut inflater(takeover), wire, 1, MOST).as_deref(), Ok(&b""[..]), "{wire:x?}");
        }
        let mut deflater = Deflater::new(&agreement(takeover, 15));
        for _ in 0..3 {
            let (wire, is_compressed) = deflate(&mut deflater, b"");
            // Compressed, nothing is larger than nothing.
            assert_eq!((wire.as_slice(), is_compressed), if takeover { (&[0][..], true) } else { (&[][..], false) });
        }
    }
}

#[test]
fn blocks_may_follow_one_that_says_it_is_the_last() {
    let twice = b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00";
    for step in 1..=twice.len() {
        for takeover in [false, true] {
            let message = inflate(&mut inflater(takeover), twice, step, MOST);
            assert_eq!(message.as_deref(), Ok(&b"HelloHelloHello"[..]), "by {step}");
        }
    }
}

#[test]
fn what_is_not_deflate_is_noticed() {
    for wire in [
        &b"\xff"[..],
        b"\x07",
        b"\x00\x05\x00\x00\x00Hello",
        b"\xf2\x48\xcd\xc9\xc9\x07\x00\xff\xff",
        b"\xf2\x48\xcd\xc9",
    ] {
        for step in 1..=wire.len() {
            assert_eq!(
                inflate(&mut inflater(false), wire, step, MOST),
                Err(InflateError::Corrupt),
                "{wire:x?} by {step}"
            );
        }
    }
}

#[test]
fn the_limit_is_what_comes_out_and_nothing_much_beyond_it_is_held() {
    let (wire, _) = deflate(&mut Deflater::new(&agreement(false, 15)), &vec![0; 1 << 20]);
    assert!(wire.len() < 2000, "{} bytes", wire.len());
    for step in [1, 7, wire.len()] {
        assert_eq!(inflate(&mut inflater(false), &wire, step, 1 << 20).unwrap().len(), 1 << 20);
        let mut message = Vec::new();
        let mut inflater = inflater(false);
        let refused = wire.chunks(step).find_map(|piece| inflater.decompress(piece, false, &mut message, 10_000).err());
        assert_eq!(refused, Some(InflateError::TooLarge));
        assert!(message.capacity() <= 10_001, "{}", message.capacity());
    }
    for (size, most, fits) in
        [(0, 0, true), (1, 0, false), (10, 10, true), (11, 10, false), (65, 64, true), (65, 65, true)]
    {
        let (wire, _) = deflate(&mut Deflater::new(&agreement(true, 15)), &vec![7; size]);
        let fits = fits || size <= most;
        assert_eq!(inflate(&mut inflater(true), &wire, 100, most).is_ok(), fits && size <= most, "{size} of {most}");
    }
}

#[test]
fn small_messages_and_those_that_would_grow_go_as_they_are() {
    let settings = Compression { min_size: 128, ..Compression::default() };
    let mut deflater = Deflater::new(&settings.as_agreed());
    assert!(!deflate(&mut deflater, &[b'a'; 127]).1);
    assert!(deflate(&mut deflater, &[b'a'; 128]).1);
    let noise: Vec<u8> = (0..200u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    assert_eq!(deflate(&mut deflater, &noise), (noise.clone(), false));
    // With take-over the peer has to see it all the same.
    let mut deflater = Deflater::new(&Compression { send_takeover: true, ..settings }.as_agreed());
    assert!(deflate(&mut deflater, &noise).1);
    assert!(deflate(&mut deflater, &noise).0.len() < 50);
}

/// How far back the blocks of `wire` refer at most: read by an inflater that has a window of so many bits alone.
fn fits_window(wire: &[u8], window_bits: u8) -> bool {
    let mut out = Vec::with_capacity(1 << 20);
    let mut small = Decompress::new_with_window_bits(false, window_bits);
    [wire, &TAIL].concat().chunks(1).all(|byte| small.decompress_vec(byte, &mut out, FlushDecompress::Sync).is_ok())
}

#[test]
fn no_window_is_left_also_the_smallest() {
    // The same 200 bytes again after 300 others: within a window of 512, beyond one of 256.
    let part =
        |seed: u64, size: u64| (0..size).map(move |i| ((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) as u8);
    let message: Vec<u8> = part(1, 200).chain(part(1000, 150)).chain(part(1, 200)).cycle().take(20_000).collect();
    let sizes: Vec<usize> = (8..=15)
        .map(|bits| {
            let mut deflater = Deflater::new(&agreement(true, bits));
            let (wire, is_compressed) = deflate(&mut deflater, &message);
            assert!(is_compressed);
            if bits > 8 {
                assert!(fits_window(&wire, bits), "window {bits}");
            } else {
                // In parts of 256 bytes that know nothing of each other, each with a tail.
                assert_eq!(wire.windows(4).filter(|four| *four == TAIL).count() + 1, message.len().div_ceil(256));
            }
            assert_eq!(inflate(&mut inflater(true), &wire, 100, MOST).unwrap(), message, "window {bits}");
            wire.len()
        })
        .collect();
    assert!(sizes[7] < sizes[0], "{sizes:?}");
}

#[test]
fn contexts_are_given_back_as_good_as_new() {
    let mut deflater = Deflater::new(&agreement(false, 15));
    let (first, _) = deflate(&mut deflater, &[b'x'; 1000]);
    for _ in 0..20 {
        assert_eq!(deflate(&mut deflater, &[b'x'; 1000]).0, first);
        assert!(deflater.kept.is_none());
    }
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back(
        messages in prop::collection::vec(prop_oneof!["[ab]{0,2000}".prop_map(String::into_bytes), any::<Vec<u8>>()], 1..6),
        takeover: bool,
        bits in 8..=15u8,
        step in 1..300usize,
    ) {
        let mut deflater = Deflater::new(&agreement(takeover, bits));
        let mut inflater = inflater(takeover);
        for message in messages {
            let (wire, is_compressed) = deflate(&mut deflater, &message);
            if is_compressed {
                prop_assert_eq!(inflate(&mut inflater, &wire, step, MOST).unwrap(), message);
            } else {
                prop_assert_eq!(wire, message);
            }
        }
    }

    #[test]
    fn any_bytes_are_survived_alike_however_they_are_cut(wire: Vec<u8>, step in 1..20usize, takeover: bool) {
        let whole = inflate(&mut inflater(takeover), &wire, wire.len().max(1), 1000);
        let cut = inflate(&mut inflater(takeover), &wire, step, 1000);
        prop_assert_eq!(whole, cut);
    }
}
