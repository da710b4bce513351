//! TLS: its settings, which clients and registrars take alike, and reading their files anew. Defaults are the core's
//! ([`onem2m::tls::Tls`]).

use std::ffi::{c_char, c_void};

use onem2m::Result;
use serde_json::{Map, Value, json};

use crate::client::{onem2m_ws_client, shared};
use crate::client_config::{self, onem2m_ws_client_config};
use crate::guard::{guard, guard_value};
use crate::handle::{Handle, array, borrow, borrow_mut, make, store_if_wanted, take};
use crate::registrar::{onem2m_ws_registrar, running};
use crate::registrar_config::{self, onem2m_ws_registrar_config};
use crate::settings::{Settings, choice};
use crate::text::{optional_text, text};
use crate::tls_settings::{TlsSettings, in_digits, pem_text};

/// A version of TLS. Older ones than these are not spoken.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_tls_version {
    /// TLS 1.2, the version that TS-0003 names.
    ONEM2M_WS_TLS_1_2 = 12,
    /// TLS 1.3.
    ONEM2M_WS_TLS_1_3 = 13,
}

/// What becomes of a client whose certificate is trusted, but names no entity, and has none by onem2m_ws_tls_add_peer().
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_unnamed {
    /// It gets no connection: the default.
    ONEM2M_WS_UNNAMED_REFUSE = 0,
    /// It speaks for what it registers: each entity belongs to the first certificate's key over whose connection it is registered,
    /// until it is deregistered.
    ONEM2M_WS_UNNAMED_FIRST_COME = 1,
}

/// What TLS is done by.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_tls_library {
    /// rustls, which is always there: certificates and raw public keys. The default.
    ONEM2M_WS_RUSTLS = 0,
    /// The OpenSSL 3 of the system, in a library that was built for it (cargo's feature `openssl`): certificates and pre-shared keys,
    /// all suites of TS-0003, and certificates whose authority has name constraints for URIs.
    ONEM2M_WS_OPENSSL = 1,
}

/// Settings of TLS, for clients and for registrars: who this end is, and whom it trusts. By default it has no certificate and
/// trusts nobody, speaks TLS 1.3 and 1.2, and a registrar takes no client that does not show who it is (mutual authentication,
/// TS-0020 7). They are copied where they are set: one may serve for many.
///
/// PEM is given as the name of a file, or itself: a text that has a line "-----BEGIN ..." is PEM, any other one the name of
/// a file. The functions whose name ends with _pem take bytes in memory, with or without a zero byte at the end; they are copied, so
/// that the program can erase its own. What the library has of them it erases when it is not needed any more, and no error shows
/// any of it. Files are read when a client is made or a registrar is started, and again by onem2m_ws_client_reload_tls() and
/// onem2m_ws_registrar_reload_tls(); what is wrong with one is told then.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_tls(Settings<TlsSettings>);

impl Handle for onem2m_ws_tls {}

/// Settings of TLS. Free them with onem2m_ws_tls_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_new(out: *mut *mut onem2m_ws_tls) -> i32 {
    guard(|| make(out, "out", || Ok(onem2m_ws_tls(Settings::new(Map::new())))))
}

/// Frees settings, and erases what secrets they have; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_free(tls: *mut onem2m_ws_tls) {
    guard_value((), || {
        drop(take(tls));
        Ok(())
    });
}

fn change(tls: *mut onem2m_ws_tls, change: impl FnOnce(&mut Settings<TlsSettings>) -> Result<()>) -> i32 {
    guard(|| change(&mut borrow_mut(tls, "tls")?.0))
}

fn bytes<'a>(data: *const c_void, length: usize, name: &str) -> Result<&'a str> {
    pem_text(array(data.cast::<u8>(), length, name)?, name)
}

/// Sets everything that a JSON object names; null sets the default. An unknown name or a wrong value is an error, which names it,
/// and changes nothing. onem2m_ws_client_config_load_json() and onem2m_ws_registrar_config_load_json() take the same
/// object as `tls`, and the latter as the values of `listen_with`, {"wss://192.0.2.1:9443":{...}}:
///
///     {"certificate":"sensor.pem","key":"sensor.key","trust":"ca.pem"}
///
/// `certificate`, `key`, `raw_key`, `trust` and `revoked` (one or a list) are names of PEM files, or PEM; `trust_for` is a list of
/// {"authorities":"ca.pem","providers":["sp.example"]}, `trust_key` and `uri_scheme` are one text or a list,
/// `peer` is {"DNS:node7.sp.example":["Ssensor","Cother"]}, `pre_shared_key` {"7f3a@mef.sp.example":"0011..."} (hexadecimal digits),
/// `pre_shared_keys` the name of a file or a list, `ts0003_suites` true or false, `library` "rustls" or "openssl", `unnamed` "refuse" or "first_come", `least_version` and
/// `most_version` "1.2" or "1.3", `server_name` a text, `trust_system` and `anonymous_clients` true or false. What they mean the
/// functions below say.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_load_json(tls: *mut onem2m_ws_tls, json: *const c_char) -> i32 {
    change(tls, |settings| settings.load(text(json, "json")?))
}

