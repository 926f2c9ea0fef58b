// One route of an Express application on Lambda, the way it is usually put there, and Lambda's runtime loop as small as
// it can be: next event, application, answer. One log line an invocation.

import http from "node:http";
import express from "express";
import serverless from "serverless-http";

const MAX_BYTES = 1 << 20;

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function exchange(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, agent, method, headers, path: `/2018-06-01/runtime/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** A refusal, as RFC 9457 has it. */
export class Problem extends Error {
  constructor(status, code, errors = undefined) {
    super(code);
    Object.assign(this, { status, code, errors });
  }

  body(requestId) {
    const { status, code, errors } = this;
    return JSON.stringify({ type: "about:blank", status, code, requestId, errors });
  }
}

/** What is wrong with a body that could not be parsed, as Express names it. */
const REFUSALS = new Map([
  ["entity.too.large", new Problem(413, "payload_too_large")],
  ["entity.parse.failed", new Problem(400, "malformed_json")],
]);

function application(method, path, handler) {
  const app = express();
  app.disable("x-powered-by").disable("etag");
  app.use(express.json({ limit: MAX_BYTES }));
  app[method](path, async (request, response) => {
    const { status, headers, body } = await handler(request, request.apiGateway.context.requestId);
    response.status(status).set(headers).send(JSON.stringify(body));
  });
  app.use((request, response) => {
    throw new Problem(404, "not_found");
  });
  app.use((error, request, response, next) => {
    const known = error instanceof Problem ? error : REFUSALS.get(error.type);
    if (!known) process.stderr.write(`${error.stack}\n`);
    const problem = known ?? new Problem(500, "internal");
    response.status(problem.status).set("content-type", "application/problem+json");
    response.send(problem.body(request.apiGateway.context.requestId));
  });
  return serverless(app);
}

function log(operation, answer, requestId, tenant, start) {
  const now = Date.now();
  const line = {
    level: "INFO",
    timestamp: new Date(now).toISOString(),
    message: "invocation",
    request_id: requestId,
    tenant,
    operation,
    service: process.env.AWS_LAMBDA_FUNCTION_NAME,
    status: answer.statusCode,
    duration_ms: now - start,
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        { Namespace: "bench", Dimensions: [["service", "operation"]], Metrics: [{ Name: "duration_ms", Unit: "Milliseconds" }] },
      ],
    },
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Serves events until the process is ended. */
export async function serve(operation, method, path, handler) {
  const app = application(method, path, handler);
  for (;;) {
    const next = await exchange("GET", "invocation/next");
    const requestId = next.headers["lambda-runtime-aws-request-id"];
    const start = Date.now();
    const event = JSON.parse(next.body);
    const answer = await app(event, { requestId });
    log(operation, answer, requestId, event.requestContext?.authorizer?.lambda?.tenant, start);
    await exchange("POST", `invocation/${requestId}/response`, JSON.stringify(answer));
  }
}

/** Who calls, as the authorizer said, if the role may. */
export function caller(request, ...roles) {
  const { principal, role, tenant } = request.apiGateway.event.requestContext?.authorizer?.lambda ?? {};
  if (!principal || !role || !tenant) throw new Problem(401, "unauthenticated");
  if (!roles.includes(role)) throw new Problem(403, "forbidden");
  return { principal, tenant };
}

export function json(status, body, headers = {}) {
  const security = { "x-content-type-options": "nosniff", "cache-control": "no-store" };
  return { status, headers: { "content-type": "application/json", etag: `"${body.version}"`, ...security, ...headers }, body };
}
