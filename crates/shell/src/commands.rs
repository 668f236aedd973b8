//! The commands: each takes a call and the shell, and says what comes of it.

mod acl;
mod copying;
mod diff;
mod edit;
mod ensemble;
mod find;
mod follow;
mod quota;
mod read;
mod session;
mod size;
mod transfer;
mod watching;
mod write;

use crate::call::Call;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::table::Verb;

pub(crate) use read::null_or;
pub(crate) use session::{help, redone};

/// Carries a command out.
pub(crate) async fn run(shell: &mut Shell, call: &Call) -> Result<(), Failure> {
    match call.spec.verb {
        Verb::AddAuth => session::addauth(shell, call).await,
        Verb::AddWatch => watching::add(shell, call).await,
        Verb::Close => session::close(shell).await,
        Verb::Config => ensemble::config(shell, call).await,
        Verb::Connect => session::connect(shell, call).await,
        Verb::Create => write::create(shell, call).await,
        Verb::Delete => write::delete(shell, call).await,
        Verb::DeleteAll => write::delete_all(shell, call).await,
        Verb::DelQuota => quota::delete(shell, call).await,
        Verb::Get => read::get(shell, call).await,
        Verb::GetAcl => acl::get(shell, call).await,
        Verb::GetAllChildrenNumber => read::count(shell, call).await,
        Verb::GetEphemerals => read::ephemerals(shell, call).await,
        Verb::History => session::history(shell),
        Verb::ListQuota => quota::list(shell, call).await,
        Verb::Ls => read::ls(shell, call).await,
        Verb::PrintWatches => watching::printing(shell, call),
        Verb::Quit => session::quit(shell).await,
        Verb::Reconfig => ensemble::reconfig(shell, call).await,
        // A shell does that itself.
        Verb::Redo => Ok(()),
        Verb::RemoveWatches => watching::remove(shell, call),
        Verb::Set => write::set(shell, call).await,
        Verb::SetAcl => acl::set(shell, call).await,
        Verb::SetQuota => quota::set(shell, call).await,
        Verb::Stat => read::stat(shell, call).await,
        Verb::Sync => read::sync(shell, call).await,
        Verb::Version => session::version(shell, call),
        Verb::WhoAmI => session::who_am_i(shell).await,
        Verb::Acl => acl::set_all(shell, call).await,
        Verb::Cp => copying::cp(shell, call).await,
        Verb::Diff => diff::run(shell, call).await,
        Verb::Du => size::du(shell, call).await,
        Verb::Edit => edit::run(shell, call).await,
        Verb::Export => transfer::export(shell, call).await,
        Verb::Find => find::run(shell, call).await,
        Verb::Help => session::help_on(shell, call),
        Verb::Import => transfer::import(shell, call).await,
        Verb::Ls2 => read::ls2(shell, call).await,
        Verb::Mv => copying::mv(shell, call).await,
        Verb::Tree => size::tree(shell, call).await,
        Verb::Watch => follow::run(shell, call).await,
    }
}
