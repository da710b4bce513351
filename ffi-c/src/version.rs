//! Which version this is, for the compiler and at run time.

use std::ffi::{CStr, c_char};

/// Version of the header: major. Changes with every incompatible change once it is 1.
pub const ONEM2M_WS_VERSION_MAJOR: u32 = 0;
/// Version of the header: minor.
pub const ONEM2M_WS_VERSION_MINOR: u32 = 1;
/// Version of the header: patch.
pub const ONEM2M_WS_VERSION_PATCH: u32 = 0;
/// Number of the binary interface, as in the file name libonem2m_ws.so.0: programs built against one number run with every
/// library of that number that is at least as new.
#[allow(dead_code)] // only the header has a use for it
pub const ONEM2M_WS_ABI: u32 = 0;

const fn number(text: &str) -> u32 {
    let (text, mut value, mut i) = (text.as_bytes(), 0, 0);
    while i < text.len() {
        value = value * 10 + (text[i] - b'0') as u32;
        i += 1;
    }
    value
}

// cbindgen copies only literals; they cannot differ from the version of the package.
const _: () = assert!(ONEM2M_WS_VERSION_MAJOR == number(env!("CARGO_PKG_VERSION_MAJOR")));
const _: () = assert!(ONEM2M_WS_VERSION_MINOR == number(env!("CARGO_PKG_VERSION_MINOR")));
const _: () = assert!(ONEM2M_WS_VERSION_PATCH == number(env!("CARGO_PKG_VERSION_PATCH")));

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the library that runs, "0.1.0". Never NULL; valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_version() -> *const c_char {
    VERSION.as_ptr()
}
