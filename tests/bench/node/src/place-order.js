// POST /store/v1/orders: one read, one transaction.

import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { allocate } from "./allocation.js";
import { derive, fresh } from "./ids.js";
import { commit, eventItem, orderItem } from "./items.js";
import { caller, json, Problem, serve } from "./lambda.js";
import { money } from "./money.js";
import { read } from "./request.js";
import { bookKey, create, getMany, hotKey, kitKey, levelKey, locationsKey, orderKey, replace, transact } from "./table.js";

const ATTEMPTS = 40;
/** Names of the locations met so far, so that their levels can be read in the same call. */
let known = [];

function sort(items, found = { books: new Map(), levels: new Map(), locations: {}, existing: undefined }) {
  for (const item of items) {
    if (item.kind === "level") found.levels.set(`${item.l} ${item.k}`, item);
    else if (item.kind === "book") found.books.set(item.id, item);
    else if (item.kind === "locations") found.locations = item.m;
    else if (item.kind === "order") found.existing = item;
  }
  return found;
}

async function find(tenant, id, lines) {
  const levels = (locations) => locations.flatMap((location) => lines.map(({ sku }) => levelKey(tenant, location, sku)));
  const books = lines.map(({ bookId }) => bookKey(tenant, bookId));
  // Nothing here is a kit or hot, which nobody knows without looking.
  const kits = lines.map(({ sku }) => kitKey(tenant, sku));
  const keys = [orderKey(tenant, id), locationsKey(tenant), hotKey(tenant), ...books, ...kits, ...levels(known)];
  const found = sort(await getMany(keys));
  const all = Object.keys(found.locations).sort();
  const added = all.filter((location) => !known.includes(location));
  if (added.length) sort(await getMany(levels(added)), found);
  known = all;
  return found;
}

function draft(id, request, customer, fingerprint, found) {
  const unknown = request.lines.flatMap(({ bookId }, index) =>
    found.books.has(bookId) && !found.books.get(bookId).x ? [] : [{ pointer: `/items/${index}/bookId`, code: "unknown_book" }],
  );
  if (unknown.length) throw new Problem(422, "unknown_book", unknown);
  const lines = request.lines.map(({ bookId, sku, quantity }) => ({ bookId, sku, quantity, price: found.books.get(bookId).p }));
  const currencies = new Set(request.lines.map(({ bookId }) => found.books.get(bookId).c));
  if (currencies.size !== 1) throw new Problem(422, "mixed_currencies");
  const healthy = Object.keys(found.locations).filter((location) => found.locations[location].h === "HEALTHY").sort();
  const available = (location, sku) => {
    const level = found.levels.get(`${location} ${sku}`);
    return level ? level.av : 0;
  };
  const parcels = allocate(lines, healthy, available);
  if (!parcels) throw new Problem(409, "out_of_stock");
  const { method, token } = request;
  return { id, customer, lines, parcels, method, token, fingerprint, currency: [...currencies][0], placedMs: Date.now() };
}

function view(order) {
  const amount = (minor) => money(minor, order.currency);
  return {
    id: order.id,
    customerId: order.customer,
    status: "PENDING",
    placedAt: new Date(order.placedMs).toISOString(),
    total: amount(total(order)),
    items: order.lines.map(({ bookId, sku, quantity, price }) => ({ bookId, isbn: sku, quantity, unitPrice: amount(price), shipped: 0, unfilled: 0 })),
    payment: { method: order.method, status: "PENDING", captured: amount(0) },
    shipments: order.parcels.map(({ location, lines }, number) => ({
      id: derive("shp", order.id, String(number)),
      warehouse: location,
      status: "REQUESTED",
      items: lines.map(({ sku, quantity }) => ({ isbn: sku, quantity })),
    })),
    history: [{ status: "PENDING", at: new Date(order.placedMs).toISOString() }],
    version: 1,
  };
}

const total = (order) => order.lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0);

/** A stored order as it was placed. */
function placedBefore(item, request) {
  const parcels = item.sh.slice(0, item.np).map(({ l, i }) => ({
    location: l,
    lines: i.map(([line, quantity]) => ({ sku: item.l[line][0], quantity })),
  }));
  const ids = new Map(request.lines.map(({ sku, bookId }) => [sku, bookId]));
  const lines = item.l.map(([sku, quantity, price]) => ({ bookId: ids.get(sku), sku, quantity, price }));
  return { id: item.id, customer: item.c, currency: item.cu, placedMs: item.at, method: item.p.m, token: item.p.t, lines, parcels };
}

serve("place-order", "post", "/store/v1/orders", async (asked, requestId) => {
  const { principal, tenant } = caller(asked, "CUSTOMER");
  const request = read(asked);
  const hash = createHash("sha256");
  for (const { bookId, quantity } of request.lines) hash.update(`${bookId} ${quantity} `);
  const fingerprint = hash.update(`${request.method} ${request.token}`).digest("hex").slice(0, 32);
  const id = request.key === undefined ? fresh("ord") : derive("ord", tenant, principal, request.key);
  const cause = { requestId, traceparent: asked.get("traceparent") };
  const found = await find(tenant, id, request.lines);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (found.existing) {
      if (found.existing.f !== fingerprint) throw new Problem(422, "idempotency_key_reused");
      const headers = { location: `/store/v1/orders/${id}`, "idempotency-replayed": "true" };
      return json(201, view(placedBefore(found.existing, request)), headers);
    }
    const order = draft(id, request, principal, fingerprint, found);
    const writes = [create(orderItem(tenant, order)), create(eventItem(tenant, order, money(total(order), order.currency), cause))];
    for (const { location, lines } of order.parcels) {
      for (const { sku, quantity } of lines) {
        const seen = found.levels.get(`${location} ${sku}`);
        const { level, entry } = commit(tenant, seen, quantity, order);
        writes.push(replace(level, seen.v), create(entry));
      }
    }
    const obstacles = await transact(writes, randomUUID());
    if (!obstacles) return json(201, view(order), { location: `/store/v1/orders/${id}` });
    sort(obstacles, found);
    await sleep(Math.random() * Math.min(150, 4 * 2 ** attempt));
  }
  throw new Problem(503, "unavailable");
});
