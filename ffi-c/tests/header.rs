//! The header and the list of symbols are committed, and are what the sources say. `UPDATE=1` writes the header anew
//! (`make header` does, and the list as well).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn header_path() -> PathBuf {
    here().join("../include/onem2m_ws.h")
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).expect("cbindgen.toml");
    // In this order in the header: what a program needs first comes first.
    let sources = [
        "version",
        "error",
        "text",
        "format",
        "request",
        "response",
        "event",
        "callback",
        "client_config",
        "client_life",
        "client",
        "transfer",
        "outbox",
        "counters",
        "registree",
        "registrar_config",
        "registrar",
        "tls",
        "peer_identity",
    ];
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), |builder, source| {
        builder.with_src(here().join(format!("src/{source}.rs")))
    });
    let mut header = Vec::new();
    builder.generate().expect("cbindgen understands the sources").write(&mut header);
    String::from_utf8(header).unwrap()
}

fn every_source() -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(here().join("src")).unwrap() {
        text.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    text
}

fn words_after(text: &str, marker: &str, end: char) -> BTreeSet<String> {
    text.split(marker).skip(1).filter_map(|rest| Some(rest.split(end).next()?.trim().to_owned())).collect()
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = generated();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(header_path().parent().unwrap()).unwrap();
        std::fs::write(header_path(), &generated).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(header_path()).unwrap_or_default();
    if let Some((number, (was, is))) =
        committed.lines().zip(generated.lines()).enumerate().find(|(_, (was, is))| was != is)
    {
        panic!("include/onem2m_ws.h:{}: not what the sources say; run `make header`\n- {was}\n+ {is}", number + 1);
    }
    assert_eq!(
        committed, generated,
        "include/onem2m_ws.h is longer or shorter than the sources say; run `make header`"
    );
}

#[test]
fn every_exported_function_is_in_the_header_and_in_the_list() {
    let defined = words_after(&every_source(), "pub extern \"C\" fn ", '(');
    let header = generated();
    let missing: Vec<_> = defined.iter().filter(|name| !header.contains(&format!("{name}("))).collect();
    assert!(missing.is_empty(), "not in the header: {missing:?}");
    let list = std::fs::read_to_string(here().join("symbols.txt")).unwrap_or_default();
    let listed: BTreeSet<String> = list.lines().map(str::to_owned).collect();
    assert_eq!(listed, defined, "ffi-c/symbols.txt; run `make header`");
    let unguarded = every_source().matches("#[unsafe(no_mangle)]").count();
    assert_eq!(unguarded, defined.len(), "every exported symbol is a plain `pub extern \"C\" fn`");
}

#[test]
fn every_type_of_the_interface_has_the_prefix() {
    let header = generated();
    for line in header.lines().filter(|line| line.starts_with("typedef ") && line.ends_with(';')) {
        let name = line.trim_end_matches(';').rsplit(' ').next().unwrap_or_default();
        assert!(name.starts_with("onem2m_ws_") || line.contains("(*onem2m_ws_"), "{line}");
    }
    for line in header.lines().filter(|line| line.starts_with("#define ")) {
        let name = line.split(' ').nth(1).unwrap_or_default();
        assert!(name.starts_with("ONEM2M_WS_"), "{line}");
    }
}

#[test]
fn the_makefile_and_the_soname_agree_with_the_abi_number() {
    let header = generated();
    let abi = header.lines().find_map(|line| line.strip_prefix("#define ONEM2M_WS_ABI ")).expect("ONEM2M_WS_ABI");
    let build = std::fs::read_to_string(here().join("build.rs")).unwrap();
    assert!(build.contains(&format!("libonem2m_ws.so.{abi}\"")), "build.rs: SONAME");
    assert!(Path::new(&here().join("onem2m_ws.pc.in")).is_file());
}
