//! A terminal dashboard of an ensemble, Apache's or Zoarium's: who leads, who lags, how fast they are,
//! what is hot, and who is connected.
//!
//! The parts do not know each other's trade. [`sampler`] asks servers and knows no screen. [`app`] is
//! what is shown and how keys change it; it does no I/O, so tests press keys and compare screens.
//! `view` draws it. [`run`] has the terminal and moves things between them.
//!
//! What is not here: what servers say and what it means, which is in `zoarium-monitor`.

pub mod app;
pub mod once;
pub mod sampler;
mod terminal;
mod view;

pub use terminal::run;
pub use view::draw;
