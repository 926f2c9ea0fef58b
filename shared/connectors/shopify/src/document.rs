//! Every GraphQL document that is sent, in one place, each with the points it asks for.
//!
//! A test validates them all against the Admin schema and compares the points with what the rules give. A document names
//! the fields its reader needs and no others: fields are points.

/// The version of the Admin API all of them are written for. An answer that names another one is reported.
pub const API_VERSION: &str = "2026-10";

/// A document and its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// The operation's name.
    pub name: &'static str,
    pub text: &'static str,
    /// Points it asks for at most: what a bucket must have before it is sent.
    pub points: u32,
}

macro_rules! documents {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $points:literal, $text:literal;)*) => {
        $($(#[$doc])* pub const $constant: Document = Document { name: $name, text: $text, points: $points };)*

        /// All of them.
        pub const ALL: &[Document] = &[$($constant),*];
    };
}

documents! {
    /// The store, what the app may do, and where goods are.
    SHOP = "Shop", 55, "query Shop {
        shop { id name myshopifyDomain currencyCode }
        currentAppInstallation { accessScopes { handle } }
        locations(first: 50) { nodes { id name isActive } }
    }";

    /// Creates or replaces a product. Its price is that of 250 variants; see [`crate::calls::product_set::points`].
    PRODUCT_SET = "ProductSet", 513, "mutation ProductSet($identifier: ProductSetIdentifiers, $input: ProductSetInput!, $variants: Int!) {
        productSet(identifier: $identifier, input: $input, synchronous: true) {
            product { id handle updatedAt variants(first: $variants) { nodes { id sku inventoryItem { id } } } }
            userErrors { code field message }
        }
    }";

    /// A product as it is in the store.
    PRODUCT = "Product", 754, "query Product($identifier: ProductIdentifierInput!) {
        productByIdentifier(identifier: $identifier) {
            id handle title descriptionHtml vendor productType status tags updatedAt
            options { name values }
            variants(first: 250) {
                pageInfo { hasNextPage }
                nodes { id sku barcode price compareAtPrice selectedOptions { name value } inventoryItem { id } }
            }
        }
    }";

    /// Creates or changes a customer.
    CUSTOMER_SET = "CustomerSet", 11, "mutation CustomerSet($identifier: CustomerSetIdentifiers, $input: CustomerSetInput!) {
        customerSet(identifier: $identifier, input: $input) {
            customer { id updatedAt }
            userErrors { code field message }
        }
    }";

    /// Writes metafields of one thing.
    METAFIELDS_SET = "MetafieldsSet", 11, "mutation MetafieldsSet($metafields: [MetafieldsSetInput!]!) {
        metafieldsSet(metafields: $metafields) {
            metafields { id }
            userErrors { code field message }
        }
    }";

    /// Sets stock, each amount only from what was seen.
    INVENTORY_SET = "InventorySet", 12, "mutation InventorySet($input: InventorySetQuantitiesInput!, $key: String!) {
        inventorySetQuantities(input: $input) @idempotent(key: $key) {
            inventoryAdjustmentGroup { id changes { name delta quantityAfterChange } }
            userErrors { code field message }
        }
    }";

    /// Begins to keep an item at a location.
    INVENTORY_ACTIVATE = "InventoryActivate", 11, "mutation InventoryActivate($item: ID!, $location: ID!, $key: String!) {
        inventoryActivate(inventoryItemId: $item, locationId: $location) @idempotent(key: $key) {
            inventoryLevel { id }
            userErrors { field message }
        }
    }";

    /// What can be sold of an item at a location.
    INVENTORY_LEVEL = "InventoryLevel", 3, "query InventoryLevel($item: ID!, $location: ID!) {
        inventoryItem(id: $item) {
            inventoryLevel(locationId: $location) { quantities(names: [\"available\"]) { name quantity } updatedAt }
        }
    }";

    /// The same of several items. Its price is that of one; see [`crate::calls::inventory_levels::points`].
    INVENTORY_LEVELS = "InventoryLevels", 3, "query InventoryLevels($items: [ID!]!, $location: ID!) {
        nodes(ids: $items) { ... on InventoryItem {
            id inventoryLevel(locationId: $location) { quantities(names: [\"available\"]) { name quantity } }
        } }
    }";

    /// What of an order is still to be sent, and what was.
    FULFILLMENT_ORDERS = "FulfillmentOrders", 545, "query FulfillmentOrders($order: ID!) {
        order(id: $order) {
            id
            fulfillments(first: 50) { id trackingInfo(first: 10) { number } }
            fulfillmentOrders(first: 10) { pageInfo { hasNextPage } nodes {
                id status assignedLocation { location { id } }
                lineItems(first: 49) { pageInfo { hasNextPage } nodes { id sku remainingQuantity } }
            } }
        }
    }";

    /// Goods left.
    FULFILLMENT_CREATE = "FulfillmentCreate", 12, "mutation FulfillmentCreate($fulfillment: FulfillmentInput!) {
        fulfillmentCreate(fulfillment: $fulfillment) {
            fulfillment { id status trackingInfo { company number url } }
            userErrors { field message }
        }
    }";

    /// Orders that changed, a page.
    ORDERS_UPDATED = "OrdersUpdated", 842, "query OrdersUpdated($query: String!, $after: String) {
        orders(first: 10, after: $after, query: $query, sortKey: UPDATED_AT) {
            pageInfo { hasNextPage endCursor }
            nodes {
                id name updatedAt createdAt cancelledAt email currencyCode displayFinancialStatus displayFulfillmentStatus
                totalPriceSet { shopMoney { amount } }
                taxesIncluded customer { id }
                shippingLines(first: 2) { pageInfo { hasNextPage } nodes {
                    discountedPriceSet { shopMoney { amount } } taxLines { priceSet { shopMoney { amount } } } } }
                shippingAddress { firstName lastName company address1 address2 city provinceCode zip countryCodeV2 phone }
                lineItems(first: 7) {
                    pageInfo { hasNextPage }
                    nodes { id sku title quantity currentQuantity originalUnitPriceSet { shopMoney { amount } }
                        discountAllocations { allocatedAmountSet { shopMoney { amount } } }
                        taxLines { priceSet { shopMoney { amount } } } }
                }
            }
        }
    }";

    /// How many orders changed. Without a limit: a count that stops early proves nothing.
    ORDERS_COUNT = "OrdersCount", 1, "query OrdersCount($query: String!) {
        ordersCount(query: $query, limit: null) { count precision }
    }";

    /// One order, with all its lines up to 100: with what they cost, more are beyond what one document may ask for.
    ORDER = "Order", 939, "query Order($id: ID!) {
        order(id: $id) {
                id name updatedAt createdAt cancelledAt email currencyCode displayFinancialStatus displayFulfillmentStatus
                totalPriceSet { shopMoney { amount } }
                taxesIncluded customer { id }
                shippingLines(first: 5) { pageInfo { hasNextPage } nodes {
                    discountedPriceSet { shopMoney { amount } } taxLines { priceSet { shopMoney { amount } } } } }
                shippingAddress { firstName lastName company address1 address2 city provinceCode zip countryCodeV2 phone }
                lineItems(first: 100) {
                    pageInfo { hasNextPage }
                    nodes { id sku title quantity currentQuantity originalUnitPriceSet { shopMoney { amount } }
                        discountAllocations { allocatedAmountSet { shopMoney { amount } } }
                        taxLines { priceSet { shopMoney { amount } } } }
                }
        }
    }";

    /// Makes our own id of a product or customer one that they can be found by.
    DEFINE_ID = "DefineId", 11, "mutation DefineId($definition: MetafieldDefinitionInput!) {
        metafieldDefinitionCreate(definition: $definition) {
            createdDefinition { id }
            userErrors { code field message }
        }
    }";

    /// Who is told of what.
    SUBSCRIPTIONS = "Subscriptions", 102, "query Subscriptions {
        webhookSubscriptions(first: 100) { nodes { id topic uri } }
    }";

    /// Asks to be told.
    SUBSCRIBE = "Subscribe", 11, "mutation Subscribe($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {
        webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
            webhookSubscription { id }
            userErrors { field message }
        }
    }";

    /// Where to upload a file of variables.
    STAGED_UPLOAD = "StagedUpload", 12, "mutation StagedUpload($input: [StagedUploadInput!]!) {
        stagedUploadsCreate(input: $input) {
            stagedTargets { url parameters { name value } }
            userErrors { field message }
        }
    }";

    /// A mutation for every line of a file.
    BULK_MUTATION = "BulkMutation", 11, "mutation BulkMutation($mutation: String!, $path: String!, $client: String) {
        bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path, clientIdentifier: $client) {
            bulkOperation { id status }
            userErrors { code field message }
        }
    }";

    /// A query over everything.
    BULK_QUERY = "BulkQuery", 11, "mutation BulkQuery($query: String!) {
        bulkOperationRunQuery(query: $query, groupObjects: true) {
            bulkOperation { id status }
            userErrors { code field message }
        }
    }";

    /// How far a bulk operation is.
    BULK_POLL = "BulkPoll", 1, "query BulkPoll($id: ID!) {
        bulkOperation(id: $id) { id status errorCode objectCount rootObjectCount fileSize url partialDataUrl }
    }";
}