// --- who this end is --------------------------------------------------------------------------------------------------

fn set_certificate(settings: &mut Settings<TlsSettings>, chain: Option<&str>, key: Option<&str>) -> Result<()> {
    settings.set_all([("certificate", chain.into()), ("key", key.into()), ("raw_key", Value::Null)])
}

fn set_raw_key(settings: &mut Settings<TlsSettings>, key: Option<&str>) -> Result<()> {
    settings.set_all([("certificate", Value::Null), ("key", Value::Null), ("raw_key", key.into())])
}

/// The certificate of this end, with what stands between it and its authority behind it, and its private key (PKCS #8, SEC 1 or
/// PKCS #1, not encrypted). NULL for both, the default, for none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_certificate(
    tls: *mut onem2m_ws_tls,
    chain: *const c_char,
    key: *const c_char,
) -> i32 {
    change(tls, |settings| set_certificate(settings, optional_text(chain, "chain")?, optional_text(key, "key")?))
}

/// As onem2m_ws_tls_set_certificate(), with PEM in memory.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_certificate_pem(
    tls: *mut onem2m_ws_tls,
    chain: *const c_void,
    chain_length: usize,
    key: *const c_void,
    key_length: usize,
) -> i32 {
    change(tls, |settings| {
        set_certificate(settings, Some(bytes(chain, chain_length, "chain")?), Some(bytes(key, key_length, "key")?))
    })
}

/// The private key of this end alone: peers know its public key (RFC 7250). TLS 1.3 only. A registrar with a certificate shows its
/// public key to whoever asks for that, without this. NULL, the default, for none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_raw_key(tls: *mut onem2m_ws_tls, key: *const c_char) -> i32 {
    change(tls, |settings| set_raw_key(settings, optional_text(key, "key")?))
}

/// As onem2m_ws_tls_set_raw_key(), with PEM in memory.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_raw_key_pem(tls: *mut onem2m_ws_tls, key: *const c_void, key_length: usize) -> i32 {
    change(tls, |settings| set_raw_key(settings, Some(bytes(key, key_length, "key")?)))
}

// --- whom it trusts ---------------------------------------------------------------------------------------------------

/// Trusts the certificates of these authorities. Can be called more than once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_trust(tls: *mut onem2m_ws_tls, authorities: *const c_char) -> i32 {
    change(tls, |settings| settings.add("trust", text(authorities, "authorities")?))
}

/// As onem2m_ws_tls_trust(), with PEM in memory.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_trust_pem(
    tls: *mut onem2m_ws_tls,
    authorities: *const c_void,
    authorities_length: usize,
) -> i32 {
    change(tls, |settings| settings.add("trust", bytes(authorities, authorities_length, "authorities")?))
}

/// Trusts the certificates of these authorities for entities of `count` service providers ("sp.example") only. Can be called more
/// than once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_trust_for(
    tls: *mut onem2m_ws_tls,
    authorities: *const c_char,
    providers: *const *const c_char,
    count: usize,
) -> i32 {
    change(tls, |settings| {
        let (authorities, providers) = (text(authorities, "authorities")?, texts(providers, count, "providers")?);
        settings.add("trust_for", json!({"authorities": authorities, "providers": providers}))
    })
}

fn texts<'a>(pointer: *const *const c_char, count: usize, name: &str) -> Result<Vec<&'a str>> {
    array(pointer, count, name)?.iter().map(|each| text(*each, name)).collect()
}

/// Trusts the peer whose raw public key has this digest (RFC 6920), "ni:///sha-256;...", also sha-256-128 and sha-256-120. Can be
/// called more than once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_trust_key(tls: *mut onem2m_ws_tls, ni: *const c_char) -> i32 {
    change(tls, |settings| settings.add("trust_key", text(ni, "ni")?))
}

/// Trusts, as a client, the authorities of the system too. Off by default: anybody who has a name in the web could be the registrar
/// then.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_trust_system(tls: *mut onem2m_ws_tls, yes: bool) -> i32 {
    change(tls, |settings| settings.set("trust_system", yes))
}

