//! Warehouses as the store calls them: builds the request, reads the answer, says what it means.
//!
//! The socket, the service secret, retries and the circuit breaker (one per warehouse) belong to the [`Transport`].

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use inventory::{LocationId, Observation, Sku};
use sales::{Order, Shipment};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use web::transport::{Circuit, Transport, TransportError};

/// How long a warehouse has for an instruction or a page of its inventory, retries included.
const CALL: Duration = Duration::from_secs(5);
/// How long a warehouse has to say that it is well.
const HEALTH: Duration = Duration::from_secs(2);

/// Every warehouse, through one transport.
#[derive(Clone)]
pub struct Peers {
    transport: Arc<dyn Transport>,
}

/// What came of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instructed {
    /// The warehouse has it; it will confirm or refuse.
    Taken,
    /// The warehouse surely does not have it.
    NotSent(String),
    /// The warehouse understood it and will not have it; sending it again will not help. The problem's code.
    Refused(String),
    /// It may or may not have it.
    Unknown(String),
}

/// A page of a warehouse's inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryPage {
    /// What it counted, per item.
    pub rows: Vec<(Sku, Observation)>,
    /// Cursor of the next page.
    pub next: Option<String>,
}

/// A warehouse gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Instruction<'a> {
    shipment_id: String,
    order_id: String,
    lines: Vec<InstructionLine<'a>>,
}

#[derive(Serialize)]
struct InstructionLine<'a> {
    isbn: &'a Sku,
    quantity: i64,
}

#[derive(Deserialize)]
struct Rows {
    items: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    isbn: Sku,
    on_hand: i64,
    version: u64,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

impl Peers {
    /// Through this transport, which authenticates as the store.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    /// Asks a warehouse to send a parcel. Safe to repeat: the warehouse knows the shipment by its id.
    /// Kits are asked for as what they are made of.
    pub async fn instruct(&self, id: &LocationId, url: &str, order: &Order, shipment: &Shipment) -> Instructed {
        let shipment_id = shipment.id(order.id).to_string();
        let items = order.items_of(shipment);
        let lines = items.iter().map(|(isbn, quantity)| InstructionLine { isbn, quantity: *quantity });
        let body =
            Instruction { shipment_id: shipment_id.clone(), order_id: order.id.to_string(), lines: lines.collect() };
        let body = match serde_json::to_vec(&body) {
            Ok(body) => Bytes::from(body),
            Err(error) => return Instructed::NotSent(error.to_string()),
        };
        let request = Request::post(format!("{url}/v1/shipments"))
            .header("content-type", "application/json")
            .header(web::idempotency::HEADER, shipment_id)
            .extension(Circuit(id.to_string()));
        match request.body(body) {
            Ok(request) => meaning(self.transport.send(request, CALL).await),
            Err(error) => Instructed::NotSent(error.to_string()),
        }
    }

    /// Whether a warehouse says that it is well.
    pub async fn is_healthy(&self, url: &str) -> bool {
        match self.get(format!("{url}/health"), None, HEALTH).await {
            Ok(answer) => answer.status() == StatusCode::OK,
            Err(_) => false,
        }
    }

    /// A page of a warehouse's inventory.
    pub async fn inventory(&self, id: &LocationId, url: &str, cursor: Option<&str>) -> Result<InventoryPage, NoAnswer> {
        let cursor = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
        let uri = format!("{url}/v1/inventory?limit=200{cursor}");
        let answer = self.get(uri, Some(id), CALL).await.map_err(|error| NoAnswer(error.to_string()))?;
        if answer.status() != StatusCode::OK {
            return Err(NoAnswer(format!("the warehouse answered {}", answer.status())));
        }
        let page: Rows = serde_json::from_slice(answer.body()).map_err(|error| NoAnswer(error.to_string()))?;
        let seen = |row: Row| (row.isbn, Observation { on_hand: row.on_hand, version: row.version });
        Ok(InventoryPage { rows: page.items.into_iter().map(seen).collect(), next: page.next })
    }

    async fn get(
        &self,
        uri: String,
        circuit: Option<&LocationId>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let mut request = Request::get(uri);
        // A health check is what finds out that a warehouse is back, so no open circuit may stand in its way.
        let name = circuit.map_or_else(|| format!("health-{}", fastrand::u64(..)), ToString::to_string);
        request = request.extension(Circuit(name));
        let request = request.body(Bytes::new()).map_err(|error| TransportError::NotSent(error.into()))?;
        self.transport.send(request, timeout).await
    }
}

fn meaning(answer: Result<Response<Bytes>, TransportError>) -> Instructed {
    match answer {
        Ok(answer) if answer.status().is_success() => Instructed::Taken,
        Ok(answer) if answer.status().is_client_error() && answer.status() != StatusCode::TOO_MANY_REQUESTS => {
            let code = serde_json::from_slice::<Code>(answer.body()).map(|c| c.code);
            Instructed::Refused(code.unwrap_or_else(|_| format!("http_{}", answer.status().as_u16())))
        }
        // A gateway that answers 5xx or 429 may have passed the request on before.
        Ok(answer) => Instructed::Unknown(format!("the warehouse answered {}", answer.status())),
        Err(error) if error.surely_not_sent() => Instructed::NotSent(error.to_string()),
        Err(error) => Instructed::Unknown(error.to_string()),
    }
}