/// What is sent, a line of variables each, by [`BULK_MUTATION`] for products.
pub const BULK_PRODUCT_SET: &str =
    "mutation BulkProductSet($identifier: ProductSetIdentifiers, $input: ProductSetInput!) {
    productSet(identifier: $identifier, input: $input, synchronous: true) {
        product { id handle updatedAt variants(first: 250) { nodes { id sku inventoryItem { id } } } }
        userErrors { code field message }
    }
}";

/// What [`BULK_QUERY`] asks for in a full synchronisation of products.
pub const BULK_PRODUCTS: &str = "{
    products { edges { node {
        id handle title descriptionHtml vendor productType status tags updatedAt options { name values }
        variants { edges { node { id sku barcode price compareAtPrice selectedOptions { name value } inventoryItem { id } } } }
    } } }
}";

#[cfg(test)]
mod tests {
    use apollo_compiler::ExecutableDocument;
    use serde_json::json;
    use shopify_standin::{cost, schema};

    use super::*;

    #[test]
    fn every_document_is_valid_and_priced_as_the_rules_say() {
        let schema = &schema::admin().unwrap().schema;
        assert_eq!(schema::API_VERSION, API_VERSION);
        let mut wrong: Vec<(&str, u32)> = Vec::new();
        for document in ALL {
            let parsed = ExecutableDocument::parse_and_validate(schema, document.text, document.name)
                .unwrap_or_else(|error| panic!("{}", error.errors));
            let operation = parsed.operations.get(Some(document.name)).unwrap();
            let points = cost::requested(schema, &parsed, operation, &json!({ "variants": 250 })).unwrap();
            if points != document.points {
                wrong.push((document.name, points));
            }
            assert!(points <= 1_000, "{} is beyond what one document may ask for", document.name);
        }
        assert_eq!(wrong, []);
        for text in [BULK_PRODUCT_SET, BULK_PRODUCTS] {
            ExecutableDocument::parse_and_validate(schema, text, "bulk")
                .unwrap_or_else(|error| panic!("{}", error.errors));
        }
    }
}
