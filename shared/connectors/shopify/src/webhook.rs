//! Webhooks: verified before anything is read of them.
//!
//! Source: Shopify, webhooks: `X-Shopify-Hmac-Sha256` is base64(HMAC-SHA256(client secret, body as it came)); after a rotation
//! the old secret may sign for up to an hour. The delivery id is the same over all tries of a delivery.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use kernel::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use web::secret::Rotating;

use crate::Shop;

/// Something whose origin was proved. Only verification makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) const fn proved(what: T) -> Self {
        Self(what)
    }

    pub const fn get(&self) -> &T {
        &self.0
    }

    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A delivery of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub shop: Shop,
    pub topic: Topic,
    /// Of this delivery, over all its tries: what duplicates are recognised by.
    pub webhook_id: String,
    /// Shared by all deliveries of one event.
    pub event_id: Option<String>,
    pub triggered_at: Option<Timestamp>,
    /// The API version the payload is written for.
    pub api_version: Option<String>,
    /// JSON, not read yet.
    pub body: Bytes,
}

macro_rules! topics {
    ($($variant:ident = $header:literal, $schema:literal;)*) => {
        /// What we are told of. Others are refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Topic { $($variant),* }

        impl Topic {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As in the header: `products/update`.
            #[must_use]
            pub const fn header(self) -> &'static str {
                match self { $(Self::$variant => $header),* }
            }

            /// As in the schema: `PRODUCTS_UPDATE`.
            #[must_use]
            pub const fn schema(self) -> &'static str {
                match self { $(Self::$variant => $schema),* }
            }
        }
    };
}

topics! {
    AppUninstalled = "app/uninstalled", "APP_UNINSTALLED";
    BulkOperationsFinish = "bulk_operations/finish", "BULK_OPERATIONS_FINISH";
    CustomersCreate = "customers/create", "CUSTOMERS_CREATE";
    CustomersUpdate = "customers/update", "CUSTOMERS_UPDATE";
    CustomersDataRequest = "customers/data_request", "CUSTOMERS_DATA_REQUEST";
    CustomersRedact = "customers/redact", "CUSTOMERS_REDACT";
    FulfillmentsCreate = "fulfillments/create", "FULFILLMENTS_CREATE";
    InventoryLevelsUpdate = "inventory_levels/update", "INVENTORY_LEVELS_UPDATE";
    OrdersCancelled = "orders/cancelled", "ORDERS_CANCELLED";
    OrdersCreate = "orders/create", "ORDERS_CREATE";
    OrdersUpdated = "orders/updated", "ORDERS_UPDATED";
    ProductsCreate = "products/create", "PRODUCTS_CREATE";
    ProductsDelete = "products/delete", "PRODUCTS_DELETE";
    ProductsUpdate = "products/update", "PRODUCTS_UPDATE";
    ShopRedact = "shop/redact", "SHOP_REDACT";
}

impl Topic {
    /// What the law asks of every app, of stores too that have thrown it out.
    #[must_use]
    pub fn is_about_people(self) -> bool {
        matches!(self, Self::CustomersDataRequest | Self::CustomersRedact | Self::ShopRedact)
    }

    /// The topics an app subscribes to itself; those about personal data are set with the app, not by it.
    pub fn subscribed() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|topic| !topic.is_about_people())
    }
}

/// Why a delivery was refused. Its sender is told no more than 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no signature, or it is not base64")]
    NoSignature,
    #[error("the signature is not of a secret of ours")]
    Forged,
    #[error("a header is missing or malformed: {0}")]
    Header(&'static str),
    #[error("the topic is not one we subscribe to")]
    UnknownTopic,
}

/// Checks who sent a body, as it came over the wire; reads nothing of it.
///
/// Both secrets are always tried, in constant time, so that the time does not tell which one fitted. Whether the shop is one of ours
/// is for who knows the connections.
pub fn verify(secret: &Rotating, headers: &HeaderMap, body: Bytes) -> Result<Verified<Delivery>, Refused> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = text("x-shopify-hmac-sha256").and_then(|given| BASE64_STANDARD.decode(given).ok());
    let signature = signature.ok_or(Refused::NoSignature)?;
    let current = fits(&secret.current, &body, &signature);
    let previous = secret.previous.as_ref().is_some_and(|previous| fits(previous, &body, &signature));
    if !(current | previous) {
        return Err(Refused::Forged);
    }
    let needed = |name: &'static str| text(name).filter(|value| !value.is_empty()).ok_or(Refused::Header(name));
    let topic = needed("x-shopify-topic")?;
    let topic = *Topic::ALL.iter().find(|known| known.header() == topic).ok_or(Refused::UnknownTopic)?;
    let shop = needed("x-shopify-shop-domain")?.parse().map_err(|_| Refused::Header("x-shopify-shop-domain"))?;
    Ok(Verified(Delivery {
        shop,
        topic,
        webhook_id: needed("x-shopify-webhook-id")?.to_owned(),
        event_id: text("x-shopify-event-id").map(str::to_owned),
        triggered_at: text("x-shopify-triggered-at").and_then(|time| time.parse().ok()),
        api_version: text("x-shopify-api-version").map(str::to_owned),
        body,
    }))
}

