use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::body::SdkBody;
use proptest::prelude::*;

use super::*;

fn request(uri: &str, target: &str, body: &[u8]) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_uri(uri.to_owned()).unwrap();
    request.set_method("POST").unwrap();
    request.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    request.headers_mut().insert("x-amz-target", target.to_owned());
    request
}

/// What the SDK's signer would have put into `authorization`.
fn expected(request: &HttpRequest, credentials: &Credentials, region: &str, now: SystemTime) -> String {
    let identity = Identity::from(credentials.clone());
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("dynamodb")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let body = SignableBody::Bytes(request.body().bytes().unwrap());
    let signable = SignableRequest::new(request.method(), request.uri(), request.headers().iter(), body).unwrap();
    let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
    let (headers, _) = instructions.into_parts();
    headers.iter().find(|header| header.name() == "authorization").unwrap().value().to_owned()
}

proptest! {
    #[test]
    fn it_signs_as_the_sdk_does(
        host in prop::sample::select(vec![
            "https://dynamodb.eu-west-1.amazonaws.com/", "http://127.0.0.1:8000/", "https://x.example:443/", "http://y.example/",
        ]),
        target in "[A-Za-z_0-9]{1,20}( {1,3}[a-z]{1,5})?",
        body in prop::collection::vec(any::<u8>(), 0..300),
        token in prop::option::of("[A-Za-z0-9+/=]{1,200}"),
        seconds in 0_u64..4_000_000_000,
    ) {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut request = request(host, &target, &body);
        let expected = expected(&request, &credentials, "eu-west-1", now);
        let signer = Signer::default();
        // Twice: the second time with the key that was kept.
        for _ in 0..2 {
            prop_assert!(signer.sign(&mut request, &credentials, ["eu-west-1", "dynamodb"], now).unwrap());
            prop_assert_eq!(request.headers().get("authorization").unwrap(), &expected);
        }
    }
}

#[test]
fn a_kept_key_is_of_one_day_and_one_identity() {
    let signer = Signer::default();
    let of = |id: &str| Credentials::new(id, "secret", None, None, "test");
    for (id, region, seconds) in
        [("a", "eu-west-1", 0), ("b", "eu-west-1", 0), ("b", "us-east-1", 0), ("b", "us-east-1", 86_400)]
    {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut request = request("https://x.example/", "t", b"{}");
        let expected = expected(&request, &of(id), region, now);
        assert!(signer.sign(&mut request, &of(id), [region, "dynamodb"], now).unwrap());
        assert_eq!(request.headers().get("authorization").unwrap(), expected);
    }
}

#[test]
fn what_is_not_of_the_usual_form_is_left_to_the_sdk() {
    let signer = Signer::default();
    let credentials = Credentials::new("a", "b", None, None, "test");
    for uri in ["https://x.example/bucket/key", "https://x.example/?list-type=2"] {
        let mut request = request(uri, "t", b"{}");
        assert!(!signer.sign(&mut request, &credentials, ["r", "s3"], SystemTime::UNIX_EPOCH).unwrap());
        assert!(request.headers().get("authorization").is_none());
    }
}
