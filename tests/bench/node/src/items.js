// The items a placed order consists of, in the store's own shape.

import { createHash } from "node:crypto";
import { fresh } from "./ids.js";
import { entryKey, key, levelKey, orderKey } from "./table.js";

const RETENTION_SECONDS = 8 * 24 * 3600;

export function orderItem(tenant, order) {
  const placed = String(order.placedMs).padStart(15, "0");
  const mine = key(tenant, ["CUSTOMER", order.customer, "ORDERS"], [placed, order.id]);
  return {
    ...orderKey(tenant, order.id),
    gsi2pk: mine.pk,
    gsi2sk: mine.sk,
    kind: "order",
    id: order.id,
    c: order.customer,
    s: "PENDING",
    at: order.placedMs,
    cu: order.currency,
    l: order.lines.map(({ sku, quantity, price }) => [sku, quantity, price]),
    sh: order.parcels.map(({ location, lines }) => ({
      l: location,
      s: "REQUESTED",
      i: lines.map(({ sku, quantity }) => [order.lines.findIndex((line) => line.sku === sku), quantity]),
    })),
    np: order.parcels.length,
    p: { m: order.method, t: order.token, s: "PENDING" },
    h: [["PENDING", order.placedMs]],
    f: order.fingerprint,
  };
}

export function eventItem(tenant, order, total, cause) {
  const id = fresh("evt");
  let shard = 0;
  for (const byte of Buffer.from(id)) shard = (shard + byte) & 255;
  const hour = new Date(order.placedMs).toISOString().slice(0, 13).replace(/[-T]/g, "");
  const lines = order.lines.map(({ sku, quantity, price }) => [sku, quantity, price]);
  return {
    ...key(tenant, ["EVENTS", hour, String(shard % 8)], [id]),
    kind: "event",
    ttl: Math.floor(order.placedMs / 1000) + RETENTION_SECONDS,
    t: "sales.order.placed.v1",
    a: order.id,
    n: 1,
    at: BigInt(order.placedMs) * 1_000_000n,
    d: JSON.stringify({ orderId: order.id, customer: order.customer, total, lines }),
    c: cause.requestId,
    x: cause.requestId,
    w: cause.traceparent,
  };
}

/** The level after a promise of units, and the entry that proves it. */
export function commit(tenant, level, quantity, order) {
  const next = { ...level, cm: (level.cm ?? 0) + quantity, av: level.av - quantity, n: level.n + 1 };
  const time = new Date(order.placedMs).toISOString();
  const hash = createHash("sha256");
  for (const field of [level.hs, "Committed", order.id, order.customer, "", time]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(field)));
    hash.update(length).update(field);
  }
  for (const number of [0, quantity, next.oh, next.cm, next.n, next.sv ?? 0]) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(number));
    hash.update(bytes);
  }
  next.hs = hash.digest("hex");
  const entry = {
    ...entryKey(tenant, level.l, level.k, next.n),
    kind: "stock-entry",
    k: level.k,
    l: level.l,
    n: next.n,
    m: "Committed",
    do: 0,
    dc: quantity,
    oh: next.oh,
    cm: next.cm,
    sv: next.sv,
    src: order.id,
    by: order.customer,
    at: time,
    hs: next.hs,
  };
  return { level: { ...next, ...levelKey(tenant, level.l, level.k) }, entry };
}
