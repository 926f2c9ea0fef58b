// What a request to place an order must be. Everything wrong with it is told at once.

import { isbnOf } from "./ids.js";
import { Problem } from "./lambda.js";

const MAX_LINES = 20;
const MAX_QUANTITY = 1000;

function fields(value, pointer, known, errors) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    errors.push({ pointer, code: "invalid_type" });
    return {};
  }
  for (const name of Object.keys(value)) if (!known.includes(name)) errors.push({ pointer: `${pointer}/${name}`, code: "unknown_field" });
  for (const name of known) if (!(name in value)) errors.push({ pointer: `${pointer}/${name}`, code: "missing_field" });
  return value;
}

/** The order that is asked for. */
export function read(request) {
  if (!request.is("application/json")) throw new Problem(415, "unsupported_media_type");
  const errors = [];
  const key = request.get("idempotency-key");
  if (key !== undefined && !/^[!-~]{1,128}$/.test(key)) errors.push({ parameter: "Idempotency-Key", code: "invalid_value" });
  const order = fields(request.body, "", ["items", "payment"], errors);
  const payment = fields(order.payment, "/payment", ["method", "token"], errors);
  if (payment.method !== "card") errors.push({ pointer: "/payment/method", code: "unknown_method" });
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(payment.token ?? "")) errors.push({ pointer: "/payment/token", code: "invalid_token" });
  const items = Array.isArray(order.items) ? order.items : [];
  if (items.length < 1 || items.length > MAX_LINES) errors.push({ pointer: "/items", code: "wrong_count" });
  const seen = new Set();
  const lines = items.slice(0, MAX_LINES).map((item, index) => {
    const pointer = `/items/${index}`;
    const { bookId, quantity } = fields(item, pointer, ["bookId", "quantity"], errors);
    const sku = isbnOf(bookId);
    if (sku === undefined) errors.push({ pointer: `${pointer}/bookId`, code: "invalid_value" });
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > MAX_QUANTITY) errors.push({ pointer: `${pointer}/quantity`, code: "out_of_range" });
    if (seen.has(bookId)) errors.push({ pointer: `${pointer}/bookId`, code: "repeated" });
    seen.add(bookId);
    return { bookId, sku, quantity };
  });
  if (errors.length) throw new Problem(400, "validation_failed", errors);
  return { key, lines, method: payment.method, token: payment.token };
}
