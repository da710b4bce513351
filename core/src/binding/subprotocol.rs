//! Subprotocol names: which serialization a connection speaks.
//!
//! Covers: TS-0020 6.2.2.7, 6.2.2.9, 6.2.3.5; rows WS-6.2.2.7-1, WS-6.2.2.9-1, -2, WS-6.2.3.5-1.
//! Reading the names from the header lines is the handshake's part.

use crate::primitive::Format;
use crate::websocket::MessageKind;

/// Table 6.2.2.9-1: the registered names, current ones first within a format.
const NAMES: [(&str, Format, Generation); 6] = [
    ("oneM2M.json", Format::Json, Generation::Current),
    ("oneM2M.xml", Format::Xml, Generation::Current),
    ("oneM2M.cbor", Format::Cbor, Generation::Current),
    ("oneM2M.R2.0.json", Format::Json, Generation::Release2),
    ("oneM2M.R2.0.xml", Format::Xml, Generation::Release2),
    ("oneM2M.R2.0.cbor", Format::Cbor, Generation::Release2),
];

/// Spellings in the prose of older texts; never offered.
const STRAY: [(&str, Format); 4] = [
    ("oneM2M-R2.0_JSON", Format::Json),
    ("oneM2M-R2.0_XML", Format::Xml),
    ("oneM2M-R2.0_CBOR", Format::Cbor),
    ("oneM2M-pro-v1.0", Format::Json),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Generation {
    Current,
    Release2,
}

/// The frame type that carries a format (table 6.2.2.9-1).
#[must_use]
pub const fn message_kind(format: Format) -> MessageKind {
    match format {
        Format::Json | Format::Xml => MessageKind::Text,
        Format::Cbor => MessageKind::Binary,
    }
}

/// The names that a client offers for these formats, in its order of preference: both names of each, the current one
/// first (Release 2 servers know only the second); or the current ones alone.
///
/// ```
/// use onem2m_ws::binding::subprotocol;
/// use onem2m_ws::primitive::Format;
///
/// assert_eq!(subprotocol::offer(&[Format::Json], true), ["oneM2M.json", "oneM2M.R2.0.json"]);
/// ```
#[must_use]
pub fn offer(formats: &[Format], release_2: bool) -> Vec<String> {
    formats
        .iter()
        .flat_map(|format| NAMES.iter().filter(move |(_, f, _)| f == format))
        .filter(|(.., generation)| release_2 || *generation == Generation::Current)
        .map(|(name, ..)| (*name).to_owned())
        .collect()
}

/// The format that a name stands for. Compared without regard to case: peers write `onem2m.r2.0.json`.
///
/// `stray` adds the spellings of older texts.
#[must_use]
pub fn format_of(name: &str, stray: bool) -> Option<Format> {
    let known = NAMES.iter().find(|(n, ..)| n.eq_ignore_ascii_case(name)).map(|(_, format, _)| *format);
    let strays = || STRAY.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, format)| *format);
    known.or_else(|| stray.then(strays).flatten())
}

/// The formats that names stand for, each once, in their order.
#[must_use]
pub fn formats_of(names: &[String]) -> Vec<Format> {
    let mut formats = Vec::new();
    for format in names.iter().filter_map(|name| format_of(name, true)) {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
}

/// The server's choice among the client's names: the format that the client prefers of those in `enabled`, by its
/// current name if the client offered that too. The name is returned in the client's spelling, to be echoed.
///
/// `None`: nothing in common, and the handshake is refused with 400.
#[must_use]
pub fn select<'a>(offered: &'a [String], enabled: &[Format], stray: bool) -> Option<(&'a str, Format)> {
    let fits = |name: &str| format_of(name, stray).filter(|format| enabled.contains(format));
    let format = offered.iter().find_map(|name| fits(name))?;
    let is_current = |name: &&String| {
        NAMES.iter().any(|(n, f, g)| *g == Generation::Current && *f == format && n.eq_ignore_ascii_case(name))
    };
    let name = offered.iter().find(is_current).or_else(|| offered.iter().find(|name| fits(name) == Some(format)))?;
    Some((name, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn ws_6_2_2_9_1_names_and_opcodes() {
        for (name, format, kind) in [
            ("oneM2M.json", Format::Json, MessageKind::Text),
            ("oneM2M.xml", Format::Xml, MessageKind::Text),
            ("oneM2M.cbor", Format::Cbor, MessageKind::Binary),
        ] {
            assert_eq!(format_of(name, false), Some(format));
            assert_eq!(message_kind(format), kind);
        }
    }

    #[test]
    fn ws_6_2_2_9_2_release_2_names_are_offered_last_and_strays_only_taken_on_request() {
        assert_eq!(
            offer(&[Format::Cbor, Format::Json], true),
            ["oneM2M.cbor", "oneM2M.R2.0.cbor", "oneM2M.json", "oneM2M.R2.0.json"]
        );
        assert_eq!(formats_of(&offer(&[Format::Cbor, Format::Json], true)), [Format::Cbor, Format::Json]);
        assert_eq!(format_of("oneM2M.R2.0.xml", false), Some(Format::Xml));
        assert_eq!(format_of("onem2m.r2.0.JSON", false), Some(Format::Json));
        for (name, ..) in STRAY {
            assert_eq!(format_of(name, false), None);
            assert!(format_of(name, true).is_some());
            assert!(!offer(&Format::ALL, true).iter().any(|n| n == name));
        }
    }

    #[test]
    fn ws_6_2_3_5_1_one_name_by_the_clients_preference_among_the_enabled() {
        let all = [Format::Json, Format::Xml, Format::Cbor];
        for (offered, enabled, chosen) in [
            (&["oneM2M.xml", "oneM2M.json"][..], &all[..], Some(("oneM2M.xml", Format::Xml))),
            (&["oneM2M.xml", "oneM2M.json"], &all[..1], Some(("oneM2M.json", Format::Json))),
            (&["oneM2M.R2.0.json", "oneM2M.json"], &all, Some(("oneM2M.json", Format::Json))),
            (&["oneM2M.R2.0.json", "oneM2M.xml"], &all, Some(("oneM2M.R2.0.json", Format::Json))),
            (&["chat", "onem2m.r2.0.json"], &all, Some(("onem2m.r2.0.json", Format::Json))),
            (&["chat"], &all, None),
            (&["oneM2M-pro-v1.0"], &all, None),
            (&[], &all, None),
        ] {
            assert_eq!(select(&names(offered), enabled, false), chosen, "{offered:?}");
        }
        assert_eq!(select(&names(&["oneM2M-pro-v1.0"]), &all, true), Some(("oneM2M-pro-v1.0", Format::Json)));
    }
}
