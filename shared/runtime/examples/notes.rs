//! A whole function: an API over one table, as small as it gets.
//!
//! In the product the builder and the handlers live in a library and `main` is all there is in `src/bin`; and the store
//! would be a module of its own. Start-up cost, size and memory of the platform are measured with this one.

use std::process::ExitCode;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use runtime::{Building, Context, settings};
use serde::{Deserialize, Serialize};
use table::{Entity, Key, Table};
use web::{Caller, ETag, Json, Problem};

settings! {
    struct Settings {
        table_name: String = "TABLE_NAME",
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    id: String,
    text: String,
}

impl Entity for Note {
    const KIND: &'static str = "note";

    fn key(&self, tenant: &kernel::TenantId) -> Key {
        Key::tenant(tenant, &["NOTE", &self.id], &["NOTE"])
    }
}

async fn create(
    caller: Caller,
    State(table): State<Table>,
    Json(note): Json<Note>,
) -> Result<(StatusCode, ETag, Json<Note>), Problem> {
    caller.require(&["CUSTOMER"])?;
    let mut transaction = table.transaction(&caller.tenant);
    transaction.create(&note);
    transaction.commit().await.map_err(|error| Problem::unavailable(&error))?;
    Ok((StatusCode::CREATED, ETag(1), Json(note)))
}

fn api(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let settings: Settings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table_name);
        Ok(Router::new().route("/v1/notes", post(create)).with_state(table))
    })
}

fn main() -> ExitCode {
    runtime::run_http(api)
}
