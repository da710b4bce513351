//! Request and response primitives: the messages of oneM2M, apart from how they are written.
//!
//! Covers: TS-0004 6.3, 6.4, 6.6.3, 7.5.2 as data. Pure: no clock, no I/O. Bytes belong to [`crate::codec`].

mod content;
mod enumeration;
mod filter;
mod id;
mod operation;
mod request;
mod response;
mod status;
mod timestamp;

pub use content::{Content, Format};
pub(crate) use content::{Encoding, XmlPlace};
pub use enumeration::{
    ContentStatus, CseType, EventCategory, FilterOperation, FilterUsage, IdResultType, NotificationContentType,
    NotificationEventType, ResourceType, ResponseType, ResultContent,
};
pub use filter::FilterCriteria;
pub use id::*;
pub use operation::Operation;
pub(crate) use request::release_version;
pub use request::{Additional, ReleaseVersion, Request, ResponseTypeInfo};
pub use response::{Response, ResponseAdditional};
pub use status::StatusCode;
pub use timestamp::{AbsRelTimestamp, format_timestamp, parse_timestamp};