/// Takes no certificate that these lists (CRL) revoke. Where there is a list, there must be one of each authority on the way from
/// a certificate to the one that is trusted: a certificate of whose state nothing is known is refused. Can be called more than
/// once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_add_revoked(tls: *mut onem2m_ws_tls, lists: *const c_char) -> i32 {
    change(tls, |settings| settings.add("revoked", text(lists, "lists")?))
}

/// As onem2m_ws_tls_add_revoked(), with PEM in memory.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_add_revoked_pem(
    tls: *mut onem2m_ws_tls,
    lists: *const c_void,
    lists_length: usize,
) -> i32 {
    change(tls, |settings| settings.add("revoked", bytes(lists, lists_length, "lists")?))
}

/// For a client: the name that the registrar's certificate must have, a domain name or an address, instead of the host of the point
/// of access. It is sent in the handshake too (SNI). NULL, the default, for that host.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_server_name(tls: *mut onem2m_ws_tls, name: *const c_char) -> i32 {
    change(tls, |settings| settings.set("server_name", optional_text(name, "name")?))
}

/// For a registrar: the `count` entities that speak with a credential which does not name them itself. It is named as
/// onem2m_ws_peer_identity_name() shows it: "DNS:node7.sp.example", "ID:...", "ni:///sha-256;...". Entities are "Cname",
/// "Sname" or "/cse", in any form. What is said here holds over the names in a certificate; the same credential again replaces what
/// was said of it.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_add_peer(
    tls: *mut onem2m_ws_tls,
    credential: *const c_char,
    entities: *const *const c_char,
    count: usize,
) -> i32 {
    change(tls, |settings| {
        settings.set_entry("peer", text(credential, "credential")?, texts(entities, count, "entities")?)
    })
}

/// For a registrar: takes an AE-ID in a certificate also behind this scheme, as "m2m://sp.example/Ssensor" for "m2m". By default it is
/// the AE-ID alone, "//sp.example/Ssensor". Can be called more than once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_add_uri_scheme(tls: *mut onem2m_ws_tls, scheme: *const c_char) -> i32 {
    change(tls, |settings| settings.add("uri_scheme", text(scheme, "scheme")?))
}

/// For a registrar: what becomes of a client whose certificate names no entity, one of onem2m_ws_unnamed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_unnamed(tls: *mut onem2m_ws_tls, unnamed: i32) -> i32 {
    change(tls, |settings| {
        use onem2m_ws_unnamed::*;
        let names = [(ONEM2M_WS_UNNAMED_REFUSE as i32, "refuse"), (ONEM2M_WS_UNNAMED_FIRST_COME as i32, "first_come")];
        settings.set("unnamed", choice(unnamed, "unnamed", &names)?)
    })
}

/// For a registrar: takes clients without a credential too. Off by default, since TS-0020 7 asks for both ends to be authenticated:
/// such a client is what one without TLS is.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_anonymous_clients(tls: *mut onem2m_ws_tls, yes: bool) -> i32 {
    change(tls, |settings| settings.set("anonymous_clients", yes))
}

/// The oldest and the newest version that are spoken, both of onem2m_ws_tls_version: 1.2 and 1.3 by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_versions(tls: *mut onem2m_ws_tls, least: i32, most: i32) -> i32 {
    change(tls, |settings| {
        use onem2m_ws_tls_version::*;
        let names = [(ONEM2M_WS_TLS_1_2 as i32, "1.2"), (ONEM2M_WS_TLS_1_3 as i32, "1.3")];
        let (least, most) = (choice(least, "least", &names)?, choice(most, "most", &names)?);
        settings.set_all([("least_version", least.into()), ("most_version", most.into())])
    })
}

// --- keys that both ends have, and OpenSSL ----------------------------------------------------------------------------

/// A key that both ends have, and its identifier ("7f3a@mef.sp.example"; KpsaID and Kpsa of TS-0003), instead of certificates: 16 to
/// 64 bytes of a random source. It is for one client and one registrar. A client has one, a registrar can have one for each client:
/// can be called more than once. Who has it speaks for what onem2m_ws_tls_add_peer() says of "PSK:" and the identifier; if nothing is
/// said, for what it registers. Needs a library that was built with OpenSSL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_add_pre_shared_key(
    tls: *mut onem2m_ws_tls,
    id: *const c_char,
    key: *const c_void,
    key_length: usize,
) -> i32 {
    change(tls, |settings| {
        let key = array(key.cast::<u8>(), key_length, "key")?;
        settings.set_entry("pre_shared_key", text(id, "id")?, in_digits(key))
    })
}

