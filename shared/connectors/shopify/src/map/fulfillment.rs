//! Parcels that left, outbound, and what others sent, inbound.
//!
//! `fulfillmentCreate` has no idempotency of its own. So what remains is read before every attempt, and a parcel is only
//! reported when none with its tracking number is there.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Connection, MapError, shape};
use crate::Gid;

/// How many fulfilments [`crate::document::FULFILLMENT_ORDERS`] asks for.
const MAX_SENT: usize = 50;

/// A parcel that left one of our warehouses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where it left from, in the store's words; `None` when the store does not know the place.
    pub location: Option<Gid>,
    /// Units by SKU.
    pub units: BTreeMap<String, u32>,
    pub carrier: Option<String>,
    /// What it is recognised by; a parcel without one gets our own number of it.
    pub tracking_number: String,
    pub tracking_url: Option<String>,
    /// Whether the store writes to the customer.
    pub notify: bool,
}

/// What of an order is still to be sent, and what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    pub groups: Vec<Group>,
    /// Fulfilments and their tracking numbers.
    pub sent: Vec<(Gid, Vec<String>)>,
}

/// A fulfilment order: what one location is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: Gid,
    pub location: Option<Gid>,
    pub open: bool,
    /// Line, SKU and units that remain.
    pub lines: Vec<(Gid, Option<String>, u32)>,
}

/// What is to be done about a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Report it: variables of `fulfillmentCreate`.
    Create(Value),
    /// It was reported.
    AlreadyThere(Gid),
    /// The store has less to send from any one place than the parcel holds: of this SKU so many are missing where it left.
    TooMuch { sku: String, missing: u32 },
}

/// Compares a parcel with what remains. Units are taken from the groups of its location, in their order; when those do not
/// hold them, from the groups of one other: the store may have given the order to a place that we did not send it from.
#[must_use]
pub fn plan(parcel: &Parcel, remaining: &Remaining) -> Plan {
    let there = remaining.sent.iter().find(|(_, numbers)| numbers.contains(&parcel.tracking_number));
    if let Some((id, _)) = there {
        return Plan::AlreadyThere(id.clone());
    }
    let others = remaining.groups.iter().filter_map(|group| group.location.as_ref());
    let others: BTreeSet<&Gid> = others.filter(|location| parcel.location.as_ref() != Some(location)).collect();
    let elsewhere = || others.into_iter().find_map(|location| take(parcel, remaining, Some(location)).ok());
    let groups = match take(parcel, remaining, parcel.location.as_ref()) {
        Ok(groups) => groups,
        Err((sku, missing)) => match elsewhere() {
            Some(groups) => groups,
            None => return Plan::TooMuch { sku, missing },
        },
    };
    let tracking = json!({ "company": parcel.carrier, "number": parcel.tracking_number, "url": parcel.tracking_url });
    Plan::Create(json!({ "fulfillment": {
        "lineItemsByFulfillmentOrder": groups, "trackingInfo": tracking, "notifyCustomer": parcel.notify,
    } }))
}

