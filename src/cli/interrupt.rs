//! Being asked to end.
//!
//! In: Ctrl-C and SIGTERM. Out: a future that is over when one of them comes.

#[cfg(feature = "cluster")]
use std::time::Duration;

/// How long what was begun has then to come to its end.
#[cfg(feature = "cluster")]
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Returns when the process is asked to end; never, where it cannot be asked.
pub(crate) async fn asked_to_stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => tokio::select! {
                () = interrupted => {}
                _ = terminated.recv() => {}
            },
            Err(_) => interrupted.await,
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
