//! Who we are, as a header field of a request says it.
//!
//! Covers: RFC 7617 (Basic), RFC 6750 2.1 (Bearer), for `Authorization` and `Proxy-Authorization` alike. What it does
//! not do: wait for a challenge (they are sent at once), any other scheme, or say who may see them on the way.

use std::fmt;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{InvalidField, Refusal};

/// A user name and password, or a token. They are shown nowhere, and overwritten in memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Scheme);

#[derive(Clone, PartialEq, Eq)]
enum Scheme {
    Basic { user: Zeroizing<String>, password: Zeroizing<String> },
    Bearer(Zeroizing<String>),
}

/// Stands where a peer repeated what it is not to be told by.
const REPEATED: &str = "(left out, since it has our credentials)";

impl Credentials {
    /// User name and password (RFC 7617), sent as UTF-8.
    ///
    /// # Errors
    /// If the user name has a colon, or either has a control character (RFC 7617 2).
    pub fn basic(user: &str, password: &str) -> Result<Self, InvalidField> {
        for (what, text) in [("user name", user), ("password", password)] {
            if text.chars().any(char::is_control) {
                return Err(invalid(what, "has a control character (RFC 7617 2)"));
            }
        }
        if user.contains(':') {
            return Err(invalid("user name", "has a colon, where the password would begin (RFC 7617 2)"));
        }
        let [user, password] = [user, password].map(|text| Zeroizing::new(text.to_owned()));
        Ok(Self(Scheme::Basic { user, password }))
    }

    /// A token (RFC 6750), sent as it is.
    ///
    /// # Errors
    /// If it is no `b64token` (RFC 6750 2.1): letters, digits and `-._~+/`, at least one of them, and then any number of
    /// `=`.
    pub fn bearer(token: &str) -> Result<Self, InvalidField> {
        if is_b64token(token) {
            return Ok(Self(Scheme::Bearer(Zeroizing::new(token.to_owned()))));
        }
        Err(invalid("token", "is not of letters, digits and -._~+/, with = at its end only (RFC 6750 2.1)"))
    }

    /// The whole line of the header field of this name.
    pub(super) fn line(&self, name: &str) -> Zeroizing<Vec<u8>> {
        let (scheme, secret) = self.parts();
        joined(&[name.as_bytes(), b": ", scheme, b" ", &secret, b"\r\n"])
    }

    /// Scheme and what follows it.
    fn parts(&self) -> (&'static [u8], Zeroizing<Vec<u8>>) {
        match &self.0 {
            Scheme::Basic { user, password } => {
                let plain = joined(&[user.as_bytes(), b":", password.as_bytes()]);
                (b"Basic", Zeroizing::new(BASE64.encode(&plain).into_bytes()))
            }
            Scheme::Bearer(token) => (b"Bearer", joined(&[token.as_bytes()])),
        }
    }

    /// Errors are logged: what an echoing peer, or a page for debugging, repeats of our request may not get there.
    pub(super) fn hide_in(&self, mut refusal: Refusal) -> Refusal {
        let Refusal { reason, headers, body, .. } = &mut refusal;
        for text in headers.iter_mut().map(|(_, value)| value).chain([reason]) {
            *text = self.hide(std::mem::take(text));
        }
        if self.is_in(body) {
            *body = REPEATED.into();
        }
        refusal
    }

    /// The text, or something else if they are in it.
    pub(super) fn hide(&self, text: String) -> String {
        if self.is_in(text.as_bytes()) { REPEATED.to_owned() } else { text }
    }

