//! The shop's front door: GraphQL, OAuth, uploads and downloads; and the side door.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Multipart, Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::bulk::MAX_UPLOAD;
use crate::graphql::{self, Reply};
use crate::schema::{API_VERSION, Admin};
use crate::webhooks::deliver::{Courier, Travel, deliver};
use crate::world::World;
use crate::{lock, oauth, side_door};

#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) courier: Courier,
    pub(crate) admin: &'static Admin,
}

impl Shop {
    /// Lets webhooks leave, unless they are held.
    fn tell(&self) {
        let shop = self.clone();
        if !lock(&self.world).hooks.held {
            tokio::spawn(async move { deliver(&shop.world, &shop.courier, &Travel::default()).await });
        }
    }

    /// See [`side_door`]; `deliver` is there too.
    pub(crate) async fn enter(&self, what: &str, body: &Value) -> Result<Value, String> {
        if what == "deliver" {
            let travel: Travel = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
            return Ok(json!({ "tries": deliver(&self.world, &self.courier, &travel).await }));
        }
        let answer = side_door::enter(&mut lock(&self.world), what, body);
        self.tell();
        answer
    }
}

pub(crate) fn router(shop: Shop) -> Router {
    Router::new()
        .route("/admin/api/{version}/graphql.json", post(graphql))
        .route("/admin/oauth/authorize", get(authorize))
        .route("/admin/oauth/access_token", post(exchange))
        .route("/staged/", post(upload))
        .route("/bulk/{file}", get(download))
        .route("/_standin/{what}", post(enter))
        .layer(DefaultBodyLimit::max(MAX_UPLOAD + 1024 * 1024))
        .with_state(shop)
}

async fn graphql(State(shop): State<Shop>, headers: HeaderMap, body: Bytes) -> Response {
    let token = headers.get("x-shopify-access-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    let reply = {
        let mut world = lock(&shop.world);
        let now = world.now();
        if world.app.admits(token, now) {
            graphql::answer(&mut world, shop.admin, &body)
        } else {
            let message = "[API] Invalid API key or access token (unrecognized login or wrong password)";
            Reply::Json(401, json!({ "errors": message }))
        }
    };
    shop.tell();
    match reply {
        // Whatever version was asked for, this is the one that answers.
        Reply::Json(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [("x-shopify-api-version", API_VERSION)], Json(body)).into_response()
        }
        Reply::Never => std::future::pending().await,
    }
}

async fn authorize(State(shop): State<Shop>, RawQuery(query): RawQuery) -> Response {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    match oauth::authorize(&mut lock(&shop.world), &query) {
        Ok(callback) => Redirect::to(&callback).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

async fn exchange(State(shop): State<Shop>, Json(body): Json<Value>) -> Response {
    let (status, answer) = oauth::exchange(&mut lock(&shop.world), &body);
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(answer)).into_response()
}

async fn upload(State(shop): State<Shop>, mut form: Multipart) -> Response {
    let mut fields = Vec::new();
    loop {
        match form.next_field().await {
            Ok(Some(field)) => {
                let name = field.name().unwrap_or_default().to_owned();
                match field.text().await {
                    Ok(text) => fields.push((name, text)),
                    Err(error) => return (error.status(), error.body_text()).into_response(),
                }
            }
            Ok(None) => break,
            Err(error) => return (error.status(), error.body_text()).into_response(),
        }
    }
    let xml = [(header::CONTENT_TYPE, "application/xml")];
    match lock(&shop.world).bulk.upload(&fields) {
        Ok(key) => {
            let body = format!("<?xml version='1.0' encoding='UTF-8'?><PostResponse><Key>{key}</Key></PostResponse>");
            (StatusCode::CREATED, xml, body).into_response()
        }
        Err(why) => {
            let body = format!(
                "<?xml version='1.0' encoding='UTF-8'?><Error><Code>InvalidPolicyDocument</Code><Details>{why}</Details></Error>"
            );
            (StatusCode::BAD_REQUEST, xml, body).into_response()
        }
    }
}

/// A file, or the range of it that is asked for: `bytes=<first>-<last>`, the only form there is here.
async fn download(State(shop): State<Shop>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let number = file.strip_suffix(".jsonl").unwrap_or_default();
    match lock(&shop.world).bulk.file(&format!("gid://shopify/BulkOperation/{number}")) {
        Some(jsonl) => {
            let kind = [(header::CONTENT_TYPE, "application/jsonl")];
            let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
            let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
            let Some((first, last)) = range else { return (kind, jsonl.clone()).into_response() };
            let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
                return StatusCode::BAD_REQUEST.into_response();
            };
            let last = last.min(jsonl.len().saturating_sub(1));
            let Some(part) = jsonl.as_bytes().get(first..=last) else {
                return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            };
            let range = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", jsonl.len()))];
            (StatusCode::PARTIAL_CONTENT, kind, range, part.to_vec()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn enter(State(shop): State<Shop>, Path(what): Path<String>, body: Bytes) -> Response {
    let body = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(&body) };
    let answer = match body {
        Ok(body) => shop.enter(&what, &body).await,
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response(),
    }
}
