//! The embedded CSE, procedure by procedure, in virtual time.

mod access;
mod access_control;
mod access_control_live;
mod access_control_secrecy;
mod addressing;
mod containers;
mod discovery;
mod harness;
mod hostile;
mod keeping;
mod limits;
mod next_hop;
mod registration;
mod requests;
mod results;
mod schedules;
mod subscriptions;
mod transfer;
