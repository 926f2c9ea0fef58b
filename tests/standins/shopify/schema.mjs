// Writes the Admin schema as SDL: `node schema.mjs FILE`, in a folder where `npm ci` ran.
//
// The schema is one file of the package that `schemaPackage` in package.json pins. The package is packed, not installed: of
// its many dependencies none is needed to read a file. What comes is checked against the pinned digest.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { buildClientSchema, printSchema } from "graphql";

const file = resolve(process.argv[2]);
const { schemaPackage: wanted } = JSON.parse(readFileSync("package.json", "utf8"));
const folder = mkdtempSync("package-");
try {
  const answer = execFileSync(
    "npm",
    ["pack", `${wanted.name}@${wanted.version}`, "--pack-destination", folder, "--json", "--ignore-scripts"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  const archive = join(folder, JSON.parse(answer)[0].filename);
  const digest = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (digest !== wanted.integrity) throw new Error(`${wanted.name}@${wanted.version} is ${digest}, not ${wanted.integrity}`);
  execFileSync("tar", ["-xzf", archive, "-C", folder, wanted.file]);
  const introspection = JSON.parse(gunzipSync(readFileSync(join(folder, wanted.file))));
  // graphql-js knows @oneOf by itself and does not print its definition; other readers want it.
  const sdl = `${printSchema(buildClientSchema(introspection.data))}\n\ndirective @oneOf on INPUT_OBJECT\n`;
  writeFileSync(`${file}.new`, sdl);
  renameSync(`${file}.new`, file);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
