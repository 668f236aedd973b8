//! What running servers tell of themselves, Apache's and Zoarium's alike: over the four-letter words
//! of their client port, and over the HTTP admin port where there is one.
//!
//! Servers differ in what they tell. Versions have other metrics, a whitelist refuses words, a metrics
//! provider renames things, a server that does not serve says only that. So everything here is
//! optional but the address, and nothing fails because a key is missing: [`facts::Facts`] has what
//! there was, and says which sources were refused.
//!
//! - [`word`] asks one word, [`admin`] one admin command: bounded in time and size.
//! - [`words`] turns their answers into types.
//! - [`facts`] puts together what one server tells, [`ensemble`] what several say of each other.
//! - [`verdict`] says how an ensemble is, and what to do about it; [`report`] writes it down.
//!
//! What is not here: anything that changes a server, and any screen. The terminal dashboard is in
//! `zoarium-top`.
//!
//! Start at [`ensemble::observe`].

pub mod admin;
pub mod ensemble;
pub mod facts;
pub mod report;
pub mod target;
pub mod verdict;
pub mod word;
pub mod words;
