// Ids: a prefix and 26 characters of base 32.

import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BODY = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

function text(prefix, bytes) {
  let bits = BigInt(`0x${bytes.toString("hex")}`);
  let body = "";
  for (let place = 0; place < 26; place += 1) {
    body = ALPHABET[Number(bits & 31n)] + body;
    bits >>= 5n;
  }
  return `${prefix}_${body}`;
}

/** The one id that belongs to these parts. */
export function derive(prefix, ...parts) {
  const hash = createHash("sha256");
  for (const part of parts) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    hash.update(length).update(part);
  }
  return text(prefix, hash.digest().subarray(0, 16));
}

/** A new id that sorts by time. */
export function fresh(prefix) {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  return text(prefix, bytes);
}

/** The ISBN a book's id holds; nothing when it is no book's id. */
export function isbnOf(book) {
  const body = typeof book === "string" && book.startsWith("book_") ? book.slice(5) : "";
  if (!BODY.test(body)) return undefined;
  let bits = 0n;
  for (const letter of body) bits = bits * 32n + BigInt(ALPHABET.indexOf(letter));
  const isbn = bits.toString().padStart(13, "0");
  if (isbn.length !== 13 || !(isbn.startsWith("978") || isbn.startsWith("979"))) return undefined;
  let sum = 0;
  for (let place = 0; place < 13; place += 1) sum += Number(isbn[place]) * (place % 2 ? 3 : 1);
  return sum % 10 === 0 ? isbn : undefined;
}
