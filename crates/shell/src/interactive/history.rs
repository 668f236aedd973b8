//! Lines that were typed, kept on disk; but not those with secrets.

use reedline::{
    FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, Result, SearchQuery,
};
use std::env;
use std::path::PathBuf;

/// Lines that are kept.
const LINES: usize = 10_000;

/// The file: `$ZOARIUM_HISTORY`, or `zoarium/history` where the user's state is kept.
fn file() -> Option<PathBuf> {
    if let Some(path) = env::var_os("ZOARIUM_HISTORY") {
        return Some(path.into());
    }
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("zoarium/history"))
}

/// Opens the history; `None` if there is nowhere to keep it.
pub(super) fn open() -> Option<Result<Box<dyn History>>> {
    let opened = FileBackedHistory::with_file(LINES, file()?);
    Some(opened.map(|history| Box::new(Discreet(history)) as Box<dyn History>))
}

/// A history that does not keep passwords.
struct Discreet(FileBackedHistory);

impl History for Discreet {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        match item.command_line.trim_start().starts_with("addauth") {
            true => Ok(item),
            false => self.0.save(item),
        }
    }

    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        self.0.load(id)
    }

    fn count(&self, query: SearchQuery) -> Result<i64> {
        self.0.count(query)
    }

    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        self.0.search(query)
    }

    fn update(
        &mut self,
        id: HistoryItemId,
        updater: &dyn Fn(HistoryItem) -> HistoryItem,
    ) -> Result<()> {
        self.0.update(id, updater)
    }

    fn clear(&mut self) -> Result<()> {
        self.0.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        self.0.delete(id)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.0.sync()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.0.session()
    }
}
