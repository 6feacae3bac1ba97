//! What a room has running, to be waited for.

use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// Tasks that end by themselves once the process closes.
#[derive(Debug, Default)]
pub struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Runs another one.
    pub async fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().await.spawn(task);
    }

    /// Waits until all of them have ended.
    pub async fn ended(&self) {
        let mut tasks = self.0.lock().await;
        while tasks.join_next().await.is_some() {}
    }
}
