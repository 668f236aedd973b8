//! The terminal, and what moves between it, the servers and the dashboard.

use crate::app::App;
use crate::sampler::{Sample, Wanted, sample_all};
use crate::view::draw;
use crossterm::event::{self, Event, KeyEventKind};
use std::io;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use zoarium_monitor::facts::Asking;
use zoarium_monitor::target::Target;

/// How many events of the terminal may wait.
const EVENTS_MAX: usize = 64;

/// Shows the dashboard until it is left.
///
/// # Errors
/// If the terminal cannot be read or written.
pub async fn run(targets: Vec<Target>, asking: Asking, interval: Duration) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, targets, asking, interval).await;
    // What went wrong first is what counts.
    shown.and(ratatui::try_restore())
}

async fn show(
    terminal: &mut ratatui::DefaultTerminal,
    targets: Vec<Target>,
    asking: Asking,
    interval: Duration,
) -> io::Result<()> {
    let mut app = App::new(interval);
    let (wanted, wanted_by_sampler) = watch::channel::<Wanted>(app.wanted());
    let (send_sample, mut samples) = mpsc::channel::<Sample>(1);
    let (send_event, mut events) = mpsc::channel(EVENTS_MAX);
    tokio::spawn(sample_all(targets, asking, wanted_by_sampler, send_sample));
    // It ends with the process, or with the first event after this function.
    thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(move || while send_event.blocking_send(event::read()).is_ok() {})?;
    loop {
        terminal.draw(|frame| draw(frame, &app))?;
        tokio::select! {
            Some(sample) = samples.recv() => app.on_sample(sample),
            Some(event) = events.recv() => {
                if let Event::Key(key) = event? && key.kind != KeyEventKind::Release && !app.on_key(key) {
                    return Ok(());
                }
            }
        }
        wanted.send_if_modified(|current| {
            let next = app.wanted();
            let is_new = *current != next;
            *current = next;
            is_new
        });
    }
}
