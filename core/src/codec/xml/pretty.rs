//! A document in lines, for people to read.
//!
//! Covers: white space between elements, where it has no meaning. Every text stays as it is.

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::chars::is_blank;

/// What was written last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Start,
    Text,
    End,
}

/// Breaks a document into lines; what is no XML stays as it is.
pub(in super::super) fn pretty(document: &[u8]) -> Vec<u8> {
    std::str::from_utf8(document).ok().and_then(indented).unwrap_or_else(|| document.to_vec())
}

fn indented(document: &str) -> Option<Vec<u8>> {
    let mut reader = Reader::from_str(document);
    let mut out = Vec::with_capacity(2 * document.len());
    let (mut depth, mut last, mut blank) = (0_usize, Last::Nothing, "");
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    loop {
        let start = usize::try_from(reader.buffer_position()).ok()?;
        let event = reader.read_event().ok()?;
        let raw = document.get(start..usize::try_from(reader.buffer_position()).ok()?)?;
        match event {
            Event::Eof => return Some(out),
            // Only what comes next tells whether it means something.
            Event::Text(_) if is_blank(raw) && last != Last::Text => blank = raw,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                out.extend_from_slice(blank.as_bytes());
                out.extend_from_slice(raw.as_bytes());
                (last, blank) = (Last::Text, "");
            }
            Event::End(_) => {
                depth = depth.checked_sub(1)?;
                match last {
                    Last::Start => out.extend_from_slice(blank.as_bytes()),
                    Last::End => line(&mut out, depth),
                    Last::Text | Last::Nothing => {}
                }
                out.extend_from_slice(raw.as_bytes());
                (last, blank) = (Last::End, "");
            }
            other => {
                if matches!(last, Last::Start | Last::End) {
                    line(&mut out, depth);
                }
                out.extend_from_slice(raw.as_bytes());
                blank = "";
                last = Last::End;
                if matches!(other, Event::Start(_)) {
                    depth += 1;
                    last = Last::Start;
                }
            }
        }
    }
}
