//! The pure half of the FSC face: no input or output, no clock, no randomness; all three are passed in.
//!
//! What comes from a peer goes through [`i_json`] once, becomes a [`content::ContractContent`] that keeps the tree as
//! received, is hashed ([`hash`]), validated ([`validation`]), its signatures judged ([`signature`]), its state derived
//! ([`state`]) and a verdict proposed ([`acceptance`]).

pub mod acceptance;
pub mod builder;
pub mod content;
pub mod defects;
pub mod error;
pub mod grant;
pub mod hash;
pub mod i_json;
pub mod log_record;
pub mod query;
pub mod refusal;
pub mod signature;
pub mod state;
pub mod token;
pub mod validation;
pub mod wire;

#[cfg(test)]
pub(crate) mod fixtures;
