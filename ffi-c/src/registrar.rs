//! The embedded registrar: a small CSE, so that a program can be written and tested with nothing else installed.

use std::ffi::c_char;
use std::sync::Arc;

use onem2m::bridge::{Recipient, Registrar, Slot};
use onem2m::registrar::RegistrarBuilder;
use onem2m::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Map;

use crate::callback::Calling;
use crate::client::wait;
use crate::guard::{guard, guard_value};
use crate::handle::{Handle, borrow, borrow_mut, make, take};
use crate::process::Homed;
use crate::settings::Settings;
use crate::text::{onem2m_ws_text, text};

/// What can be set, under the names that [`onem2m_ws_registrar_config_load_json`] takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrarSettings {
    listen: Option<String>,
    cse_id: Option<String>,
    cse_name: Option<String>,
    sp_id: Option<String>,
    admin: Option<String>,
}

impl RegistrarSettings {
    fn builder(self) -> RegistrarBuilder {
        let mut b = RegistrarBuilder::new();
        macro_rules! apply {
            ($($field:ident)+) => {
                $(if let Some(value) = self.$field { b = b.$field(value); })+
            };
        }
        apply!(listen cse_id cse_name sp_id admin);
        b
    }
}

/// Settings of a registrar. Every setting has a default.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_registrar_config(Settings<RegistrarSettings>);

impl Handle for onem2m_ws_registrar_config {}

/// Settings of a registrar. Free them with onem2m_ws_registrar_config_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_new(out: *mut *mut onem2m_ws_registrar_config) -> i32 {
    guard(|| make(out, "out", || Ok(onem2m_ws_registrar_config(Settings::new(Map::new())))))
}

/// Frees settings; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_free(config: *mut onem2m_ws_registrar_config) {
    guard_value((), || {
        drop(take(config));
        Ok(())
    });
}

fn change(
    config: *mut onem2m_ws_registrar_config,
    change: impl FnOnce(&mut Settings<RegistrarSettings>) -> Result<()>,
) -> i32 {
    guard(|| change(&mut borrow_mut(config, "config")?.0))
}

/// Sets everything that a JSON object names, {"listen":"ws://127.0.0.1:9000"}; null sets the default. An unknown name or a
/// wrong value is an error and changes nothing. The names are those of the setters, and `sp_id` ("//sp.example").
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_load_json(
    config: *mut onem2m_ws_registrar_config,
    json: *const c_char,
) -> i32 {
    change(config, |settings| settings.load(text(json, "json")?))
}

/// Where to listen: "ws://127.0.0.1:9000" by default. Port 0 takes any that is free.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_listen(
    config: *mut onem2m_ws_registrar_config,
    point_of_access: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("listen", text(point_of_access, "point_of_access")?))
}

/// The CSE-ID: "/id-in" by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_cse_id(
    config: *mut onem2m_ws_registrar_config,
    cse_id: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("cse_id", text(cse_id, "cse_id")?))
}

/// The resource name of the CSEBase: "cse-in" by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_cse_name(
    config: *mut onem2m_ws_registrar_config,
    cse_name: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("cse_name", text(cse_name, "cse_name")?))
}

/// The originator that may do everything: "CAdmin" by default. There is no authentication: whoever names himself so is
/// believed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_config_set_admin(
    config: *mut onem2m_ws_registrar_config,
    originator: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("admin", text(originator, "originator")?))
}

struct Running {
    registrar: Registrar,
    points_of_access: Vec<String>,
}

/// A registrar that runs in this process: CSEBase, AE, container, contentInstance, subscription, remoteCSE. For development
/// and tests; it keeps everything in memory and is no product CSE.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_registrar(Homed<Running>);

impl Handle for onem2m_ws_registrar {}

/// Starts a registrar; it listens when this returns. `config` may be NULL. Free it with onem2m_ws_registrar_free().
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if a setting cannot work, ONEM2M_WS_NETWORK if it cannot listen there.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_start(
    config: *const onem2m_ws_registrar_config,
    out: *mut *mut onem2m_ws_registrar,
) -> i32 {
    guard(|| {
        make(out, "out", || {
            let settings =
                if config.is_null() { Settings::new(Map::new()).get()? } else { borrow(config, "config")?.0.get()? };
            let registrar = Registrar::start(settings.builder())?;
            let points_of_access = registrar.points_of_access()?;
            Ok(onem2m_ws_registrar(Homed::new(Running { registrar, points_of_access })))
        })
    })
}

/// Where registrees reach it: "ws://127.0.0.1:9000", the first with `index` 0; no text after the last. Valid until the
/// registrar is freed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_point_of_access(
    registrar: *const onem2m_ws_registrar,
    index: usize,
) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || {
        let running = borrow(registrar, "registrar")?.0.get()?;
        Ok(onem2m_ws_text::of_option(running.points_of_access.get(index).map(String::as_str)))
    })
}

/// Stops: takes no new connection, closes every connection as soon as nothing under way waits on it, and waits for that at
/// most `timeout_ms` (0: as long as it takes). Can be called again. The registrar is still to be freed.
///
/// Errors: ONEM2M_WS_TIMEOUT: it goes on in the background. ONEM2M_WS_WOULD_DEADLOCK within a callback, since a client of this
/// process may be what it would wait for.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_stop(registrar: *const onem2m_ws_registrar, timeout_ms: u32) -> i32 {
    guard(|| {
        let running = borrow(registrar, "registrar")?.0.get()?;
        if Calling::is_any() {
            let text = "onem2m_ws_registrar_stop() could wait for the callback that calls it";
            return Err(Error::new(ErrorKind::WouldDeadlock, text));
        }
        let slot = Slot::new();
        running.registrar.stop(&Recipient::Slot(Arc::clone(&slot)), 0)?;
        wait(&slot, timeout_ms).map(|_| ())
    })
}

/// Stops at once, waits for nothing, and frees the registrar; NULL is fine. May be called within callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_free(registrar: *mut onem2m_ws_registrar) {
    guard_value((), || {
        drop(take(registrar));
        Ok(())
    });
}