fn fits(secret: &SecretString, body: &[u8], signature: &[u8]) -> bool {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
    mac.is_ok_and(|mut mac| {
        mac.update(body);
        mac.verify_slice(signature).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::sign;

    const BODY: &str = r#"{"id":788032119674292922}"#;

    fn secret(current: &str, previous: Option<&str>) -> Rotating {
        Rotating { current: current.into(), previous: previous.map(Into::into) }
    }

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-shopify-hmac-sha256", signature),
            ("x-shopify-topic", "products/update"),
            ("x-shopify-shop-domain", "some-shop.myshopify.com"),
            ("x-shopify-webhook-id", "b54557e4"),
            ("x-shopify-event-id", "98880550"),
            ("x-shopify-triggered-at", "2026-07-01T18:00:27.877041743Z"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_known_signature_is_taken() {
        // Computed outside: HMAC-SHA256 of the body under `hush`.
        let known = "fhhqwxYconmiOqTJ0cD1XzOlT7ONdp6Ryc18pkvlq5Q=";
        let delivery = verify(&secret("hush", None), &headers(known), BODY.into()).unwrap().into_inner();
        assert_eq!((delivery.topic, delivery.shop.as_str()), (Topic::ProductsUpdate, "some-shop.myshopify.com"));
        assert_eq!((delivery.webhook_id.as_str(), delivery.body), ("b54557e4", Bytes::from(BODY)));
        assert!(delivery.triggered_at.is_some());
    }

    #[test]
    fn a_recorded_delivery_is_verified_as_it_came() {
        let event: serde_json::Value = testkit::recorded_event("http-shopify-webhook");
        let mut headers = HeaderMap::new();
        for (name, value) in event["headers"].as_object().unwrap() {
            headers.insert(name.parse::<http::HeaderName>().unwrap(), value.as_str().unwrap().parse().unwrap());
        }
        let body = event["body"].as_str().unwrap().to_owned();
        assert!(verify(&secret("hush", None), &headers, body.into()).is_ok());
    }

    #[test]
    fn both_secrets_are_good_while_one_is_rotated() {
        let signed = headers(&sign("old", BODY.as_bytes()));
        assert!(verify(&secret("new", Some("old")), &signed, BODY.into()).is_ok());
        assert_eq!(verify(&secret("new", None), &signed, BODY.into()), Err(Refused::Forged));
    }

    #[test]
    fn any_doubt_is_a_refusal() {
        let good = headers(&sign("hush", BODY.as_bytes()));
        let refused = |change: &dyn Fn(&mut HeaderMap)| {
            let mut headers = good.clone();
            change(&mut headers);
            verify(&secret("hush", None), &headers, BODY.into()).unwrap_err()
        };
        let put = |name: &'static str, value: &'static str| {
            move |headers: &mut HeaderMap| drop(headers.insert(name, value.parse().unwrap()))
        };
        assert_eq!(refused(&|headers| drop(headers.remove("x-shopify-hmac-sha256"))), Refused::NoSignature);
        assert_eq!(refused(&put("x-shopify-hmac-sha256", "!")), Refused::NoSignature);
        assert_eq!(refused(&put("x-shopify-hmac-sha256", "")), Refused::Forged);
        assert_eq!(refused(&put("x-shopify-topic", "products/explode")), Refused::UnknownTopic);
        assert_eq!(refused(&put("x-shopify-shop-domain", "evil.test")), Refused::Header("x-shopify-shop-domain"));
        assert_eq!(
            refused(&|headers| drop(headers.remove("x-shopify-webhook-id"))),
            Refused::Header("x-shopify-webhook-id")
        );
    }

    proptest! {
        #[test]
        fn an_altered_body_is_refused(body in proptest::collection::vec(any::<u8>(), 1..200), at: usize, bit in 0u8..8) {
            let signed = headers(&sign("hush", &body));
            prop_assert!(verify(&secret("hush", None), &signed, body.clone().into()).is_ok());
            let mut altered = body;
            let at = at % altered.len();
            altered[at] ^= 1 << bit;
            prop_assert_eq!(verify(&secret("hush", None), &signed, altered.into()), Err(Refused::Forged));
        }
    }
}