/// The parcel's units from the open groups of a location; or the SKU and the units that are missing there.
fn take(parcel: &Parcel, remaining: &Remaining, location: Option<&Gid>) -> Result<Vec<Value>, (String, u32)> {
    let here = |group: &&Group| group.open && location.is_some() && group.location.as_ref() == location;
    let mut taken: BTreeMap<&Gid, Vec<Value>> = BTreeMap::new();
    for (sku, units) in &parcel.units {
        let mut missing = *units;
        for group in remaining.groups.iter().filter(here) {
            for (line, _, left) in group.lines.iter().filter(|(_, of, _)| of.as_ref() == Some(sku)) {
                let take = missing.min(*left);
                if take > 0 {
                    missing -= take;
                    taken.entry(&group.id).or_default().push(json!({ "id": line, "quantity": take }));
                }
            }
        }
        if missing > 0 {
            return Err((sku.clone(), missing));
        }
    }
    let group = |(id, lines)| json!({ "fulfillmentOrderId": id, "fulfillmentOrderLineItems": lines });
    Ok(taken.into_iter().map(group).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    fulfillments: Vec<Sent>,
    fulfillment_orders: Connection<GroupNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    id: Gid,
    tracking_info: Vec<Tracking>,
}

#[derive(Deserialize)]
struct Tracking {
    number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupNode {
    id: Gid,
    status: String,
    assigned_location: Assigned,
    line_items: Connection<LineNode>,
}

#[derive(Deserialize)]
struct Assigned {
    location: Option<Identified>,
}

#[derive(Deserialize)]
struct Identified {
    id: Gid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineNode {
    id: Gid,
    sku: Option<String>,
    remaining_quantity: u32,
}

/// Reads the order of [`crate::document::FULFILLMENT_ORDERS`].
pub fn from_node(order: Value) -> Result<Remaining, MapError> {
    let node: Node = serde_json::from_value(order).map_err(|error| shape(&error))?;
    // A list without pages that is full may go on.
    if node.fulfillments.len() >= MAX_SENT {
        return Err(MapError::Cut("fulfilments"));
    }
    let mut groups = Vec::new();
    for group in node.fulfillment_orders.whole("fulfilment orders")? {
        let lines = group.line_items.whole("lines")?;
        groups.push(Group {
            id: group.id,
            location: group.assigned_location.location.map(|location| location.id),
            open: matches!(group.status.as_str(), "OPEN" | "IN_PROGRESS"),
            lines: lines.into_iter().map(|line| (line.id, line.sku, line.remaining_quantity)).collect(),
        });
    }
    let sent = node
        .fulfillments
        .into_iter()
        .map(|sent| (sent.id, sent.tracking_info.into_iter().filter_map(|tracking| tracking.number).collect()));
    Ok(Remaining { groups, sent: sent.collect() })
}

/// Something that was sent, whoever reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    pub id: Gid,
    pub order: Gid,
    pub tracking_numbers: Vec<String>,
    pub carrier: Option<String>,
    pub updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Payload {
    admin_graphql_api_id: Gid,
    order_id: u64,
    #[serde(default)]
    tracking_numbers: Vec<String>,
    #[serde(default)]
    tracking_company: Option<String>,
    updated_at: Timestamp,
}

/// Reads the webhook `fulfillments/create`.
pub fn from_webhook(body: &[u8]) -> Result<Shipped, MapError> {
    let payload: Payload = serde_json::from_slice(body).map_err(|error| shape(&error))?;
    Ok(Shipped {
        id: payload.admin_graphql_api_id,
        order: Gid::new("Order", payload.order_id),
        tracking_numbers: payload.tracking_numbers,
        carrier: payload.tracking_company,
        updated_at: payload.updated_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(units: &[(&str, u32)]) -> Parcel {
        Parcel {
            location: Some(Gid::new("Location", 1)),
            units: units.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect(),
            carrier: Some("UPS".into()),
            tracking_number: "1Z".into(),
            tracking_url: None,
            notify: true,
        }
    }

    fn group(id: u64, location: u64, open: bool, lines: &[(u64, &str, u32)]) -> Group {
        let lines = lines
            .iter()
            .map(|(id, sku, left)| (Gid::new("FulfillmentOrderLineItem", *id), Some((*sku).to_owned()), *left));
        Group {
            id: Gid::new("FulfillmentOrder", id),
            location: Some(Gid::new("Location", location)),
            open,
            lines: lines.collect(),
        }
    }

    #[test]
    fn units_come_from_open_groups_of_the_parcels_location() {
        let remaining = Remaining {
            groups: vec![
                group(1, 2, true, &[(10, "A", 9)]),
                group(2, 1, false, &[(20, "A", 9)]),
                group(3, 1, true, &[(30, "A", 1), (31, "B", 5)]),
                group(4, 1, true, &[(40, "A", 5)]),
            ],
            sent: Vec::new(),
        };
        let Plan::Create(variables) = plan(&parcel(&[("A", 3), ("B", 2)]), &remaining) else {
            panic!("not to be created")
        };
        let groups = &variables["fulfillment"]["lineItemsByFulfillmentOrder"];
        let line =
            |id: u64, quantity: u32| json!({ "id": Gid::new("FulfillmentOrderLineItem", id), "quantity": quantity });
        assert_eq!(groups[0]["fulfillmentOrderLineItems"], json!([line(30, 1), line(31, 2)]));
        assert_eq!(groups[1]["fulfillmentOrderLineItems"], json!([line(40, 2)]));
        assert_eq!(variables["fulfillment"]["trackingInfo"]["number"], "1Z");
        let too_much = plan(&parcel(&[("A", 7), ("B", 2)]), &remaining);
        assert_eq!(too_much, Plan::TooMuch { sku: "A".into(), missing: 1 });
    }

    #[test]
    fn a_parcel_that_left_elsewhere_fulfils_what_the_store_gave_to_one_other_place() {
        let groups = vec![group(1, 2, true, &[(10, "A", 2)]), group(2, 3, true, &[(20, "A", 2), (21, "B", 1)])];
        let remaining = Remaining { groups, sent: Vec::new() };
        let Plan::Create(variables) = plan(&parcel(&[("A", 2), ("B", 1)]), &remaining) else {
            panic!("not to be created")
        };
        let groups = variables["fulfillment"]["lineItemsByFulfillmentOrder"].as_array().unwrap();
        assert_eq!((groups.len(), &groups[0]["fulfillmentOrderId"]), (1, &json!(Gid::new("FulfillmentOrder", 2))));
        assert_eq!(plan(&parcel(&[("A", 4)]), &remaining), Plan::TooMuch { sku: "A".into(), missing: 4 });
    }

    #[test]
    fn a_parcel_that_was_reported_is_not_reported_again() {
        let id = Gid::new("Fulfillment", 5);
        let remaining = Remaining {
            groups: vec![group(1, 1, true, &[(10, "A", 9)])],
            sent: vec![(id.clone(), vec!["0".into(), "1Z".into()])],
        };
        assert_eq!(plan(&parcel(&[("A", 1)]), &remaining), Plan::AlreadyThere(id));
    }

    #[test]
    fn a_webhook_is_read() {
        let body = json!({ "admin_graphql_api_id": "gid://shopify/Fulfillment/5", "order_id": 7, "status": "success",
            "tracking_numbers": ["1Z"], "tracking_company": "UPS", "updated_at": "2026-07-01T12:00:00Z" });
        let shipped = from_webhook(body.to_string().as_bytes()).unwrap();
        assert_eq!((shipped.order, shipped.tracking_numbers), (Gid::new("Order", 7), vec!["1Z".to_owned()]));
    }
}
