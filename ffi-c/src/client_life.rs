//! Settings of a client's life: how it stays connected and registered, what survives the program, and what becomes of requests
//! that it has accepted. Defaults and ranges are the core's.

use std::ffi::c_char;

use onem2m::binding::{OutsideWindow, Repeat, WhenFull};
use onem2m::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::client_config::{change, onem2m_ws_client_config};
use crate::handle::array;
use crate::settings::choice;
use crate::text::{optional_text, text};

/// Which requests are sent again, with the same `rqi`, when the connection broke before their response came. The registrar may
/// have carried the first one out.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_repeat {
    /// None: their outcome is told to be unknown.
    ONEM2M_WS_REPEAT_NEVER = 0,
    /// RETRIEVE, which changes nothing.
    ONEM2M_WS_REPEAT_RETRIEVE = 1,
    /// RETRIEVE, UPDATE and DELETE: done twice, they leave what they leave when done once. Of a second DELETE the answer is 4004.
    ONEM2M_WS_REPEAT_IDEMPOTENT = 2,
    /// All: a CREATE may make two resources, a NOTIFY may be heard twice.
    ONEM2M_WS_REPEAT_ALL = 3,
}

/// What becomes of a request for which there is no room in the outbox.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_when_full {
    /// It is refused with ONEM2M_WS_QUEUE_FULL: the default.
    ONEM2M_WS_WHEN_FULL_REFUSE = 0,
    /// The oldest ones make room for it; ONEM2M_WS_EVENT_DELIVERED tells of each.
    ONEM2M_WS_WHEN_FULL_DROP_OLDEST = 1,
}

/// What becomes of a request outside of the times of the schedule.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_outside_window {
    /// It opens the connection, which is closed again when nothing is pending: the default.
    ONEM2M_WS_OUTSIDE_WINDOW_OPEN = 0,
    /// It waits for the next time to be reachable, or until its own time is over.
    ONEM2M_WS_OUTSIDE_WINDOW_HOLD = 1,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RepeatSetting {
    Never,
    Retrieve,
    Idempotent,
    All,
}

impl From<RepeatSetting> for Repeat {
    fn from(setting: RepeatSetting) -> Self {
        match setting {
            RepeatSetting::Never => Self::Never,
            RepeatSetting::Retrieve => Self::Retrieve,
            RepeatSetting::Idempotent => Self::Idempotent,
            RepeatSetting::All => Self::All,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenFullSetting {
    Refuse,
    DropOldest,
}

impl From<WhenFullSetting> for WhenFull {
    fn from(setting: WhenFullSetting) -> Self {
        match setting {
            WhenFullSetting::Refuse => Self::Refuse,
            WhenFullSetting::DropOldest => Self::DropOldest,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutsideSetting {
    Open,
    Hold,
}

impl From<OutsideSetting> for OutsideWindow {
    fn from(setting: OutsideSetting) -> Self {
        match setting {
            OutsideSetting::Open => Self::Open,
            OutsideSetting::Hold => Self::Hold,
        }
    }
}

/// onem2m_ws_client_connect() goes on trying as a lost connection is tried for, until the connection is open, its time-out is
/// over, or trying again is pointless. Off by default: the first attempt that fails is told.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_patient(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("patient", yes))
}

/// When a lost connection is opened again: the delay before the second attempt (500 ms), which doubles with every failure up to
/// the largest (60 000 ms), each being a random part of what it may be; a connection that lasted `stable_after_ms` (30 000 ms)
/// begins anew with the first delay.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_reopening(
    config: *mut onem2m_ws_client_config,
    first_delay_ms: u32,
    largest_delay_ms: u32,
    stable_after_ms: u32,
) -> i32 {
    change(config, |settings| {
        settings.set("reopening_first_delay_ms", first_delay_ms)?;
        settings.set("reopening_largest_delay_ms", largest_delay_ms)?;
        settings.set("reopening_stable_after_ms", stable_after_ms)
    })
}

/// Which requests of onem2m_ws_client_send() and its like are sent again when the connection broke before their response came:
/// one of onem2m_ws_repeat, none by default; onem2m_ws_last_error_outcome_unknown() is true for those that are not.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_repeat(config: *mut onem2m_ws_client_config, repeat: i32) -> i32 {
    change(config, |settings| settings.set("repeat", repeat_name(repeat)?))
}

fn repeat_name(repeat: i32) -> Result<&'static str> {
    use onem2m_ws_repeat::*;
    let names = [
        (ONEM2M_WS_REPEAT_NEVER as i32, "never"),
        (ONEM2M_WS_REPEAT_RETRIEVE as i32, "retrieve"),
        (ONEM2M_WS_REPEAT_IDEMPOTENT as i32, "idempotent"),
        (ONEM2M_WS_REPEAT_ALL as i32, "all"),
    ];
    choice(repeat, "repeat", &names)
}

/// Keeps the registration alive that onem2m_ws_client_register_ae() or onem2m_ws_client_register_cse() made: it is renewed before
/// it lapses, and after a reopening the registrar is asked whether it still knows the entity; one that does not is registered at
/// again. on_event tells. On by default.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_keep_registered(config: *mut onem2m_ws_client_config, yes: bool) -> i32 {
    change(config, |settings| settings.set("keep_registered", yes))
}

/// For how long registrations are made (`et`), and then renewed for as long again before they lapse: 1000 ms to a year; the
/// registrar may make it shorter. 0, the default: the registrar decides.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_registration_lifetime_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u64,
) -> i32 {
    change(config, |settings| settings.set("registration_lifetime_ms", milliseconds))
}