    /// Whether the text repeats them, as they were sent or decoded. Text that is cut may have their beginning only.
    fn is_in(&self, text: &[u8]) -> bool {
        let has = |secret: &[u8]| memchr::memmem::find(text, &secret[..secret.len().min(8)]).is_some();
        let decoded = match &self.0 {
            // A shorter one is in every other word.
            Scheme::Basic { password, .. } if password.len() >= 4 => has(password.as_bytes()),
            _ => false,
        };
        decoded || has(&self.parts().1)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// RFC 6750 2.1.
pub(crate) fn is_b64token(text: &str) -> bool {
    let token = text.trim_end_matches('=');
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

/// With room for all of it at once: what grows leaves copies behind.
pub(super) fn joined(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

fn invalid(what: &str, why: &'static str) -> InvalidField {
    InvalidField { what: format!("the {what}"), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(credentials: &Credentials) -> String {
        String::from_utf8(credentials.line("Authorization").to_vec()).unwrap()
    }

    #[test]
    fn each_scheme_has_its_line() {
        // The examples of RFC 7617 2 and 2.1, and of RFC 6750 2.1.
        for (user, password, encoded) in [
            ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test", "123£", "dGVzdDoxMjPCow=="),
            ("", "x", "Ong="),
            ("u", "", "dTo="),
            ("ü", "p:w:", "w7w6cDp3Og=="),
        ] {
            let credentials = Credentials::basic(user, password).unwrap();
            assert_eq!(line(&credentials), format!("Authorization: Basic {encoded}\r\n"));
        }
        for token in ["mF_9.B5f-4.1JqM", "a", "a==", "-._~+/09azAZ="] {
            assert_eq!(line(&Credentials::bearer(token).unwrap()), format!("Authorization: Bearer {token}\r\n"));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        for bad in ["zq\rzq", "zq\nzq", "zq\0zq", "zq\tzq", "zq\u{7f}zq", "zq\u{85}zq"] {
            for error in
                [Credentials::basic(bad, "secret").unwrap_err(), Credentials::basic("secret", bad).unwrap_err()]
            {
                let text = error.to_string();
                assert!(text.contains("control") && !text.contains("zq") && !text.contains("secret"), "{text}");
            }
        }
        let text = Credentials::basic("zq:zq", "secret").unwrap_err().to_string();
        assert!(text.contains("colon") && !text.contains("zq") && !text.contains("secret"), "{text}");
        for bad in ["", "=", "==", "zq zq", "zq\n", " zq", "zq=zq", "zq,", "zq\"", "zqü", "zq:zq", "zq\0"] {
            let text = Credentials::bearer(bad).unwrap_err().to_string();
            assert!(text.contains("6750") && !text.contains("zq"), "{bad:?}: {text}");
        }
    }

    #[test]
    fn what_repeats_them_is_left_out() {
        let basic = Credentials::basic("Aladdin", "open sesame").unwrap();
        let bearer = Credentials::bearer("eyJhbGciOi.J").unwrap();
        let short = Credentials::basic("a", "b").unwrap();
        for (credentials, text, hidden) in [
            (&basic, "you sent QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true),
            (&basic, "cut: QWxhZGRp", true),
            (&basic, "your password open sesame is wrong", true),
            (&basic, "no such user: Aladdin", false),
            (&bearer, "you sent eyJhbGciOi.J", true),
            (&bearer, "cut: eyJhbGci", true),
            (&bearer, "eyJ", false),
            (&short, "not able to be here", false),
            (&short, "you sent YTpi", true),
        ] {
            assert_eq!(credentials.hide(text.to_owned()) != text, hidden, "{text}");
            let refusal = Refusal {
                status: 401,
                reason: text.to_owned(),
                headers: vec![("X-You-Sent".to_owned(), text.to_owned())],
                body: text.as_bytes().to_owned(),
            };
            let Refusal { reason, headers, body, .. } = credentials.hide_in(refusal);
            let shown = format!("{reason} {headers:?} {}", String::from_utf8(body).unwrap());
            assert_eq!(shown.matches(REPEATED).count(), if hidden { 3 } else { 0 }, "{shown}");
        }
        for credentials in [basic, bearer, short] {
            assert_eq!(format!("{credentials:?}"), "Credentials(hidden)");
        }
    }
}
