//! The request target: which resource a handshake asks for.
//!
//! Covers: RFC 7230 5.3, RFC 6455 3 and 4.2.1 (1); row WS-6.2.2.1-1. What it does not do: decode, normalise, or know what is
//! served.

/// The path that a request target names, without its query; `None` if it names none.
///
/// It is a path and query (origin-form), or the whole URI (absolute-form), which a server takes too (RFC 7230 5.3.2).
/// `*` and `host:port` belong to other methods, a fragment to no target (RFC 6455 3).
pub(super) fn path(target: &str) -> Option<&str> {
    if !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return None;
    }
    let path = if target.starts_with('/') { target } else { after_authority(target)? };
    let path = path.split('?').next().unwrap_or_default();
    Some(if path.is_empty() { "/" } else { path })
}

/// What follows scheme and authority: empty, or it begins with `/` or `?`.
fn after_authority(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let known = ["ws", "http", "wss", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    (known && !authority.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn ws_6_2_2_1_1_a_target_is_a_path_or_a_whole_uri() {
        for (target, expected) in [
            ("/", "/"),
            ("/?x=1", "/"),
            ("/a/b?c/d", "/a/b"),
            ("/~/mn-cse", "/~/mn-cse"),
            ("//a", "//a"),
            ("/%2F", "/%2F"),
            ("http://example.net", "/"),
            ("http://example.net:9000?x", "/"),
            ("HTTP://example.net/a?b", "/a"),
            ("ws://[::1]:9000/a", "/a"),
            ("wss://example.net/a?b=/c", "/a"),
        ] {
            assert_eq!(path(target), Some(expected), "{target}");
        }
        let bad =
            ["", "*", "example.net:9000", "a", "?x", "http:", "http://", "http:///a", "ftp://example.net/", "http:/a"];
        for target in bad.into_iter().chain(["/#", "/a#b", "/a b", "/\u{e4}", "/\x01", "http://example.net/#x"]) {
            assert_eq!(path(target), None, "{target:?}");
        }
    }
}
