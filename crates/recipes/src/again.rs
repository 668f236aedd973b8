//! Doing again what may be done again.

use crate::error::may_work_later;
use std::future::Future;
use std::time::Duration;
use zoarium_client::Error;

/// The first pause before something is tried again. Requests wait for a connection by themselves;
/// pauses are for connections that break again and again.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Does something that is harmless to repeat until there is a definite answer.
pub(crate) async fn until_answered<R, A>(mut attempt: impl FnMut() -> A) -> Result<R, Error>
where
    A: IntoFuture<Output = Result<R, Error>>,
{
    let mut pauses = Pauses::default();
    loop {
        match attempt().await {
            Err(error) if may_work_later(&error) => {
                tracing::debug!(%error, "trying again");
                pauses.pause().await;
            }
            answered => return answered,
        }
    }
}

/// Pauses that double.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSE_MIN)
    }
}

impl Pauses {
    pub(crate) fn pause(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSE_MAX);
        tokio::time::sleep(pause)
    }
}
