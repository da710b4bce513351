//! Gives the shared library its SONAME, which cargo does not: programs ask for `libonem2m_ws.so.0` at run time. The number
//! changes when the interface becomes incompatible.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libonem2m_ws.so.0");
    }
}
