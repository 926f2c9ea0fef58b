// GET /store/v1/books/{id}: one read.

import { isbnOf } from "./ids.js";
import { caller, json, Problem, serve } from "./lambda.js";
import { money } from "./money.js";
import { bookKey, getMany, levelKey, locationsKey } from "./table.js";

/** Names of the locations met so far, so that their levels can be read in the same call. */
let known = [];

serve("get-book", async (event) => {
  const { tenant } = caller(event, "CUSTOMER", "STORE_ADMIN");
  const id = event.rawPath.split("/").at(-1);
  const sku = isbnOf(id);
  if (sku === undefined) throw new Problem(404, "not_found");
  const levels = (locations) => locations.map((location) => levelKey(tenant, location, sku));
  const items = await getMany([bookKey(tenant, id), locationsKey(tenant), ...levels(known)]);
  const book = items.find(({ kind }) => kind === "book");
  if (!book) throw new Problem(404, "not_found");
  const locations = items.find(({ kind }) => kind === "locations")?.m ?? {};
  const all = Object.keys(locations).sort();
  const added = all.filter((location) => !known.includes(location));
  if (added.length) items.push(...(await getMany(levels(added))));
  known = all;
  const available = items
    .filter(({ kind, l }) => kind === "level" && locations[l]?.h === "HEALTHY")
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
