use http::Response;
use kernel::ManualClock;
use serde_json::json;
use web::transport::TransportError;

use super::*;
use crate::jose::SigningKey;

const NOW: i64 = 1_750_000_000;

/// A pool that knows one code and signs with a key of its own.
struct Pool {
    key: SigningKey,
    claims: Mutex<Value>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Pool {
    async fn send(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, TransportError> {
        let path = request.uri().path().to_owned();
        self.asked.lock().unwrap().push(path.clone());
        let answer = |status: u16, body: Value| {
            Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
        };
        if path.ends_with("jwks.json") {
            return answer(200, json!({ "keys": [{ "kty": "oct" }, self.key.verifying().to_jwk()] }));
        }
        let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (value("code"), value("code_verifier"), value("client_id"), value("redirect_uri")) {
            (Some("down"), ..) => answer(500, json!({})),
            (Some("good"), Some("verifier"), Some("client"), Some("https://us/callback")) => {
                let claims = self.claims.lock().unwrap().to_string();
                answer(200, json!({ "id_token": self.key.sign("JWT", claims.as_bytes()).unwrap() }))
            }
            _ => answer(400, json!({ "error": "invalid_grant" })),
        }
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://pool", "aud": "client", "exp": NOW + 60, "nonce": "nonce", "token_use": "id",
        "email": "Ada@Example.com", "email_verified": true, "name": "Ada",
    })
}

fn world() -> (Arc<Pool>, Arc<ManualClock>, Cognito) {
    let key = SigningKey::from_pkcs8("k1", &SigningKey::generate().unwrap()).unwrap();
    let pool = Arc::new(Pool { key, claims: Mutex::new(claims()), asked: Mutex::default() });
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).unwrap()));
    let [domain, issuer, jwks, client, redirect_uri] =
        ["https://login", "https://pool", "https://pool/.well-known/jwks.json", "client", "https://us/callback"]
            .map(str::to_owned);
    let settings = CognitoPool { domain, issuer, jwks, client, redirect_uri };
    let cognito = Cognito::new(settings, pool.clone(), clock.clone());
    (pool, clock, cognito)
}

#[tokio::test]
async fn a_good_code_is_a_person_and_keys_are_read_once() {
    let (pool, _, cognito) = world();
    for _ in 0..3 {
        let person = cognito.identify("good", "verifier", "nonce").await.unwrap().unwrap();
        assert_eq!((person.email.as_str(), person.name.as_str()), ("ada@example.com", "Ada"));
    }
    let asked = pool.asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|path| path.ends_with("jwks.json")).count(), 1);
}

#[tokio::test]
async fn a_code_or_verifier_that_is_not_good_is_nobody_and_an_outage_is_an_error() {
    let (_, _, cognito) = world();
    assert_eq!(cognito.identify("bad", "verifier", "nonce").await.unwrap(), None);
    assert_eq!(cognito.identify("good", "another", "nonce").await.unwrap(), None);
    assert!(cognito.identify("down", "verifier", "nonce").await.is_err());
}

#[tokio::test]
async fn an_id_token_that_is_not_for_us_now_is_nobody() {
    let (pool, _, cognito) = world();
    let changes = [
        ("iss", json!("https://other")),
        ("aud", json!("other")),
        ("aud", json!(["client"])),
        ("exp", json!(NOW)),
        ("exp", json!("9999999999")),
        ("nonce", json!("other")),
        ("nonce", json!(null)),
        ("token_use", json!("access")),
        ("email", json!(null)),
        ("email", json!("nobody")),
        ("email_verified", json!(false)),
        ("email_verified", json!("false")),
        ("email_verified", json!(null)),
    ];
    for (name, value) in changes {
        let mut changed = claims();
        changed[name] = value;
        *pool.claims.lock().unwrap() = changed.clone();
        assert_eq!(cognito.identify("good", "verifier", "nonce").await.unwrap(), None, "{changed}");
    }
}

#[tokio::test]
async fn a_forged_signature_is_nobody_and_unknown_keys_are_looked_for_once_a_minute() {
    let (pool, clock, cognito) = world();
    let forger = SigningKey::from_pkcs8("k2", &SigningKey::generate().unwrap()).unwrap();
    let token = forger.sign("JWT", claims().to_string().as_bytes()).unwrap();
    let reads = || pool.asked.lock().unwrap().len();
    for _ in 0..3 {
        assert_eq!(cognito.verified(&token).await.unwrap(), None);
    }
    assert_eq!(reads(), 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(cognito.verified(&token).await.unwrap(), None);
    assert_eq!(reads(), 2);
}

#[test]
fn the_browser_is_sent_with_state_nonce_and_challenge() {
    let (_, _, cognito) = world();
    let url = cognito.login_url(Login { state: "s&t", nonce: "n", challenge: "c" });
    let expected = "https://login/oauth2/authorize?response_type=code&client_id=client&redirect_uri=https%3A%2F%2Fus%2Fcallback\
                    &scope=openid+email+profile&prompt=login&state=s%26t&nonce=n&code_challenge_method=S256&code_challenge=c";
    assert_eq!(url, expected);
}
