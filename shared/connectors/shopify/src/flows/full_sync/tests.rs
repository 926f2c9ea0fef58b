use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use documents::{Class, Outcome};
use http::{Request, Response, StatusCode};
use kernel::TenantId;
use proptest::prelude::*;
use secrecy::SecretString;
use web::BoxError;
use web::secret::Secret;
use web::transport::{Transport, TransportError};

use super::*;
use crate::breaker::store::Circuits;
use crate::install::Credentials;
use crate::limiter::store::Limiter;
use crate::testing::{clock, table};
use crate::tokens::{Kept, TokenStore, Tokens};

/// A place that has one file and knows ranges.
struct Files(Vec<u8>);

#[async_trait]
impl Transport for Files {
    async fn send(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, TransportError> {
        let range = request.headers()["range"].to_str().unwrap().strip_prefix("bytes=").unwrap().to_owned();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let answer = Response::builder().status(StatusCode::PARTIAL_CONTENT);
        let answer = answer.header("content-range", format!("bytes {range}/{}", self.0.len()));
        Ok(answer.body(Bytes::copy_from_slice(&self.0[first..=last])).unwrap())
    }
}

/// Nobody asks for a token here.
struct Nothing;

#[async_trait]
impl TokenStore for Nothing {
    async fn read(&self, _: &TenantId, _: &Shop) -> Result<(Kept, String), BoxError> {
        Err("no token".into())
    }

    async fn keep(&self, _: &TenantId, _: &Shop, _: &Kept) -> Result<(), BoxError> {
        Err("no token".into())
    }

    async fn replace(&self, _: &TenantId, _: &Shop, _: &Kept, _: &str) -> Result<bool, BoxError> {
        Err("no token".into())
    }
}

#[async_trait]
impl Secret for Nothing {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Err("no secret".into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        Secret::read(self).await
    }
}

fn client(file: &str) -> Client {
    let (table, clock) = (table(), clock());
    let transport = Arc::new(Files(file.as_bytes().to_vec()));
    let app = Credentials { client_id: "app".into(), secret: Arc::new(Nothing) };
    let tokens = Tokens::new(Arc::new(Nothing), app, transport.clone(), table.clone(), clock.clone());
    let limiter = Limiter::new(table.clone(), clock.clone(), Duration::ZERO);
    Client::new(transport, limiter, Circuits::new(table, clock.clone()), tokens, clock, String::new())
}

/// Products with so many variants each, and titles of such lengths.
fn file(products: &[(usize, usize)]) -> String {
    let mut lines = String::new();
    for (number, (variants, length)) in products.iter().enumerate() {
        let id = format!("gid://shopify/Product/{number}");
        let product = json!({ "id": id, "updatedAt": "2027-01-15T08:00:00Z", "title": "x".repeat(*length) });
        lines.push_str(&format!("{product}\n"));
        for variant in 0..*variants {
            let variant = json!({ "id": format!("gid://shopify/ProductVariant/{number}{variant}"), "__parentId": id });
            lines.push_str(&format!("{variant}\n"));
        }
    }
    lines
}

fn described(file: &str) -> File {
    let bytes = file.len().try_into().unwrap();
    let roots = file.lines().filter(|line| !line.contains("__parentId")).count().try_into().unwrap();
    let objects = file.lines().count().try_into().unwrap();
    File { url: Some("http://files.test/1".into()), bytes, objects, roots }
}

/// Ids and numbers of variants of everything that is read, part by part.
async fn read_all(source: &Products<'_>, parts: &[String]) -> Result<Vec<(String, usize)>, Report> {
    let mut read = Vec::new();
    for part in parts {
        let mut cursor: Option<String> = None;
        loop {
            let page = source.page(part, cursor.as_deref()).await?;
            for row in page.rows {
                let node: Value = serde_json::from_str(&row.payload).unwrap();
                read.push((row.external_id, node["variants"]["nodes"].as_array().unwrap().len()));
            }
            match page.next {
                next @ Some(_) => cursor = next,
                None => break,
            }
        }
    }
    Ok(read)
}

const SHAPES: Range<usize> = 0..6;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However the file is cut, every product is read once, whole, by the part that owns its beginning.
    #[test]
    fn every_product_is_read_once_and_whole_however_the_file_is_cut(
        products in prop::collection::vec((SHAPES, 0usize..300), 0..30),
        part in 1u64..3_000,
        piece in 1u64..600,
    ) {
        let file = file(&products);
        let (client, described) = (client(&file), described(&file));
        let source = Products { client: &client, file: &described, pieces: [piece, 20_000] };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(read_all(&source, &ranges(described.bytes, part))).unwrap();
        let name = |number| format!("gid://shopify/Product/{number}");
        let wanted: Vec<_> =
            products.iter().enumerate().map(|(number, (variants, _))| (name(number), *variants)).collect();
        prop_assert_eq!(read, wanted);
    }
}

#[test]
fn parts_are_the_whole_file_and_not_too_many() {
    assert_eq!(parts(0), [""; 0]);
    assert_eq!(parts(1), ["0-1"]);
    assert_eq!(parts(PART_BYTES + 1), ["0-16777216", "16777216-16777217"]);
    assert!(u64::try_from(parts(5 << 40).len()).unwrap() <= MAX_PARTS);
}

async fn refused(file: &str, described: &File, part: &str, cursor: Option<&str>) -> Report {
    let client = client(file);
    let source = Products { client: &client, file: described, pieces: [200, 400] };
    loop {
        match source.page(part, cursor).await {
            Err(report) => return report,
            Ok(page) => assert!(page.next.is_none(), "one page is enough here"),
        }
    }
}

fn code(report: &Report) -> &str {
    let Outcome::Rejected { code, .. } = &report.outcome else { panic!("{report:?}") };
    code
}

#[tokio::test]
async fn what_is_not_as_the_store_said_is_an_error_and_never_less() {
    let good = file(&[(1, 5)]);
    let whole = described(&good);
    let all = format!("0-{}", whole.bytes);
    let longer = File { bytes: whole.bytes + 1, ..whole.clone() };
    let short = File { bytes: whole.bytes - 1, ..whole.clone() };
    assert_eq!(code(&refused(&good, &short, &format!("0-{}", short.bytes), None).await), "OTHER_FILE");
    let padded = format!("{good}x");
    assert_eq!(code(&refused(&padded, &longer, &format!("0-{}", longer.bytes), None).await), "UNREADABLE_FILE");
    let strays =
        good.replace("\"__parentId\":\"gid://shopify/Product/0\"", "\"__parentId\":\"gid://shopify/Product/9\"");
    assert_eq!(code(&refused(&strays, &described(&strays), &all, None).await), "UNGROUPED_FILE");
    let long = file(&[(0, 1_000)]);
    let end = described(&long).bytes;
    assert_eq!(code(&refused(&long, &described(&long), &format!("0-{end}"), None).await), "TOO_LONG");
    for (part, cursor) in [("nonsense", None), (&*all, Some("99999")), (&*all, Some("x"))] {
        let report = refused(&good, &whole, part, cursor).await;
        assert_eq!(report.outcome.class(), Class::Rejected, "{part} {cursor:?}");
    }
}
