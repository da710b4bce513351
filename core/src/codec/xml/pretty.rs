//! A document in lines, for people to read.
//!
//! Covers: white space between elements, where it has no meaning. Every text stays as it is.

use super::super::{DecodeError, MAX_DEPTH};
use super::chars::is_blank;
use super::scope::Scope;
use super::source::{Event, Source};

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
    let text = std::str::from_utf8(document).ok();
    text.and_then(|text| indented(text).ok()).unwrap_or_else(|| document.to_vec())
}

fn indented(document: &str) -> Result<Vec<u8>, DecodeError> {
    let mut source = Source::new(document, Scope::default(), MAX_DEPTH)?;
    let mut out = Vec::with_capacity(2 * document.len());
    let (mut last, mut blank) = (Last::Nothing, "");
    let line = |out: &mut Vec<u8>, depth: u32| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth as usize, b' ');
    };
    loop {
        let depth = source.level();
        let event = source.step()?;
        let raw = &document[source.at()..source.position()];
        match event {
            Event::Eof => return Ok(out),
            // Only what comes next tells whether it means something.
            Event::Text(_) if is_blank(raw) && last != Last::Text => blank = raw,
            Event::Aside if is_blank(raw) => {}
            Event::Text(_) | Event::Char(_) => {
                out.extend_from_slice(blank.as_bytes());
                out.extend_from_slice(raw.as_bytes());
                (last, blank) = (Last::Text, "");
            }
            Event::End => {
                match last {
                    Last::Start => out.extend_from_slice(blank.as_bytes()),
                    Last::End => line(&mut out, depth - 1),
                    Last::Text | Last::Nothing => {}
                }
                out.extend_from_slice(raw.as_bytes());
                (last, blank) = (Last::End, "");
            }
            Event::Start(_) | Event::Aside => {
                if matches!(last, Last::Start | Last::End) {
                    line(&mut out, depth);
                }
                out.extend_from_slice(raw.as_bytes());
                (last, blank) = (if source.level() > depth { Last::Start } else { Last::End }, "");
            }
        }
    }
}