/// The same of a file, which is read again with the others. Each line has an identifier, a colon, and the key in hexadecimal
/// digits; empty ones and those that begin with # are left out. Can be called more than once.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_add_pre_shared_keys(tls: *mut onem2m_ws_tls, file: *const c_char) -> i32 {
    change(tls, |settings| settings.add("pre_shared_keys", text(file, "file")?))
}

/// Speaks, after all better ones, the suites too that TS-0003 makes mandatory for TLS 1.2. Off by default: that with pre-shared keys
/// has no forward secrecy, and all need a peer that has encrypt-then-MAC (RFC 7366) to be safe. Needs OpenSSL as well.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_ts0003_suites(tls: *mut onem2m_ws_tls, yes: bool) -> i32 {
    change(tls, |settings| settings.set("ts0003_suites", yes))
}

/// What TLS is done by, one of onem2m_ws_tls_library. What needs OpenSSL is done by it in any case.
///
/// Errors: where this library was built without it, onem2m_ws_client_new() and onem2m_ws_registrar_start() return
/// ONEM2M_WS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_tls_set_library(tls: *mut onem2m_ws_tls, library: i32) -> i32 {
    change(tls, |settings| {
        use onem2m_ws_tls_library::*;
        let names = [(ONEM2M_WS_RUSTLS as i32, "rustls"), (ONEM2M_WS_OPENSSL as i32, "openssl")];
        settings.set("library", choice(library, "library", &names)?)
    })
}

// --- where it holds ---------------------------------------------------------------------------------------------------

impl onem2m_ws_tls {
    /// Everything that was set, as JSON; NULL is no TLS.
    fn values(tls: *const Self) -> Result<Value> {
        if tls.is_null() { Ok(Value::Null) } else { Ok(Value::Object(borrow(tls, "tls")?.0.values())) }
    }
}

/// TLS of the connection to a registrar at "wss://host[:port]". They are copied; NULL, the default, for none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_tls(
    config: *mut onem2m_ws_client_config,
    tls: *const onem2m_ws_tls,
) -> i32 {
    client_config::change(config, |settings| settings.set("tls", onem2m_ws_tls::values(tls)?))
}

/// TLS of the connections at each "wss://" place that the registrar listens at. They are copied; NULL, the default, for none. That
/// of its connection to its own registrar is set with onem2m_ws_registrar_config_set_upstream_client().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_tls(
    config: *mut onem2m_ws_registrar_config,
    tls: *const onem2m_ws_tls,
) -> i32 {
    registrar_config::change(config, |settings| settings.set("tls", onem2m_ws_tls::values(tls)?))
}

/// Listens also at "wss://host:port" with TLS settings of its own, which are copied; NULL: not any more. Can be called more than
/// once, for another place each time; where onem2m_ws_registrar_config_set_listen() is not called, these are the only ones.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_listen_with(
    config: *mut onem2m_ws_registrar_config,
    point_of_access: *const c_char,
    tls: *const onem2m_ws_tls,
) -> i32 {
    registrar_config::change(config, |settings| {
        settings.set_entry("listen_with", text(point_of_access, "point_of_access")?, onem2m_ws_tls::values(tls)?)
    })
}

// --- reading files anew -----------------------------------------------------------------------------------------------

/// Reads the files of the TLS settings anew. The next connection is made by them, as each one is that is opened after this; the one
/// that is open is closed if its registrar is not to be trusted any more, and opened again. May be called on any thread, and in
/// callbacks.
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if a file cannot be used: then all stays as it was. ONEM2M_WS_INVALID_STATE without TLS.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_reload_tls(client: *const onem2m_ws_client) -> i32 {
    guard(|| shared(client)?.client().reload_tls())
}

/// Reads the files of all TLS settings of the registrar anew, those of the connection to its own registrar too. Whoever connects from
/// now on is judged by them, and so is whoever is connected: a connection whose credential does not count any more, or has other
/// entities now, is closed. `*closed` (may be NULL) is how many are.
///
/// Errors: as onem2m_ws_client_reload_tls(); what needs a file that cannot be used goes on with what it has.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_reload_tls(registrar: *const onem2m_ws_registrar, closed: *mut usize) -> i32 {
    guard(|| {
        store_if_wanted(closed, || 0);
        let count = running(registrar)?.registrar.reload_tls()?;
        store_if_wanted(closed, || count);
        Ok(())
    })
}
