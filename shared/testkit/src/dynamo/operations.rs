//! Runs one API call on the embedded database: JSON in, JSON or the API's own error out.

use crate::wire::ApiReply;
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Runs `api`. The database call blocks for microseconds and holds no lock across an await.
pub(crate) fn dispatch(database: &Database, api: &str, body: Value) -> ApiReply {
    macro_rules! route {
        ($($name:literal => $method:ident),+ $(,)?) => {
            match api {
                $($name => run(body, |request| database.$method(request)),)+
                _ => ApiReply::json(400, &json!({"__type": "com.amazon.coral.service#UnknownOperationException"})),
            }
        };
    }
    route! {
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "CreateTable" => create_table,
        "DeleteItem" => delete_item,
        "DeleteTable" => delete_table,
        "DescribeStream" => describe_stream,
        "DescribeTable" => describe_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "GetItem" => get_item,
        "GetRecords" => get_records,
        "GetShardIterator" => get_shard_iterator,
        "ListStreams" => list_streams,
        "ListTables" => list_tables,
        "PutItem" => put_item,
        "Query" => query,
        "Scan" => scan,
        "TransactGetItems" => transact_get_items,
        "TransactWriteItems" => transact_write_items,
        "UpdateItem" => update_item,
        "UpdateTimeToLive" => update_time_to_live,
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(body: Value, operation: impl FnOnce(Q) -> dynoxide::Result<A>) -> ApiReply {
    let outcome = serde_json::from_value(body).map_err(unreadable).and_then(operation);
    match outcome {
        Ok(answer) => ApiReply::json(200, &serde_json::to_value(&answer).expect("an answer serializes")),
        Err(error) => ApiReply { body: error.to_json(), ..ApiReply::json(error.status_code(), &Value::Null) },
    }
}

/// A request the database cannot read. Its readers mark their messages with the class of error in capitals, which its
/// own server takes off and which never reaches a client.
fn unreadable(error: serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let unmarked =
        text.split_once(':').filter(|(mark, _)| mark.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    DynoxideError::ValidationException(unmarked.map_or(text.as_str(), |(_, message)| message).to_owned())
}
