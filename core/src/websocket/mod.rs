//! RFC 6455, both ends, as pure machines.
