//! Cloud Map in memory, as far as one service goes: instances registered, deregistered, discovered, all at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use runtime::{CallError, JsonCalls};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::cloud_map::{Announced, Found};

#[derive(Clone, Default)]
pub(crate) struct LocalCloudMap(Arc<Shared>);

#[derive(Default)]
struct Shared {
    instances: Mutex<BTreeMap<String, Value>>,
    is_down: AtomicBool,
}

impl LocalCloudMap {
    /// Whether every call fails from now on.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.0.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn registry(&self) -> Announced {
        Announced::new(Arc::new(self.clone()), "srv-1".to_owned())
    }

    pub(crate) fn discovery(&self) -> Found {
        Found::new(Arc::new(self.clone()), "crossdock".to_owned(), "connectors".to_owned())
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, &'static str> {
        if self.0.is_down.load(Ordering::SeqCst) {
            return Err("InternalFailure");
        }
        let id = input["InstanceId"].as_str().unwrap_or_default().to_owned();
        let mut instances = self.0.instances.lock().unwrap();
        match operation {
            "DiscoverInstances" => {
                assert_eq!(
                    (&input["NamespaceName"], &input["ServiceName"]),
                    (&json!("crossdock"), &json!("connectors"))
                );
                // Filters are left to the reader, as an emulator does that knows none.
                let all =
                    instances.iter().map(|(id, attributes)| json!({ "InstanceId": id, "Attributes": attributes }));
                Ok(json!({ "Instances": all.collect::<Vec<_>>() }))
            }
            "RegisterInstance" => {
                instances.insert(id, input["Attributes"].clone());
                Ok(json!({ "OperationId": "1" }))
            }
            "DeregisterInstance" if instances.remove(&id).is_none() => Err("InstanceNotFound"),
            "DeregisterInstance" => Ok(json!({ "OperationId": "2" })),
            other => panic!("{other} is not stood in for"),
        }
    }
}

#[async_trait]
impl JsonCalls for LocalCloudMap {
    async fn call(&self, operation: &str, body: &Value) -> Result<SecretString, CallError> {
        self.answer(operation, body)
            .map(|answer| answer.to_string().into())
            .map_err(|code| CallError::Refused { code: code.to_owned(), message: String::new() })
    }
}
