//! Batches: many requests of one kind in one body, each taken and answered on its own.
//!
//! One row that is wrong or fails does not keep out the others. Rows are taken one after the other, in their order. A batch
//! that comes again repeats nothing when its work repeats nothing: that is the business of the rows' own ids.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{FieldError, Problem, decode};

/// Most rows of one batch.
pub const MAX_ROWS: usize = 100;

/// 1 to 100 rows.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = web::Batch)]
pub struct Batch {
    /// Each is what the route for one of them takes.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 100)]
    rows: Vec<Value>,
}

/// What became of a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = web::BatchAnswer)]
pub struct BatchAnswer {
    /// One for each row, in their order.
    results: Vec<RowAnswer>,
}

/// What became of one row.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = web::RowAnswer)]
pub struct RowAnswer {
    /// Place of the row in the request, from 0.
    index: usize,
    /// What the row's own request would have been answered with.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// Why it was refused; pointers start at the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    problem: Option<Value>,
}

impl Batch {
    /// Does the work of each row.
    pub async fn run<T, B, F>(self, work: impl Fn(usize, T) -> F) -> Result<BatchAnswer, Problem>
    where
        T: DeserializeOwned,
        B: Serialize,
        F: Future<Output = Result<(StatusCode, B), Problem>>,
    {
        if !(1..=MAX_ROWS).contains(&self.rows.len()) {
            let detail = format!("must have 1 to {MAX_ROWS} rows");
            return Err(Problem::invalid(vec![FieldError::at("/rows", "out_of_range", detail)]));
        }
        let mut results = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.into_iter().enumerate() {
            let answered = match decode(row.to_string().as_bytes()) {
                Ok(row) => work(index, row).await,
                Err(problem) => Err(problem),
            };
            let body = |(status, body)| {
                let body = serde_json::to_value(body).map_err(|error| Problem::internal(&error))?;
                Ok(RowAnswer { index, status: StatusCode::as_u16(&status), body: Some(body), problem: None })
            };
            results.push(answered.and_then(body).unwrap_or_else(|problem| refused(index, &problem)));
        }
        Ok(BatchAnswer { results })
    }
}

fn refused(index: usize, problem: &Problem) -> RowAnswer {
    let status = problem.status();
    if let Some(cause) = problem.cause().filter(|_| status.is_server_error()) {
        tracing::error!(code = problem.code(), cause, index, "a row failed");
    }
    let problem = serde_json::from_slice(&problem.to_json(None)).unwrap_or_default();
    RowAnswer { index, status: status.as_u16(), body: None, problem: Some(problem) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        n: u8,
    }

    async fn answer(body: Value) -> Result<Value, Problem> {
        let batch: Batch = decode(body.to_string().as_bytes())?;
        let work = async |_, Row { n }| match n {
            0 => Err(Problem::unavailable(&std::fmt::Error)),
            n => Ok((StatusCode::CREATED, json!({ "n": n }))),
        };
        Ok(serde_json::to_value(batch.run(work).await?).unwrap())
    }

    #[tokio::test]
    async fn every_row_has_its_own_answer_in_its_own_place() {
        let answer = answer(json!({ "rows": [{ "n": 1 }, { "m": 1 }, { "n": 0 }, 7, { "n": 2 }] })).await.unwrap();
        let row = |n: usize| &answer["results"][n];
        assert_eq!(row(0), &json!({ "index": 0, "status": 201, "body": { "n": 1 } }));
        assert_eq!((&row(1)["status"], &row(1)["problem"]["errors"][0]["pointer"]), (&json!(400), &json!("/m")));
        assert_eq!((&row(2)["status"], &row(2)["problem"]["code"]), (&json!(503), &json!("unavailable")));
        assert_eq!(row(3)["problem"]["code"], "validation_failed");
        assert_eq!(row(4)["body"], json!({ "n": 2 }));
    }

    #[tokio::test]
    async fn no_rows_and_too_many_are_refused_as_a_whole() {
        for rows in [0, MAX_ROWS + 1] {
            let refused = answer(json!({ "rows": vec![json!({ "n": 1 }); rows] })).await.unwrap_err();
            assert_eq!(refused.code(), "validation_failed");
        }
        assert!(answer(json!({ "rows": [], "more": 1 })).await.is_err());
    }
}
