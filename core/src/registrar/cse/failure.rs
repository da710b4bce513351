//! Why a request is refused: a status code, and a text for the developer of the originator (`m2m:dbg`).

use crate::primitive::{Response, StatusCode};

/// A refusal.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) debug: String,
}

pub(super) type Checked<T = ()> = Result<T, Failure>;

pub(super) fn refuse<T>(status: StatusCode, debug: impl Into<String>) -> Checked<T> {
    Err(Failure::new(status, debug))
}

impl Failure {
    pub(super) fn new(status: StatusCode, debug: impl Into<String>) -> Self {
        Self { status, debug: debug.into() }
    }

    pub(super) fn bad(debug: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, debug)
    }

    pub(super) fn into_response(self) -> Response {
        Response::error(self.status, self.debug)
    }
}

/// Text of a peer, fit for a message: escaped and cut.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
