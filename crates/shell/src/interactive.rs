//! A shell that somebody types at.

mod complete;
mod highlight;
mod hint;
mod history;
mod prompt;

use crate::call::Manner;
use crate::failure::Exit;
use crate::script::own_line;
use crate::shell::Shell;
use complete::ShellCompleter;
use highlight::ShellHighlighter;
use hint::ShellHinter;
use prompt::ShellPrompt;
use reedline::{
    ColumnarMenu, Emacs, ExternalPrinter, KeyCode, KeyModifiers, MenuBuilder, Reedline,
    ReedlineEvent, ReedlineMenu, Signal, default_emacs_keybindings,
};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Events that wait to be shown above the line.
const EVENTS: usize = 1024;

/// How often the editor looks for events, while nothing is typed.
const LOOKS: Duration = Duration::from_millis(50);

const MENU: &str = "completion";

/// Reads and carries out lines until the end. The result is 0 but in Apache's manner, where it is
/// that of the last command.
pub(crate) fn run(shell: &mut Shell, runtime: &Runtime) -> Exit {
    let events = ExternalPrinter::new(EVENTS);
    let events_sender = events.sender();
    let mut editor = editor(shell, runtime).with_external_printer(events).with_poll_interval(LOOKS);
    let mut exit = Exit::Done;
    if shell.ways.manner == Manner::Own {
        shell.output.out("`help` lists the commands, TAB completes, Ctrl-D leaves\n");
    }
    while !shell.has_quit && !shell.output.is_closed() {
        let prompt = ShellPrompt::of(shell);
        shell.output.is_typing(events_sender.clone());
        let typed = editor.read_line(&prompt);
        shell.output.is_typed();
        let line = match typed {
            Ok(Signal::Success(line)) => line,
            Ok(Signal::CtrlC) if shell.ways.manner == Manner::Own => continue,
            Ok(Signal::CtrlC | Signal::CtrlD) => break,
            Ok(_) => continue,
            Err(error) => {
                shell.output.err(&format!("the terminal cannot be read: {error}\n"));
                return Exit::Refused;
            }
        };
        let done = match shell.ways.manner {
            Manner::Apache if line.is_empty() => continue,
            Manner::Apache => runtime.block_on(shell.run_line(&line)),
            Manner::Own => {
                runtime.block_on(own_line(shell, &line));
                Exit::Done
            }
        };
        if !shell.has_quit {
            exit = done;
        }
    }
    exit
}

fn editor(shell: &Shell, runtime: &Runtime) -> Reedline {
    let manner = shell.ways.manner;
    let completer = ShellCompleter::new(shell.current.clone(), runtime.handle().clone(), manner);
    let mut keys = default_emacs_keybindings();
    keys.add_binding(
        KeyModifiers::NONE,
        KeyCode::Tab,
        ReedlineEvent::UntilFound(vec![
            ReedlineEvent::Menu(MENU.to_owned()),
            ReedlineEvent::MenuNext,
        ]),
    );
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    let menu = ColumnarMenu::default().with_name(MENU);
    let mut editor = Reedline::create()
        .with_completer(Box::new(completer))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_highlighter(Box::new(ShellHighlighter::new(manner)))
        .with_hinter(Box::new(ShellHinter::new(manner)))
        .with_edit_mode(Box::new(Emacs::new(keys)));
    match history::open() {
        Some(Ok(history)) => editor = editor.with_history(history),
        Some(Err(why)) => shell.output.err(&format!("lines typed will not be kept: {why}\n")),
        None => {}
    }
    editor
}
