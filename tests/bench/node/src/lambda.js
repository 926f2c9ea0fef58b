// Lambda's runtime loop, as small as it can be: next event, handler, answer. One log line an invocation.

import http from "node:http";

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

  answer(requestId) {
    const { status, code, errors } = this;
    const body = JSON.stringify({ type: "about:blank", status, code, requestId, errors });
    return { statusCode: status, headers: { "content-type": "application/problem+json" }, body, isBase64Encoded: false };
  }
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
export async function serve(operation, handler) {
  for (;;) {
    const next = await exchange("GET", "invocation/next");
    const requestId = next.headers["lambda-runtime-aws-request-id"];
    const start = Date.now();
    const event = JSON.parse(next.body);
    let answer;
    try {
      answer = await handler(event, requestId);
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(500, "internal");
      if (problem !== error) process.stderr.write(`${error.stack}\n`);
      answer = problem.answer(requestId);
    }
    log(operation, answer, requestId, event.requestContext?.authorizer?.lambda?.tenant, start);
    await exchange("POST", `invocation/${requestId}/response`, JSON.stringify(answer));
  }
}

/** Who calls, as the authorizer said, if the role may. */
export function caller(event, ...roles) {
  const { principal, role, tenant } = event.requestContext?.authorizer?.lambda ?? {};
  if (!principal || !role || !tenant) throw new Problem(401, "unauthenticated");
  if (!roles.includes(role)) throw new Problem(403, "forbidden");
  return { principal, tenant };
}

export function json(statusCode, body, headers = {}) {
  const security = { "x-content-type-options": "nosniff", "cache-control": "no-store" };
  return {
    statusCode,
    headers: { "content-type": "application/json", etag: `"${body.version}"`, ...security, ...headers },
    body: JSON.stringify(body),
    isBase64Encoded: false,
  };
}
