//! `/access/…`: OAuth 2.0 and `OpenID` Connect over HTTP, and `/v1/me/sessions`.
//!
//! Token, revocation and introspection answer errors as RFC 6749 wants them, not as problems; authorize and callback send
//! the browser on, or answer a problem when there is nowhere safe to send it.

use std::sync::Arc;

use access::{
    AuthorizeError, CallbackError, Limit, Limiter, LogoutError, OAuth, OAuthError, Params, Session, UserId, network,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};
use web::secret::Secret;
use web::{Caller, Json, List, NoFilter, Page, Path, Problem, RequestMeta, Scope, Verbatim};

use crate::cursors::Cursors;
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    discovery,
    jwks,
    authorize,
    callback,
    token,
    revoke,
    introspect,
    logout,
    logout_by_post,
    userinfo,
    userinfo_by_post,
    sessions,
    end_session,
    end_sessions
))]
pub(crate) struct Doc;

/// Longest form or query that is read, in bytes: a token has 16 KB at most.
const MAX_FORM: usize = 32 * 1024;
/// Documents that change seldom may be kept for five minutes, in seconds: less than keys are published ahead.
const CACHED: &str = "public, max-age=300";
const FORM: &str = "application/x-www-form-urlencoded";

/// What the routes need.
pub struct OAuthApi {
    oauth: OAuth,
    cursors: Cursors,
    limiter: Limiter,
}

impl OAuthApi {
    /// Over these use cases; cursors are signed with the secret.
    #[must_use]
    pub fn new(oauth: OAuth, limiter: Limiter, cursor_secret: Arc<dyn Secret>) -> Self {
        Self { oauth, limiter, cursors: Cursors(cursor_secret) }
    }
}

/// Requests a minute from one address. A person needs four for a login; a shop's tills share an address.
const PER_ADDRESS: u32 = 300;
/// Requests a minute of the whole tenant.
const PER_TENANT: u32 = 30_000;

type Api = State<Arc<OAuthApi>>;

pub(crate) fn routes(api: Arc<OAuthApi>) -> Router {
    let open = Router::new()
        .route("/access/oauth2/authorize", get(authorize))
        .route("/access/oauth2/callback", get(callback))
        .route("/access/oauth2/token", post(token))
        .route("/access/oauth2/revoke", post(revoke))
        .route("/access/oauth2/introspect", post(introspect))
        .route("/access/oauth2/logout", get(logout).post(logout_by_post))
        .route_layer(from_fn_with_state(api.clone(), limited));
    open.route("/access/.well-known/openid-configuration", get(discovery))
        .route("/access/.well-known/jwks.json", get(jwks))
        .route("/access/oauth2/userinfo", get(userinfo).post(userinfo_by_post))
        .route("/v1/me/sessions", get(sessions).delete(end_sessions))
        .route("/v1/me/sessions/{id}", delete(end_session))
        .with_state(api)
}

