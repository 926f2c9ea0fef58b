// A client library of the field (openid-client) against a running stack: discovery, login with PKCE through Cognito's page,
// ID token, userinfo, refresh, introspection, revocation, log out, client credentials; and what a thief would try on the way.
//
// `cargo xtask test end-to-end` runs it. Wants in the environment: API (the stack's URL without /store), TENANT, ADMIN
// (name:password of a store administrator), POOL_EMAIL and POOL_PASSWORD (somebody in the user pool whose address is
// verified and whom nobody has invited yet). Registers its applications and invites the person itself.

import assert from 'node:assert/strict';
import * as client from 'openid-client';

const { API, TENANT, ADMIN, POOL_EMAIL, POOL_PASSWORD } = process.env;
for (const [name, value] of Object.entries({ API, TENANT, ADMIN, POOL_EMAIL, POOL_PASSWORD })) {
  assert(value, `${name} is not set`);
}
const SITE = 'http://127.0.0.1:8400';
const REDIRECT = `${SITE}/callback`;
const BYE = `${SITE}/bye`;
const SCOPES = ['openid', 'email', 'profile', 'offline_access', 'orders:read'];
const INVALID_GRANT = { error: 'invalid_grant' };

async function admin(method, path, body) {
  const headers = { authorization: `Basic ${Buffer.from(ADMIN).toString('base64')}`, 'content-type': 'application/json' };
  const answer = await fetch(`${API}${path}`, { method, headers, body: JSON.stringify(body) });
  const created = await answer.json();
  assert.equal(answer.status, 201, `${method} ${path}: ${JSON.stringify(created)}`);
  return created;
}

function register(name, more) {
  const sites = [{ origin: SITE, tenants: [TENANT] }];
  const uris = { redirectUris: [REDIRECT], postLogoutRedirectUris: [BYE] };
  return admin('POST', '/v1/applications', { name, kind: 'PUBLIC', sites, ...uris, scopes: SCOPES, ...more });
}

/** What the library knows of the issuer, as an application. */
function discovered({ id, secret }) {
  const execute = API.startsWith('http://') ? [client.allowInsecureRequests] : [];
  const shown = secret ? client.ClientSecretBasic(secret) : client.None();
  return client.discovery(new URL(`${API}/access`), id, undefined, shown, { execute });
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
    scope: SCOPES.join(' '),
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
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  const answered = new URL(back.location);
  const mixedUp = new URL(answered);
  mixedUp.searchParams.set('iss', 'https://evil.example');
  await assert.rejects(client.authorizationCodeGrant(config, mixedUp, checks), 'the library checks `iss`');
  const stolen = { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() };
  await assert.rejects(client.authorizationCodeGrant(config, answered, stolen), INVALID_GRANT);
  return client.authorizationCodeGrant(config, answered, checks);
}

await admin('POST', '/v1/users', { email: POOL_EMAIL, name: 'Ada', role: 'STORE_ADMIN' });
const till = await discovered(await register('Till'));
const office = await discovered(await register('Back office', { kind: 'CONFIDENTIAL' }));

// Signed in to two applications, each with a session of its own.
const first = await login(till);
const claims = first.claims();
assert.equal(claims.email, POOL_EMAIL.toLowerCase());
const info = await client.fetchUserInfo(till, first.access_token, claims.sub);
assert.equal(info.name, 'Ada');
const atOffice = await login(office);
const orders = await fetch(`${API}/store/v1/orders`, { headers: { authorization: `Bearer ${atOffice.access_token}` } });
assert.equal(orders.status, 200, await orders.text());
console.log('signed in to two applications');

// Several tabs refresh at once: one successor, and nobody is logged out.
const second = await client.refreshTokenGrant(till, first.refresh_token);
const tabs = await Promise.all(Array.from({ length: 5 }, () => client.refreshTokenGrant(till, first.refresh_token)));
assert(tabs.every((tab) => tab.refresh_token === second.refresh_token), 'one successor');
const third = await client.refreshTokenGrant(till, second.refresh_token);
await assert.rejects(client.refreshTokenGrant(office, third.refresh_token), INVALID_GRANT, 'a token is its client\'s alone');
console.log('refreshed');

// Log out of one application; the other goes on.
const state = client.randomState();
const hint = { id_token_hint: first.id_token, post_logout_redirect_uri: BYE, state };
const elsewhere = await visit(client.buildEndSessionUrl(till, { ...hint, post_logout_redirect_uri: 'https://evil.example/' }));
assert.deepEqual([elsewhere.answer.status, elsewhere.location], [400, null], 'no open redirect');
const out = await visit(client.buildEndSessionUrl(till, hint));
assert.deepEqual([out.answer.status, out.location], [303, `${BYE}?state=${state}`]);
await assert.rejects(client.refreshTokenGrant(till, third.refresh_token), INVALID_GRANT);
const still = await client.refreshTokenGrant(office, atOffice.refresh_token);
console.log('logged out of one');

// An application asks about its token, and gives it back.
const shown = await client.tokenIntrospection(office, still.access_token);
assert.deepEqual([shown.active, shown.sub, shown.tenant], [true, claims.sub, TENANT]);
await client.tokenRevocation(office, still.refresh_token);
assert.deepEqual(await client.tokenIntrospection(office, still.access_token), { active: false });
await assert.rejects(client.refreshTokenGrant(office, still.refresh_token), INVALID_GRANT);
console.log('introspected, revoked');

// A machine signs in as itself.
const machine = { kind: 'CONFIDENTIAL', machine: 'STORE_ADMIN', sites: [], redirectUris: [], postLogoutRedirectUris: [] };
const robot = await discovered(await register('Robot', { ...machine, scopes: ['orders:read'] }));
const alone = await client.clientCredentialsGrant(robot, { scope: 'orders:read' });
assert.equal(alone.refresh_token, undefined);
assert.equal((await client.tokenIntrospection(robot, alone.access_token)).active, true);
assert.deepEqual(await client.tokenIntrospection(office, alone.access_token), { active: false }, 'not its own');
await assert.rejects(client.tokenRevocation(robot, alone.access_token), { error: 'unsupported_token_type' });
await assert.rejects(client.clientCredentialsGrant(office), { error: 'unauthorized_client' });
console.log('signed in as a machine');