/// Keeps who the entity is in this file, which is made if it does not exist: a restarted program goes on without registering
/// again. onem2m_ws_client_register_ae() then asks the registrar whether it still knows the entity, and registers only if it does
/// not. One file is for one entity at one registrar, and one process at a time. NULL, the default, for none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_state_file(
    config: *mut onem2m_ws_client_config,
    path: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("state_file", optional_text(path, "path")?))
}

/// The times at which the entity can be reached: `count` entries as the `scheduleEntries` of a `<schedule>` has them, "second minute
/// hour day-of-month month day-of-week year" in UTC, 1 to 32, each of at most 256 bytes. The connection is opened when such a time
/// begins, and closed at its end when nothing is pending. 0 entries, the default: always. The registrar hears of it by a
/// `<schedule>` resource below the `<AE>`, which the program makes.
///
/// Errors: onem2m_ws_client_new() returns ONEM2M_WS_INVALID_ARGUMENT for one that is no schedule; the text names entry and field.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_schedule(
    config: *mut onem2m_ws_client_config,
    entries: *const *const c_char,
    count: usize,
) -> i32 {
    change(config, |settings| {
        let entries: Result<Vec<&str>> =
            array(entries, count, "entries")?.iter().map(|entry| text(*entry, "entries")).collect();
        settings.set("schedule", entries?)
    })
}

/// What becomes of a request outside of these times: one of onem2m_ws_outside_window.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outside_window(
    config: *mut onem2m_ws_client_config,
    outside: i32,
) -> i32 {
    change(config, |settings| {
        use onem2m_ws_outside_window::*;
        let names = [(ONEM2M_WS_OUTSIDE_WINDOW_OPEN as i32, "open"), (ONEM2M_WS_OUTSIDE_WINDOW_HOLD as i32, "hold")];
        settings.set("outside_window", choice(outside, "outside", &names)?)
    })
}

// --- the outbox -------------------------------------------------------------------------------------------------------

/// Bounds of the outbox, which onem2m_ws_client_post() fills: 1024 requests (1 to 1 000 000), and 8 MiB in memory, about.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_bounds(
    config: *mut onem2m_ws_client_config,
    requests: u32,
    bytes: usize,
) -> i32 {
    change(config, |settings| {
        settings.set("outbox_requests", requests)?;
        settings.set("outbox_bytes", bytes)
    })
}

/// What becomes of one more: one of onem2m_ws_when_full.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_when_full(
    config: *mut onem2m_ws_client_config,
    when_full: i32,
) -> i32 {
    change(config, |settings| {
        use onem2m_ws_when_full::*;
        let names =
            [(ONEM2M_WS_WHEN_FULL_REFUSE as i32, "refuse"), (ONEM2M_WS_WHEN_FULL_DROP_OLDEST as i32, "drop_oldest")];
        settings.set("outbox_when_full", choice(when_full, "when_full", &names)?)
    })
}

/// How long a request is kept that says nothing else (`rqet`, `rset`): 86 400 000 ms, a day; at least 1, at most a year.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_lifetime_ms(
    config: *mut onem2m_ws_client_config,
    milliseconds: u64,
) -> i32 {
    change(config, |settings| settings.set("outbox_lifetime_ms", milliseconds))
}

/// Most requests that are sent from the outbox in a second; 0, the default: as fast as they are answered.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_rate(
    config: *mut onem2m_ws_client_config,
    requests_per_second: f64,
) -> i32 {
    change(config, |settings| {
        if !requests_per_second.is_finite() {
            let text = format!("outbox_rate {requests_per_second} is no number of requests in a second");
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        settings.set("outbox_rate", requests_per_second)
    })
}

/// Requests of the outbox under way at a time: 1, which keeps their order also where one has to be sent again; at most 256.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_window(
    config: *mut onem2m_ws_client_config,
    requests: u32,
) -> i32 {
    change(config, |settings| settings.set("outbox_window", requests))
}

/// Which requests of the outbox are sent again when it is not known whether they were carried out: one of onem2m_ws_repeat, all
/// by default. Of others ONEM2M_WS_EVENT_DELIVERED tells that their outcome is unknown.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_repeat(config: *mut onem2m_ws_client_config, repeat: i32) -> i32 {
    change(config, |settings| settings.set("outbox_repeat", repeat_name(repeat)?))
}

/// Keeps the outbox in this file, which is made if it does not exist: what was accepted survives a crash, and the next run
/// delivers it. One file is for one client, and one process at a time. NULL, the default, for none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_config_set_outbox_file(
    config: *mut onem2m_ws_client_config,
    path: *const c_char,
) -> i32 {
    change(config, |settings| settings.set("outbox_file", optional_text(path, "path")?))
}
