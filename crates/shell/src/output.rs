//! Where everything is printed: one place, so that what watches tell does not tear what commands
//! print, nor the line that is being typed.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Standard output and standard error, or what stands for them.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Streams>>);

struct Streams {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// The line editor, while a line is typed: it prints above the line.
    editor: Option<SyncSender<String>>,
    /// What the editor was too busy for.
    unshown: usize,
    /// Nobody reads standard output any more.
    is_closed: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl Output {
    pub(crate) fn new(out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Streams {
            out: Box::new(out),
            err: Box::new(err),
            editor: None,
            unshown: 0,
            is_closed: false,
        })))
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints on standard output.
    pub(crate) fn out(&self, text: &str) {
        let mut streams = self.streams();
        let written = streams.out.write_all(text.as_bytes()).and_then(|()| streams.out.flush());
        streams.heed(written);
    }

    /// Prints on standard error.
    pub(crate) fn err(&self, text: &str) {
        let mut streams = self.streams();
        // There is nowhere left to say that this fails.
        let _lost = streams.err.write_all(text.as_bytes());
    }

    /// Prints what nobody has asked for: above the line that is typed, if one is.
    pub(crate) fn aside(&self, text: &str) {
        let mut streams = self.streams();
        let Some(editor) = &streams.editor else {
            let written = streams.out.write_all(text.as_bytes()).and_then(|()| streams.out.flush());
            return streams.heed(written);
        };
        match editor.try_send(text.to_owned()) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => streams.unshown += 1,
        }
    }

    /// A line is being typed from here on.
    pub(crate) fn is_typing(&self, editor: SyncSender<String>) {
        self.streams().editor = Some(editor);
    }

    /// No line is being typed any more.
    pub(crate) fn is_typed(&self) {
        let mut streams = self.streams();
        streams.editor = None;
        let unshown = std::mem::take(&mut streams.unshown);
        if unshown > 0 {
            let text = format!("{unshown} events came too fast to be shown\n");
            let written = streams.out.write_all(text.as_bytes());
            streams.heed(written);
        }
    }

    /// Whether nobody reads standard output any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.streams().is_closed
    }
}

impl Streams {
    fn heed(&mut self, written: io::Result<()>) {
        self.is_closed |= written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
    }
}
