use std::sync::Mutex;

use aws_credential_types::Credentials;
use kernel::ManualClock;
use web::transport::TransportError;

use super::*;

/// Gives the answers of a script, and keeps what was sent.
#[derive(Default)]
struct Wire {
    answers: Mutex<Vec<(u16, &'static str)>>,
    sent: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, TransportError> {
        self.sent.lock().unwrap().push(request);
        let (status, body) = self.answers.lock().unwrap().remove(0);
        let answer = Response::builder().status(status).header("content-length", "5").header(CHECKSUM, "abc=");
        Ok(answer.body(Bytes::from_static(body.as_bytes())).unwrap())
    }
}

fn bucket(wire: &Arc<Wire>) -> S3Bucket {
    let credentials =
        Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "example");
    let clock = Arc::new(ManualClock::new("2013-05-24T00:00:00Z".parse().unwrap()));
    S3Bucket::new("files", None, ("us-east-1", credentials.into()), wire.clone(), clock)
}

/// The example of "Authenticating Requests: Using Query Parameters".
#[test]
fn a_url_is_signed_as_in_the_documentation() {
    let mut request = Request::get("https://examplebucket.s3.amazonaws.com/test.txt").body(Bytes::new()).unwrap();
    bucket(&Arc::default()).sign(&mut request, Some(Duration::from_secs(86_400))).unwrap();
    let uri = request.uri().to_string();
    assert!(uri.contains("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"), "{uri}");
}

#[test]
fn an_upload_is_bound_to_length_digest_and_type() {
    let content = Measure { bytes: 5, sha256: "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".to_owned() };
    let put = bucket(&Arc::default()).upload("uploads/x", "text/plain", &content, Duration::from_secs(900)).unwrap();
    assert!(put.url.starts_with("https://files.s3.us-east-1.amazonaws.com/uploads/x?"), "{}", put.url);
    assert!(put.url.contains("X-Amz-Expires=900"), "{}", put.url);
    let signed = "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bx-amz-checksum-sha256";
    assert!(put.url.contains(signed), "{}", put.url);
    assert_eq!(put.headers, [("content-type", "text/plain".to_owned()), (CHECKSUM, content.sha256)]);
}

#[test]
fn a_download_is_saved_under_its_name_whatever_it_holds() {
    let url = bucket(&Arc::default()).download("files/x", "a \"b\"; é.pdf", Duration::from_secs(60)).unwrap();
    let query = url.split_once("response-content-disposition=").unwrap().1;
    let value = percent_encoding::percent_decode_str(query.split('&').next().unwrap()).decode_utf8().unwrap();
    assert_eq!(value, "attachment; filename*=UTF-8''a%20%22b%22%3B%20%C3%A9.pdf");
}

#[tokio::test]
async fn what_is_missing_is_told_apart_from_what_failed() {
    let wire = Arc::new(Wire::default());
    *wire.answers.lock().unwrap() = vec![
        (200, "<CopyObjectResult></CopyObjectResult>"),
        (404, ""),
        (200, "<Error><Code>InternalError</Code></Error>"),
        (200, ""),
        (404, ""),
        (403, ""),
        (204, ""),
        (403, ""),
        (200, ""),
        (403, ""),
        (200, "body"),
        (404, ""),
        (403, ""),
    ];
    let bucket = bucket(&wire);
    assert!(bucket.copy("uploads/x", "files/x").await.unwrap());
    assert!(!bucket.copy("uploads/x", "files/x").await.unwrap());
    bucket.copy("uploads/x", "files/x").await.unwrap_err();
    assert_eq!(bucket.measure("files/x").await.unwrap(), Some(Measure { bytes: 5, sha256: "abc=".to_owned() }));
    assert_eq!(bucket.measure("files/x").await.unwrap(), None);
    bucket.measure("files/x").await.unwrap_err();
    bucket.delete("files/x").await.unwrap();
    bucket.delete("files/x").await.unwrap_err();
    bucket.store("files/x", b"body".to_vec()).await.unwrap();
    bucket.store("files/x", b"body".to_vec()).await.unwrap_err();
    assert_eq!(bucket.fetch("files/x").await.unwrap(), Some(b"body".to_vec()));
    assert_eq!(bucket.fetch("files/x").await.unwrap(), None);
    bucket.fetch("files/x").await.unwrap_err();
    let sent = wire.sent.lock().unwrap();
    assert_eq!(sent[0].headers()["x-amz-copy-source"], "/files/uploads/x");
    assert_eq!(sent[3].headers()["x-amz-checksum-mode"], "ENABLED");
    // `printf body | sha256sum`
    let digest = "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5";
    assert_eq!(
        (&sent[8].body()[..], sent[8].headers()["x-amz-content-sha256"].as_bytes()),
        (&b"body"[..], digest.as_bytes())
    );
    assert!(sent.iter().all(|request| request.headers().contains_key("authorization")));
}
