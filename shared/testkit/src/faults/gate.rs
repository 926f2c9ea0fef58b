//! The gate every call of a process passes: record, script, service, script again.

use super::FaultInjector;
use super::call::{Call, Capacity, ask_for_capacity};
use super::script::{Effect, Plan};
use crate::wire::{ApiReply, ApiRequest, Endpoint, Service};
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures::future::BoxFuture;
use serde_json::json;
use std::io;
use std::sync::Arc;

/// An endpoint behind a [`FaultInjector`].
pub(crate) struct Gate {
    faults: FaultInjector,
    inner: Arc<dyn Endpoint>,
}

impl Gate {
    pub(super) fn new(faults: FaultInjector, inner: impl Endpoint) -> Self {
        Self { faults, inner: Arc::new(inner) }
    }
}

impl Endpoint for Gate {
    fn handle(&self, request: ApiRequest) -> BoxFuture<'static, Result<ApiReply, ConnectorError>> {
        let (faults, inner) = (self.faults.clone(), Arc::clone(&self.inner));
        Box::pin(async move { faults.pass(request, &*inner).await })
    }
}

impl FaultInjector {
    async fn pass(&self, mut request: ApiRequest, inner: &dyn Endpoint) -> Result<ApiReply, ConnectorError> {
        if self.is_crashed() {
            return self.dead().await;
        }
        let life = self.process.crashes();
        let plan = self.admit(&request);
        let service = request.service;
        self.let_others_run().await;
        request.partial = plan.before.contains(&Effect::Partial);
        if let Some(failure) = self.suffer(&plan.before, service).await {
            return failure;
        }
        if service == Service::Dynamo {
            ask_for_capacity(&mut request);
        }
        let api = request.api.clone();
        let reply = inner.handle(request).await?;
        self.note(plan.index, &api, &reply);
        if let Some(failure) = self.suffer(&plan.after, service).await {
            return failure;
        }
        self.let_others_run().await;
        // Another call of the same process may have crashed it meanwhile.
        if self.process.crashes() == life { Ok(reply) } else { self.dead().await }
    }

    fn admit(&self, request: &ApiRequest) -> Plan {
        let call = Call {
            process: self.process.name.clone(),
            service: request.service,
            api: request.api.clone(),
            body: request.body.clone(),
            capacity: Capacity::default(),
            answered: None,
        };
        let running = self.process.is_running();
        self.script().admit(call, running)
    }

    fn note(&self, index: usize, api: &str, reply: &ApiReply) {
        // The record may have been forgotten while the call was under way.
        if let Some(call) = self.script().calls.get_mut(index) {
            call.answered = Some(reply.status);
            if call.service == Service::Dynamo {
                call.capacity = Capacity::of(api, reply);
            }
        }
    }

    async fn let_others_run(&self) {
        let turns = self.script().turns();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Goes through `effects` in order; the first one that ends the call is the outcome.
    async fn suffer(&self, effects: &[Effect], service: Service) -> Option<Result<ApiReply, ConnectorError>> {
        for effect in effects {
            match effect {
                Effect::Delay(by) => tokio::time::sleep(*by).await,
                Effect::Partial => {}
                Effect::ServerError => return Some(Ok(server_error(service))),
                Effect::Throttle => return Some(Ok(throttle(service))),
                Effect::ConnectionError => return Some(Err(broken("connection reset"))),
                Effect::Timeout => {
                    let late = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
                    return Some(Err(ConnectorError::timeout(late.into())));
                }
                Effect::Crash => {
                    self.process.crash();
                    return Some(self.dead().await);
                }
            }
        }
        None
    }

    /// What a call of a crashed process meets: inside [`FaultInjector::run`] it never returns (the run is dropped
    /// there and then, as a killed process stops between two instructions), elsewhere the connection is gone.
    async fn dead(&self) -> Result<ApiReply, ConnectorError> {
        if self.process.is_running() {
            std::future::pending::<()>().await;
        }
        Err(broken("the process has crashed"))
    }
}

fn broken(why: &'static str) -> ConnectorError {
    ConnectorError::io(io::Error::new(io::ErrorKind::ConnectionReset, why).into())
}

fn server_error(service: Service) -> ApiReply {
    match service {
        Service::Dynamo => {
            let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
            ApiReply::json(500, &json!({"__type": kind, "message": "Internal server error"}))
        }
        Service::Sqs => ApiReply::json(500, &json!({"__type": "com.amazonaws.sqs#InternalFailure"})),
        Service::Sns => ApiReply::sns_error(500, "InternalError", "Internal error"),
        Service::S3 => ApiReply::xml(500, "<Error><Code>InternalError</Code></Error>".to_owned()),
    }
}

fn throttle(service: Service) -> ApiReply {
    match service {
        Service::Dynamo => {
            let message = "The level of configured provisioned throughput for the table was exceeded";
            ApiReply::dynamo_error("ProvisionedThroughputExceededException", json!({"message": message}))
        }
        Service::Sqs => ApiReply::sqs_error("RequestThrottled", "RequestThrottled"),
        Service::Sns => ApiReply::sns_error(429, "Throttled", "Rate exceeded"),
        Service::S3 => ApiReply::xml(503, "<Error><Code>SlowDown</Code></Error>".to_owned()),
    }
}
