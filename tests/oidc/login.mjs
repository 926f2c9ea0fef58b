// A client library of the field (openid-client) against a running stack: discovery, login with PKCE through Cognito's page,
// ID token, userinfo, refresh, reuse, log out.
//
// Wants in the environment: API (the stack's URL without /store), ADMIN (name:password of a store administrator), POOL_EMAIL
// and POOL_PASSWORD (somebody in the user pool whose address is verified). Registers an application and invites the person
// itself; may be run again.

import assert from 'node:assert/strict';
import * as client from 'openid-client';

const { API, ADMIN, POOL_EMAIL, POOL_PASSWORD } = process.env;
for (const [name, value] of Object.entries({ API, ADMIN, POOL_EMAIL, POOL_PASSWORD })) {
  assert(value, `${name} is not set`);
}
const TENANT = process.env.TENANT ?? 'demo.local';
const SITE = 'http://127.0.0.1:8400';
const REDIRECT = `${SITE}/callback`;

async function admin(method, path, body) {
  const headers = { authorization: `Basic ${Buffer.from(ADMIN).toString('base64')}`, 'content-type': 'application/json' };
  const answer = await fetch(`${API}${path}`, { method, headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

/** Follows one redirect by hand, so that cookies and every location are seen. */
async function visit(url, options = {}) {
  const answer = await fetch(url, { redirect: 'manual', ...options });
  return { answer, location: answer.headers.get('location') };
}

/** Fills in the provider's page; returns where the browser is sent afterwards. */
async function signInAtProvider(url) {
  const page = await visit(url);
  const html = await page.answer.text();
  const fields = new URLSearchParams();
  const unescape = (text) => text.replaceAll('&#x27;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  for (const [, name, value] of html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) {
    fields.set(name, unescape(value));
  }
  fields.set('username', POOL_EMAIL);
  fields.set('password', POOL_PASSWORD);
  const action = html.match(/<form method="POST" action="([^"]*)"/)?.[1];
  assert(action, `no form on the page: ${html.slice(0, 500)}`);
  const done = await visit(new URL(action, url), { method: 'POST', body: fields });
  assert(done.location, `the provider did not let ${POOL_EMAIL} in: ${done.answer.status}`);
  return done.location;
}

async function login(config) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const start = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: 'openid email profile offline_access orders:read',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const started = await visit(start);
  assert.equal(started.answer.status, 303, await started.answer.text());
  const cookie = started.answer.headers.getSetCookie()[0].split(';')[0];
  const callback = await signInAtProvider(started.location);
  const without = await visit(callback);
  assert.equal(without.answer.status, 400, 'another browser cannot use the login');
  const back = await visit(callback, { headers: { cookie } });
  assert.equal(back.answer.status, 303, await back.answer.text());
  const again = await visit(callback, { headers: { cookie } });
  assert.equal(again.answer.status, 400, 'a login is used once');
  return client.authorizationCodeGrant(config, new URL(back.location), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
}

const invited = await admin('POST', '/v1/users', { email: POOL_EMAIL, name: 'Ada', role: 'STORE_ADMIN' });
assert([201, 409].includes(invited.status), JSON.stringify(invited));
const registered = await admin('POST', '/v1/applications', {
  name: 'OIDC test',
  kind: 'PUBLIC',
  sites: [{ origin: SITE, tenants: [TENANT] }],
  redirectUris: [REDIRECT],
  scopes: ['openid', 'email', 'profile', 'offline_access', 'orders:read'],
});
assert.equal(registered.status, 201, JSON.stringify(registered));

const insecure = API.startsWith('http://') ? [client.allowInsecureRequests] : [];
const issuer = new URL(`${API}/access`);
const config = await client.discovery(issuer, registered.body.id, undefined, client.None(), { execute: insecure });
const first = await login(config);
const claims = first.claims();
assert.equal(claims.email, POOL_EMAIL.toLowerCase());
const info = await client.fetchUserInfo(config, first.access_token, claims.sub);
assert.equal(info.name, 'Ada');

const second = await client.refreshTokenGrant(config, first.refresh_token);
const tabs = await Promise.all(Array.from({ length: 5 }, () => client.refreshTokenGrant(config, first.refresh_token)));
assert(tabs.every((tab) => tab.refresh_token === second.refresh_token), 'one successor');

await client.tokenRevocation(config, second.refresh_token);
await assert.rejects(client.refreshTokenGrant(config, second.refresh_token), { error: 'invalid_grant' });
console.log('signed in, refreshed, logged out');
