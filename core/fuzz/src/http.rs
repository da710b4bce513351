//! The head of an HTTP/1.1 message, read by httparse and judged without the code that is judged.

/// A head, and what comes after it.
pub(super) struct Head<'a> {
    /// Method and target, or status and phrase.
    pub(super) start: (String, String),
    pub(super) fields: Vec<(String, String)>,
    pub(super) rest: &'a [u8],
}

/// Reads the head of an answer. Panics if it is none, or not HTTP/1.1.
pub(super) fn answer(bytes: &[u8]) -> Head<'_> {
    assert!(bytes.trim_ascii_start().starts_with(b"HTTP/1.1 "), "the version is 1.1");
    any_answer(bytes)
}

/// Likewise, also of HTTP/1.0.
pub(super) fn any_answer(bytes: &[u8]) -> Head<'_> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut answer = httparse::Response::new(&mut room);
    let size = answer.parse(bytes).expect("the answer is HTTP").unwrap();
    let start = (answer.code.unwrap().to_string(), answer.reason.unwrap().to_owned());
    Head { start, fields: fields(answer.headers), rest: &bytes[size..] }
}

/// Reads the head of a request. Panics if it is none, or not HTTP/1.1.
pub(super) fn request(bytes: &[u8]) -> Head<'_> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut room);
    let size = request.parse(bytes).expect("the request is HTTP").unwrap();
    assert_eq!(request.version, Some(1));
    let start = (request.method.unwrap().to_owned(), request.path.unwrap().to_owned());
    Head { start, fields: fields(request.headers), rest: &bytes[size..] }
}

fn fields(parsed: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim_matches([' ', '\t']).to_owned();
    parsed.iter().map(|field| (field.name.to_ascii_lowercase(), text(field.value))).collect()
}

impl Head<'_> {
    /// All values of a field; its name in lower case.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that is there once. Panics if it is not.
    pub(super) fn only(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref values => panic!("{name} is there {} times", values.len()),
        }
    }

    /// The elements of a list over all fields of that name, in lower case.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let joined = self.all(name).join(",").to_ascii_lowercase();
        joined.split(',').map(|one| one.trim_matches([' ', '\t']).to_owned()).filter(|one| !one.is_empty()).collect()
    }
}

/// Whether a line is fit for a log: nothing in it that does not print, and an end.
pub(super) fn check_line(line: &str) {
    assert!(!line.chars().any(char::is_control), "a control character in {line:?}");
    assert!(line.len() < 6000, "a line of {} bytes", line.len());
}
