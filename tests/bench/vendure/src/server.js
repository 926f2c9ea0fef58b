// A shop on Vendure with forty books that never run out, and one of which there is a single copy.
//
// node src/server.js PORT SOCKETS SCRATCH
//   PORT     where the shop API answers, on 127.0.0.1
//   SOCKETS  the folder of PostgreSQL's socket; the database `vendure` of the user `vendure` must be there and empty
//   SCRATCH  a folder for the catalogue's file
// Prints one line of JSON once it answers, and ends when its standard input does.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { bootstrap, DefaultLogger, dummyPaymentHandler, LanguageCode, LogLevel } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');

const [port, sockets, scratch] = process.argv.slice(2);

const BOOKS = 40;
const ON_HAND = 1_000_000;
// As many as there are clients, so that nobody waits for a connection.
const CONNECTIONS = 32;

const config = {
  apiOptions: { hostname: '127.0.0.1', port: Number(port), shopApiPath: 'shop-api', adminApiPath: 'admin-api' },
  authOptions: {
    tokenMethod: 'cookie',
    cookieOptions: { secret: 'bench' },
    superadminCredentials: { identifier: 'bench', password: 'bench' },
  },
  dbConnectionOptions: {
    type: 'postgres',
    host: sockets,
    username: 'vendure',
    database: 'vendure',
    synchronize: true,
    logging: false,
    poolSize: CONNECTIONS,
  },
  importExportOptions: { importAssetsDir: scratch },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Error, timestamp: false }),
};

const shop = {
  defaultLanguage: LanguageCode.en,
  defaultZone: 'Europe',
  countries: [{ name: 'United Kingdom', code: 'GB', zone: 'Europe' }],
  taxRates: [{ name: 'Standard', percentage: 20 }],
  shippingMethods: [{ name: 'Standard', price: 0 }],
  paymentMethods: [
    {
      name: 'dummy',
      handler: { code: dummyPaymentHandler.code, arguments: [{ name: 'automaticSettle', value: 'false' }] },
    },
  ],
  collections: [],
};

function catalogue() {
  const file = path.join(scratch, 'books.csv');
  const header =
    'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets';
  const row = (name, onHand) =>
    `"The Collected Voyages, volume ${name}",book-${name},A voyage,,,,,book-${name},12.50,standard,${onHand},true,,`;
  const rows = Array.from({ length: BOOKS }, (_, index) => row(index + 1, ON_HAND));
  fs.writeFileSync(file, [header, ...rows, row('last', 1)].join('\n') + '\n');
  return file;
}

populate(() => bootstrap(config), shop, catalogue()).then(
  () => {
    process.stdout.write(JSON.stringify({ books: BOOKS, last: BOOKS + 1 }) + '\n');
    process.stdin.on('end', () => process.exit(0)).resume();
  },
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
