// GET /store/v1/books/{id}: one read, as long as the warehouses are known from a moment ago.

import { isbnOf } from "./ids.js";
import { caller, json, Problem, serve } from "./lambda.js";
import { money } from "./money.js";
import { bookKey, getMany, levelKey, locationsKey } from "./table.js";

/** The locations as they were a moment ago, which is good enough to show stock by. */
let recent = { until: 0, healthy: [] };

async function healthy(tenant) {
  if (Date.now() >= recent.until) {
    const [locations] = await getMany([locationsKey(tenant)]);
    const up = Object.entries(locations?.m ?? {}).filter(([, { h }]) => h === "HEALTHY");
    recent = { until: Date.now() + 10_000, healthy: up.map(([name]) => name) };
  }
  return recent.healthy;
}

serve("get-book", "get", "/store/v1/books/:id", async (request) => {
  const { tenant } = caller(request, "CUSTOMER", "STORE_ADMIN");
  const { id } = request.params;
  const sku = isbnOf(id);
  if (sku === undefined) throw new Problem(404, "not_found");
  const levels = (await healthy(tenant)).map((location) => levelKey(tenant, location, sku));
  const items = await getMany([bookKey(tenant, id), ...levels]);
  const book = items.find(({ kind }) => kind === "book");
  if (!book) throw new Problem(404, "not_found");
  const available = items
    .filter(({ kind }) => kind === "level")
    .reduce((sum, { av }) => sum + Math.max(0, av), 0);
  return json(200, {
    id: book.id,
    isbn: book.i,
    title: book.t,
    authors: book.a,
    publicationYear: book.y,
    languageCode: book.l,
    price: money(book.p, book.c),
    active: !book.x,
    available,
    version: book.v,
  });
});