/// Counts requests to the routes that anybody can reach. When they cannot be counted they are refused: a door that cannot
/// be watched stays shut.
async fn limited(State(api): Api, meta: RequestMeta, request: Request, next: Next) -> Response {
    let address = network(&meta.source_ip.unwrap_or_default());
    let limits = [
        Limit { class: "oauth address", subject: &address, most: PER_ADDRESS },
        Limit { class: "oauth tenant", subject: "", most: PER_TENANT },
    ];
    let quota = match api.limiter.take(&limits).await {
        Ok(quota) => quota,
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    let mut response =
        if quota.is_admitted { next.run(request).await } else { Problem::rate_limited(quota.reset).into_response() };
    response.headers_mut().extend(quota.fields().map(|(name, value)| (name, HeaderValue::from(value))));
    response
}

fn cached(body: Value) -> Response {
    ([(CACHE_CONTROL, CACHED)], Json(body)).into_response()
}

/// What this issuer can do.
#[utoipa::path(get, path = "/access/.well-known/openid-configuration", security(()), responses((status = 200)))]
async fn discovery(State(api): Api) -> Response {
    cached(api.oauth.discovery())
}

/// The keys ID tokens are verified with.
#[utoipa::path(get, path = "/access/.well-known/jwks.json", security(()), responses((status = 200)))]
async fn jwks(State(api): Api) -> Result<Response, Problem> {
    api.oauth.jwks().await.map(cached).map_err(|error| problems::outage(&error))
}

/// A browser is to sign in; it is sent to the identity provider, or back to its application with an error.
#[utoipa::path(get, path = "/access/oauth2/authorize", security(()), responses((status = 303)))]
async fn authorize(State(api): Api, uri: Uri) -> Result<Response, Problem> {
    let params = query(&uri)?;
    match api.oauth.authorize(&params).await {
        Ok(started) => {
            let name = cookie_name(&started.login);
            let cookie = format!(
                "{name}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
                started.browser,
                access::LOGIN_SECONDS
            );
            let mut response = redirect(&started.location)?;
            let cookie = HeaderValue::try_from(cookie).map_err(|error| Problem::internal(&error))?;
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(AuthorizeError::Back(location)) => redirect(&location),
        Err(AuthorizeError::Refused(why)) => Err(Problem::bad_request("application_refused").detail(why)),
        Err(AuthorizeError::Outage(error)) => Err(problems::outage(&error)),
    }
}

/// The browser comes back from the identity provider.
#[utoipa::path(get, path = "/access/oauth2/callback", security(()), responses((status = 303)))]
async fn callback(State(api): Api, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let params = query(&uri)?;
    let cookies: Vec<String> =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().map(str::to_owned).ok()).collect();
    let value = move |login: &str| {
        let name = cookie_name(login);
        let mut pairs = cookies.iter().flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
    };
    match api.oauth.callback(&params, &value).await {
        Ok(location) => redirect(&location),
        Err(error @ CallbackError::Unknown) => Err(Problem::bad_request("login_over").detail(error.to_string())),
        Err(CallbackError::Outage(error)) => Err(problems::outage(&error)),
    }
}

/// The prefix makes browsers refuse it from another host, without TLS, or for a part of the path.
fn cookie_name(login: &str) -> String {
    format!("__Host-login-{login}")
}

fn redirect(location: &str) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

fn query(uri: &Uri) -> Result<Params, Problem> {
    let text = uri.query().unwrap_or_default();
    let bad = |detail: &'static str| Problem::bad_request("invalid_request").detail(detail);
    if text.len() > MAX_FORM {
        return Err(bad("The query is too long."));
    }
    Params::parse(text.as_bytes()).map_err(|_| bad("A parameter is repeated."))
}

/// A code, a refresh token or an application's own secret becomes an access token.
#[utoipa::path(post, path = "/access/oauth2/token", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400), (status = 401)))]
async fn token(State(api): Api, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let issued = match form(&headers, &body) {
        Ok(params) => api.oauth.token(&params, authorization(&headers)).await,
        Err(error) => Err(error),
    };
    let issued = match issued {
        Ok(issued) => issued,
        Err(error) => return refused(error),
    };
    let mut answer = json!({
        "access_token": issued.access_token.expose_secret(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    });
    for (name, value) in [("refresh_token", issued.refresh_token), ("id_token", issued.id_token)] {
        if let Some(value) = value {
            answer[name] = value.expose_secret().into();
        }
    }
    Ok(Json(answer).into_response())
}

/// Ends the session a token belongs to.
#[utoipa::path(post, path = "/access/oauth2/revoke", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400), (status = 401)))]
async fn revoke(State(api): Api, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let done = match form(&headers, &body) {
        Ok(params) => api.oauth.revoke(&params, authorization(&headers)).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Ok(StatusCode::OK.into_response()),
        Err(error) => refused(error),
    }
}

/// Tells an application about an access token of its own.
#[utoipa::path(post, path = "/access/oauth2/introspect", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400), (status = 401)))]
async fn introspect(State(api): Api, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let shown = match form(&headers, &body) {
        Ok(params) => api.oauth.introspect(&params, authorization(&headers)).await,
        Err(error) => Err(error),
    };
    match shown {
        Ok(shown) => Ok(Json(shown).into_response()),
        Err(error) => refused(error),
    }
}

/// A browser is to be signed out of the application that sends it here.
#[utoipa::path(get, path = "/access/oauth2/logout", security(()), responses((status = 204), (status = 303), (status = 400)))]
async fn logout(State(api): Api, uri: Uri) -> Result<Response, Problem> {
    signed_out(&api, &query(&uri)?).await
}

/// The same, by a form, which does not show the token in a URL.
#[utoipa::path(post, path = "/access/oauth2/logout", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204), (status = 303), (status = 400)))]
async fn logout_by_post(State(api): Api, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let params = form(&headers, &body)
        .map_err(|error| Problem::bad_request("invalid_request").detail(error.to_string()).caused_by(&error))?;
    signed_out(&api, &params).await
}

async fn signed_out(api: &OAuthApi, params: &Params) -> Result<Response, Problem> {
    match api.oauth.logout(params).await {
        Ok(Some(location)) => redirect(&location),
        Ok(None) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(LogoutError::Refused(why)) => Err(Problem::bad_request("logout_refused").detail(why)),
        Err(LogoutError::Outage(error)) => Err(problems::outage(&error)),
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    // What is not text is a credential nobody has.
    headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default())
}

fn form(headers: &HeaderMap, body: &Bytes) -> Result<Params, OAuthError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(FORM) {
        return Err(OAuthError::InvalidRequest("the body must be a form"));
    }
    if body.len() > MAX_FORM {
        return Err(OAuthError::InvalidRequest("the body is too long"));
    }
    Params::parse(body).map_err(|_| OAuthError::InvalidRequest("a parameter is repeated"))
}

/// An error as RFC 6749, section 5.2 wants it; an outage as our own.
fn refused(error: OAuthError) -> Result<Response, Problem> {
    let detail = match &error {
        OAuthError::Outage(cause) => return Err(problems::outage(cause)),
        OAuthError::InvalidRequest(detail) => Some(*detail),
        OAuthError::InvalidClient
        | OAuthError::InvalidGrant
        | OAuthError::UnauthorizedClient
        | OAuthError::UnsupportedGrantType
        | OAuthError::InvalidScope
        | OAuthError::UnsupportedTokenType => None,
    };
    let mut body = json!({ "error": error.to_string() });
    if let Some(detail) = detail {
        body["error_description"] = detail.into();
    }
    let mut response = Json(body).into_response();
    *response.status_mut() = StatusCode::BAD_REQUEST;
    if matches!(error, OAuthError::InvalidClient) {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="crossdock""#));
    }
    response.extensions_mut().insert(Verbatim);
    Ok(response)
}

/// Claims about whoever the token speaks for.
#[utoipa::path(get, path = "/access/oauth2/userinfo", responses((status = 200)))]
async fn userinfo(State(api): Api, caller: Caller, scope: Scope) -> Result<Response, Problem> {
    let user = person(&api, &caller)?;
    if !scope.0.split(' ').any(|scope| scope == "openid") {
        return Err(Problem::forbidden());
    }
    let info = api.oauth.userinfo(user, &scope.0).await.map_err(|error| problems::outage(&error))?;
    info.map(|info| Json(info).into_response()).ok_or_else(Problem::unauthenticated)
}

/// The same, by POST.
#[utoipa::path(post, path = "/access/oauth2/userinfo", responses((status = 200)))]
async fn userinfo_by_post(api: Api, caller: Caller, scope: Scope) -> Result<Response, Problem> {
    userinfo(api, caller, scope).await
}

/// Whose sessions and claims are asked for: a person of the tenant that signs in here.
fn person(api: &OAuthApi, caller: &Caller) -> Result<UserId, Problem> {
    if caller.tenant != *api.oauth.tenant() {
        return Err(Problem::not_found());
    }
    caller.principal.parse().map_err(|_| Problem::forbidden())
}

/// A login of the caller's.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionView {
    id: String,
    application: String,
    scope: String,
    #[schema(format = DateTime)]
    started: String,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        let Session { id, client, scope, created, .. } = session;
        Self { id, application: client, scope, started: created.to_string() }
    }
}

