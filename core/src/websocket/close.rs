//! The payload of a close frame: a code and a reason (RFC 6455 5.5.1, 7.4).
//!
//! Covers: RFC 6455 5.5.1, 7.1.5, 7.1.6, 7.4; row WS-6.3-1. What it does not do: the closing handshake (`connection` does).

pub(super) use tungstenite::protocol::frame::coding::CloseCode;

use super::frame::{MAX_CONTROL, Violation};

/// Stands for a close frame without a code; never on the wire (RFC 6455 7.1.5).
pub(super) const NO_CODE: u16 = 1005;

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseFrame {
    /// [`NO_CODE`] when the frame is empty.
    pub(super) code: u16,
    pub(super) reason: String,
}

impl CloseFrame {
    /// A frame that may be sent, whatever is asked for: see [`super::Connection::close`].
    pub(super) fn new(code: u16, reason: &str) -> Self {
        if code == NO_CODE {
            return Self { code, reason: String::new() };
        }
        let code = if is_allowed(code) { code } else { CloseCode::Error.into() };
        let mut end = reason.len().min(MAX_CONTROL - 2);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, reason: reason[..end].to_owned() }
    }

    /// Reads the payload of a received frame.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Violation> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            return match payload {
                [] => Ok(Self { code: NO_CODE, reason: String::new() }),
                _ => Err(Violation::protocol("a close frame carries half a code")),
            };
        };
        let code = u16::from_be_bytes(*code);
        if !is_allowed(code) {
            return Err(Violation::protocol(format!("close code {code} may not be sent")));
        }
        match std::str::from_utf8(reason) {
            Ok(reason) => Ok(Self { code, reason: reason.to_owned() }),
            Err(_) => Err(Violation::new(CloseCode::Invalid, "the reason of a close frame is not UTF-8")),
        }
    }

    /// The payload as sent, at most [`MAX_CONTROL`] bytes.
    pub(super) fn payload(&self) -> Vec<u8> {
        match self.code {
            NO_CODE => Vec::new(),
            code => [&code.to_be_bytes(), self.reason.as_bytes()].concat(),
        }
    }
}

/// Whether a close frame may carry `code`: those of RFC 6455 7.4.1, those registered since (1012 to 1014), and the ranges
/// left to libraries and applications (7.4.2).
fn is_allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_judged_by_rfc_6455_7_4() {
        let allowed = (0..=u16::MAX).filter(|code| is_allowed(*code));
        let book = (1000..=1003).chain(1007..=1014).chain(3000..=4999);
        assert!(allowed.eq(book));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535_u16] {
            let violation = CloseFrame::parse(&code.to_be_bytes()).unwrap_err();
            assert_eq!(violation.code, CloseCode::Protocol, "code {code}");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999_u16]
        {
            let frame = CloseFrame { code, reason: "näheres".to_owned() };
            assert_eq!(CloseFrame::parse(&frame.payload()), Ok(frame), "code {code}");
        }
    }

    #[test]
    fn an_empty_frame_has_no_code_and_half_a_code_is_an_error() {
        let empty = CloseFrame::parse(b"").unwrap();
        assert_eq!((empty.code, empty.payload()), (NO_CODE, vec![]));
        assert_eq!(CloseFrame::parse(b"\x03").unwrap_err().code, CloseCode::Protocol);
    }

    #[test]
    fn a_reason_that_is_not_utf8_is_inconsistent_data() {
        assert_eq!(CloseFrame::parse(b"\x03\xe8\xed\xa0\x80").unwrap_err().code, CloseCode::Invalid);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(CloseFrame::new(1000, &"a".repeat(200)).payload().len(), MAX_CONTROL);
        let euros = CloseFrame::new(1000, &"€".repeat(50)); // 3 bytes each: 41 of them fill the 123 bytes
        assert_eq!(euros.reason, "€".repeat(41));
        let shifted = CloseFrame::new(1000, &format!("a{}", "€".repeat(50)));
        assert_eq!(shifted.reason, format!("a{}", "€".repeat(40)));
        assert_eq!(CloseFrame::parse(&shifted.payload()), Ok(shifted));
    }

    #[test]
    fn a_code_that_may_not_be_sent_is_not_sent() {
        assert_eq!(CloseFrame::new(1006, "").code, 1011);
        assert_eq!(CloseFrame::new(NO_CODE, "lost with the code").payload(), b"");
    }
}
