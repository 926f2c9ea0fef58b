//! A function's process: it may die at any of its AWS calls, and Lambda starts another one for the next invocation.

use testkit::{Crashed, FaultInjector};

/// Runs one invocation.
pub(crate) async fn invoke<T>(process: &FaultInjector, work: impl Future<Output = T>) -> Result<T, Crashed> {
    process.restart();
    process.run(work).await
}
