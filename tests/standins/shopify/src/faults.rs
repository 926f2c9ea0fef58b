//! What goes wrong on demand: each fault is for the next calls of one root field, or of any.

use serde::Deserialize;

/// A fault and how often it happens.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fault {
    /// The root field it is for, such as `productSet`; any when absent.
    #[serde(default)]
    pub(crate) operation: Option<String>,
    pub(crate) kind: FaultKind,
    /// How many calls it hits.
    #[serde(default = "once")]
    pub(crate) times: u32,
}

const fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FaultKind {
    /// THROTTLED, whatever the bucket has.
    Throttle,
    /// HTTP 500 with nothing done.
    ServerError,
    /// HTTP 503 with nothing done.
    Unavailable,
    /// 200 with `INTERNAL_SERVER_ERROR`, nothing done.
    InternalError,
    /// 200 with `INTERNAL_SERVER_ERROR`, everything done.
    InternalErrorAfterCommit,
    /// Done, but never answered.
    TimeoutAfterCommit,
    /// Neither done nor answered.
    Timeout,
    /// `ACCESS_DENIED` for the field.
    AccessDenied,
    /// Another call with the same idempotency key is running.
    ConcurrentRequest,
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The next fault for a call of these root fields.
    pub(crate) fn take(&mut self, fields: &[String]) -> Option<FaultKind> {
        let hit = |fault: &Fault| fault.operation.as_ref().is_none_or(|operation| fields.contains(operation));
        let at = self.0.iter().position(hit)?;
        let fault = self.0.get_mut(at)?;
        let kind = fault.kind;
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            self.0.remove(at);
        }
        Some(kind)
    }
}
