// The single table: the same keys, items and transactions as the store's own.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchGetCommand, DynamoDBDocumentClient, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE_NAME;
const client = DynamoDBDocumentClient.from(new DynamoDBClient({ maxAttempts: 3 }), {
  marshallOptions: { removeUndefinedValues: true },
});

const escape = (part) => part.replaceAll("%", "%25").replaceAll("#", "%23");

/** The key of an item of a tenant. */
export function key(tenant, partition, sort) {
  return { pk: ["T", tenant].concat(partition.map(escape)).join("#"), sk: sort.map(escape).join("#") };
}

export const locationsKey = (tenant) => key(tenant, ["LOCATIONS"], ["LOCATIONS"]);
export const bookKey = (tenant, id) => key(tenant, ["BOOK", id], ["BOOK"]);
export const orderKey = (tenant, id) => key(tenant, ["ORDER", id], ["ORDER"]);
export const levelKey = (tenant, location, sku) => key(tenant, ["STOCK", location, sku], ["LEVEL"]);
export const hotKey = (tenant) => key(tenant, ["HOT"], ["HOT"]);
export const kitKey = (tenant, sku) => key(tenant, ["KIT", sku], ["KIT"]);
export const entryKey = (tenant, location, sku, seq) =>
  key(tenant, ["STOCK", location, sku], ["L", String(seq).padStart(12, "0")]);

/** The items behind some keys that are there, in any order. */
export async function getMany(keys) {
  const found = [];
  for (let Keys = keys; Keys?.length; ) {
    const answer = await client.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
    found.push(...(answer.Responses?.[TableName] ?? []));
    Keys = answer.UnprocessedKeys?.[TableName]?.Keys;
  }
  return found;
}

const always = { TableName, ReturnValuesOnConditionCheckFailure: "ALL_OLD" };

/** Writes an item that must not be there. */
export const create = (Item) => ({ Put: { ...always, Item: { ...Item, v: 1 }, ConditionExpression: "attribute_not_exists(pk)" } });

/** Replaces the item that was read at a version. */
export const replace = (Item, seen) => ({
  Put: {
    ...always,
    Item: { ...Item, v: seen + 1 },
    ConditionExpression: "#v = :seen",
    ExpressionAttributeNames: { "#v": "v" },
    ExpressionAttributeValues: { ":seen": seen },
  },
});

/** All writes or none. The items that stood in the way, if it was none; nothing if it was all. */
export async function transact(TransactItems, ClientRequestToken) {
  try {
    await client.send(new TransactWriteCommand({ TransactItems, ClientRequestToken }));
    return undefined;
  } catch (error) {
    const passing = ["ConditionalCheckFailed", "TransactionConflict", "None"];
    const reasons = error.CancellationReasons;
    if (error.name !== "TransactionCanceledException" || !reasons?.every(({ Code }) => passing.includes(Code))) throw error;
    return reasons.flatMap(({ Item }) => (Item ? [Item] : []));
  }
}
