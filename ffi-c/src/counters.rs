//! What a client has counted, for C.

use crate::client::{onem2m_ws_client, shared};
use crate::guard::guard;
use crate::handle::store_sized;

/// What a client has counted. Set `struct_size` to sizeof(onem2m_ws_counters) before the call.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_counters {
    /// sizeof(onem2m_ws_counters): only as much is written.
    pub struct_size: usize,
    /// Connections that were open.
    pub connections: u64,
    /// Requests written to a connection.
    pub requests_sent: u64,
    /// Responses that found their request.
    pub responses_received: u64,
    /// Requests read from a connection, also those that were refused.
    pub requests_received: u64,
    /// Responses written to a connection.
    pub responses_sent: u64,
    /// Responses that nobody waited for.
    pub unmatched: u64,
    /// Requests that ran out of time.
    pub timeouts: u64,
    /// Requests of the peer's that the program did not answer in time.
    pub unanswered: u64,
    /// Messages that were no primitive.
    pub malformed: u64,
    /// Deviations from the standard that were tolerated.
    pub deviations: u64,
    /// Requests that expired before they could be sent, and requests of the peer's that had expired when they came.
    pub expired: u64,
    /// Requests that were under way when their connection broke, and were sent again.
    pub repeated: u64,
}

/// Writes what the client has counted so far to `*counters`.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_counters(client: *const onem2m_ws_client, counters: *mut onem2m_ws_counters) -> i32 {
    guard(|| {
        let c = shared(client)?.client().counters()?;
        store_sized(
            counters,
            "counters",
            &onem2m_ws_counters {
                struct_size: 0, // stays what it is
                connections: c.connections,
                requests_sent: c.requests_sent,
                responses_received: c.responses_received,
                requests_received: c.requests_received,
                responses_sent: c.responses_sent,
                unmatched: c.unmatched,
                timeouts: c.timeouts,
                unanswered: c.unanswered,
                malformed: c.malformed,
                deviations: c.deviations,
                expired: c.expired,
                repeated: c.repeated,
            },
        )
    })
}
