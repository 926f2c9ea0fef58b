use super::*;
use kernel::Currency;
use std::sync::Mutex;

type Answer = Result<Response<Bytes>, TransportError>;

/// Gives one answer and keeps the request.
struct Once(Mutex<(Option<Answer>, Option<Request<Bytes>>)>);

#[async_trait]
impl Transport for Once {
    async fn send(&self, request: Request<Bytes>, _timeout: Duration) -> Answer {
        let mut guard = self.0.lock().unwrap();
        guard.1 = Some(request);
        guard.0.take().unwrap()
    }
}

struct Key;

#[async_trait]
impl Secret for Key {
    async fn read(&self) -> Result<secrecy::SecretString, web::BoxError> {
        Ok("sk_test".to_owned().into())
    }
    async fn refresh(&self) -> Result<secrecy::SecretString, web::BoxError> {
        self.read().await
    }
}

fn answering(status: u16, body: &str) -> (Stripe, Arc<Once>) {
    let response = Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
    let once = Arc::new(Once(Mutex::new((Some(Ok(response)), None))));
    (Stripe::new(once.clone(), "http://psp".into(), Arc::new(Key)), once)
}

fn order() -> crate::OrderId {
    crate::OrderId::derive(&["o"])
}

fn intent() -> For {
    For { order: order(), number: 0 }
}

fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

async fn authorized_by(status: u16, body: &str) -> Result<Authorization, ProviderUnavailable> {
    answering(status, body).0.authorize(intent(), gbp(3300), &Payment::pending("card", "tok_visa")).await
}

#[tokio::test]
async fn an_authorisation_holds_the_amount_without_taking_it_and_carries_a_key_of_the_order() {
    let (stripe, once) = answering(200, r#"{"id":"pi_1","status":"requires_capture"}"#);
    let answer = stripe.authorize(intent(), gbp(3300), &Payment::pending("card", "tok_visa")).await.unwrap();
    assert_eq!(answer, Authorization::Approved("pi_1".into()));
    let request = once.0.lock().unwrap().1.take().unwrap();
    assert_eq!(request.headers()["idempotency-key"], format!("{}-authorize", order()));
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    assert!(body.starts_with("amount=3300&currency=gbp&payment%5Fmethod=tok%5Fvisa"), "{body}");
    assert!(body.contains("&capture%5Fmethod=manual&"));
}

#[tokio::test]
async fn a_decline_is_an_answer_and_silence_is_not() {
    let declined = r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds"}}"#;
    assert_eq!(authorized_by(402, declined).await.unwrap(), Authorization::Declined("insufficient_funds".into()));
    for (status, body) in
        [(500, "{}"), (409, "{}"), (429, "{}"), (200, "{"), (200, r#"{"id":"pi","status":"processing"}"#)]
    {
        assert!(authorized_by(status, body).await.is_err(), "{status} {body}");
    }
}

#[tokio::test]
async fn capturing_or_voiding_twice_is_fine_but_a_wrong_state_is_not() {
    let done =
        r#"{"error":{"code":"payment_intent_unexpected_state","payment_intent":{"id":"pi_1","status":"succeeded"}}}"#;
    assert!(answering(400, done).0.capture(intent(), "pi_1", gbp(1)).await.is_ok());
    assert!(answering(400, done).0.void(intent(), "pi_1").await.is_err());
    assert!(answering(200, r#"{"id":"pi_1","status":"canceled"}"#).0.void(intent(), "pi_1").await.is_ok());
}

#[test]
fn text_from_outside_cannot_change_the_path_or_the_form() {
    assert_eq!(segment("pi_1/../x"), "pi_1%2F%2E%2E%2Fx");
    assert_eq!(encode(&[("token", "a&amount=1")]), "token=a%26amount%3D1");
}

#[tokio::test]
async fn a_refund_is_given_once_under_a_key_of_its_own_and_a_refusal_is_an_answer() {
    let (stripe, once) = answering(200, r#"{"id":"re_1","status":"succeeded"}"#);
    let second = For { order: order(), number: 1 };
    assert_eq!(stripe.refund(second, "pi_1", gbp(5)).await.unwrap(), Authorization::Approved("re_1".into()));
    let request = once.0.lock().unwrap().1.take().unwrap();
    assert_eq!(request.headers()["idempotency-key"], format!("{}-refund-1", order()));
    let (stripe, _) = answering(400, r#"{"error":{"code":"charge_already_refunded"}}"#);
    assert_eq!(
        stripe.refund(second, "pi_1", gbp(5)).await.unwrap(),
        Authorization::Declined("charge_already_refunded".into())
    );
    assert!(answering(500, "{}").0.refund(second, "pi_1", gbp(5)).await.is_err());
}
