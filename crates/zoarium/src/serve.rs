//! `zoarium server`.

use crate::{LogFormat, ServerArguments};
use std::future::pending;
use std::io::{IsTerminal, stderr};
use std::pin::pin;
use std::process::ExitCode;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;
use zoarium_server::config::{self, ConfigErrors, ConfigWarning, Loaded, Loudness};
use zoarium_server::exit_code::ExitCode as ServerExit;
use zoarium_server::{Server, ServerError};

/// Runs a server until it is told to stop. The result is Apache's exit code for how it ended.
pub(crate) fn run(arguments: &ServerArguments) -> ExitCode {
    if let Err(error) = start_logging(arguments) {
        return fail(&error, ServerExit::InvalidInvocation);
    }
    let loaded = match config::load_from_process(&arguments.config, &arguments.define) {
        Ok(loaded) => loaded,
        Err(ConfigErrors { errors, warnings }) => {
            // One of them may name the key that was meant.
            show_warnings(&warnings);
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            return fail(&errors.join("\n"), ServerExit::InvalidInvocation);
        }
    };
    show_warnings(&loaded.warnings);
    let runtime =
        Builder::new_multi_thread().worker_threads(connection_threads()).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, ServerExit::UnexpectedError),
    };
    match runtime.block_on(serve(loaded, arguments.ends_with_stdin)) {
        Ok(()) => ServerExit::ExecutionFinished.into(),
        Err(error) => fail(&error, exit_of(&error)),
    }
}

/// Threads for connections: half of the processors, because the peer loop, the disk and the kernel's
/// share of the network need theirs. More only wake each other: on two processors, one thread
/// instead of two takes an eighth less CPU for writes and a sixth less for reads.
fn connection_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

async fn serve(loaded: Loaded, ends_with_stdin: bool) -> Result<(), ServerError> {
    let data_dir = loaded.config.storage.data_dir.clone();
    // Before anything else, so that a signal during recovery is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signals)?;
    let mut abandoned = pin!(end_of_stdin(ends_with_stdin));
    let mut server = tokio::select! {
        server = Server::start(loaded) => server?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
        () = &mut abandoned => return Ok(()),
    };
    tracing::info!(data = %data_dir.display(), "clients connect to {}", server.local_addr());
    if let Some(admin) = server.admin_addr() {
        tracing::info!("admin commands are on http://{admin}/commands");
    }
    let failure = tokio::select! {
        failure = server.failure() => Some(failure),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = &mut abandoned => None,
    };
    tracing::info!("stopping");
    server.stop();
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// Waits for the end of standard input, or forever. It comes also when the process at the other end
/// is killed and can do nothing about its servers.
async fn end_of_stdin(is_awaited: bool) {
    if !is_awaited {
        return pending().await;
    }
    let (over, ended) = oneshot::channel();
    let watch = move || {
        // An error is an end too.
        let _read = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        // Nobody waits if the server ends by itself.
        let _unheard = over.send(());
    };
    match std::thread::Builder::new().name("stdin".to_owned()).spawn(watch) {
        // The sender is dropped behind its message only.
        Ok(_) => drop(ended.await),
        Err(error) => {
            tracing::warn!("the end of standard input is not noticed: {error}");
            pending().await
        }
    }
}

fn start_logging(arguments: &ServerArguments) -> Result<(), String> {
    let filter = EnvFilter::try_new(&arguments.log)
        .map_err(|error| format!("--log {}: {error}", arguments.log))?;
    // Complaining on standard error that standard error is gone would be the end of the process.
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .log_internal_errors(false);
    match arguments.log_format {
        LogFormat::Human => logging.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => logging.json().init(),
    }
    Ok(())
}

fn show_warnings(warnings: &[ConfigWarning]) {
    for warning in warnings {
        match warning.loudness() {
            Loudness::Debug => tracing::debug!("{warning}"),
            Loudness::Info => tracing::info!("{warning}"),
            Loudness::Warn => tracing::warn!("{warning}"),
        }
    }
}

const fn exit_of(error: &ServerError) -> ServerExit {
    match error {
        ServerError::DataDir { .. } => ServerExit::UnableToAccessDatadir,
        ServerError::Admin(_) => ServerExit::ErrorStartingAdminServer,
        ServerError::Address { .. } => ServerExit::InvalidInvocation,
        ServerError::PeerPorts(_) => ServerExit::UnableToBindQuorumPort,
        ServerError::Storage(_)
        | ServerError::ClientPort { .. }
        | ServerError::Thread(_)
        | ServerError::Signals(_) => ServerExit::UnexpectedError,
    }
}

/// Says what went wrong on standard error, where scripts look for Apache's line too.
#[expect(clippy::print_stderr, reason = "the process ends with this, log or no log")]
fn fail(error: &dyn std::fmt::Display, exit: ServerExit) -> ExitCode {
    eprintln!("zoarium: {error}");
    if let Some(line) = exit.stderr_line() {
        eprintln!("{line}");
    }
    exit.into()
}