/// Where the caller is signed in.
#[utoipa::path(get, path = "/v1/me/sessions", params(web::PageParams),
    responses((status = 200, body = Page<SessionView>)))]
async fn sessions(State(api): Api, caller: Caller, list: List<NoFilter>) -> Result<Json<Page<SessionView>>, Problem> {
    let user = person(&api, &caller)?;
    let listing = api.cursors.open(list, &caller.tenant).await?;
    let page =
        api.oauth.sessions(user, listing.limit(), listing.start()?).await.map_err(|error| problems::outage(&error))?;
    let items = page.items.into_iter().map(SessionView::from).collect();
    Ok(Json(listing.page(items, page.next.as_ref())))
}

/// Signs the caller out of one application.
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", params(("id" = String, Path,)), responses((status = 204)))]
async fn end_session(State(api): Api, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let user = person(&api, &caller)?;
    match api.oauth.end_own(user, &id).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(Problem::not_found()),
        Err(error) => Err(problems::outage(&error)),
    }
}

/// Signs the caller out everywhere.
#[utoipa::path(delete, path = "/v1/me/sessions", responses((status = 204)))]
async fn end_sessions(State(api): Api, caller: Caller) -> Result<StatusCode, Problem> {
    let user = person(&api, &caller)?;
    api.oauth.end_all(user).await.map_err(|error| problems::outage(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
