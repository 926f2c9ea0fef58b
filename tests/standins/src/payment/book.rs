//! What the provider knows, and what a call does to it: intents, and the answer given under every idempotency key.
//!
//! As at Stripe a key stands for a path and a form. Under the same key the first answer is given again, declines
//! included; another request under it is refused; a form that cannot be used leaves it free.

use super::answer::Answer;
use super::{Intent, IntentStatus};
use http::Method;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// How long `tok_late` is late.
const LATE: Duration = Duration::from_secs(6);
/// How often `tok_error` fails.
const FAILURES: u32 = 2;

/// An authorised `POST`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) form: BTreeMap<String, String>,
}

/// How an answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delivery {
    Now,
    /// Now, and it was given before.
    Again,
    At(Instant),
    Never,
}

/// One account.
#[derive(Default)]
pub(super) struct Book {
    intents: Vec<Intent>,
    refunds: u32,
    /// By idempotency key: what was asked, what is answered, and from when on.
    answered: HashMap<String, (Call, Answer, Instant)>,
    /// By form: how often `tok_error` has failed.
    failures: HashMap<BTreeMap<String, String>, u32>,
}

impl Book {
    pub(super) fn intents(&self) -> Vec<Intent> {
        self.intents.clone()
    }

    /// Does what a call asks for, or answers as it did before.
    pub(super) fn take(&mut self, call: Call, now: Instant) -> (Answer, Delivery) {
        if let Some(key) = &call.key
            && let Some((first, answer, ready)) = self.answered.get(key)
        {
            return match (*first == call, *ready <= now) {
                (false, _) => (Answer::key_reused(key), Delivery::Now),
                (true, false) => (Answer::key_in_use(), Delivery::Now),
                (true, true) => (answer.clone(), Delivery::Again),
            };
        }
        let token = call.form.get("payment_method").map(String::as_str).unwrap_or_default();
        if token == "tok_error" && self.fails(&call.form) {
            return (Answer::broken(), Delivery::Now);
        }
        let (delivery, ready) = match token {
            "tok_timeout" => (Delivery::Never, now),
            "tok_late" => (Delivery::At(now + LATE), now + LATE),
            _ => (Delivery::Now, now),
        };
        match self.execute(&call) {
            Ok(answer) => {
                if let Some(key) = call.key.clone() {
                    self.answered.insert(key, (call, answer.clone(), ready));
                }
                (answer, delivery)
            }
            Err(refusal) => (refusal, Delivery::Now),
        }
    }

    fn fails(&mut self, form: &BTreeMap<String, String>) -> bool {
        let failures = self.failures.entry(form.clone()).or_default();
        *failures += 1;
        *failures <= FAILURES
    }

    /// `Err` is a call that was not begun.
    fn execute(&mut self, call: &Call) -> Result<Answer, Answer> {
        let form = Form(&call.form);
        let steps: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
        match steps.as_slice() {
            ["v1", "payment_intents"] => self.authorize(&form),
            ["v1", "payment_intents", id, "capture"] => self.capture(id, &form),
            ["v1", "payment_intents", id, "cancel"] => self.cancel(id, &form),
            ["v1", "refunds"] => self.refund(&form),
            _ => Err(Answer::unrecognized(&Method::POST, &call.path)),
        }
    }

    /// Creates an intent and confirms it at once, which is the only way offered here.
    fn authorize(&mut self, form: &Form<'_>) -> Result<Answer, Answer> {
        const KNOWN: [&str; 6] =
            ["amount", "currency", "payment_method", "payment_method_types[]", "confirm", "capture_method"];
        form.only(|name| KNOWN.contains(&name) || metadata_name(name).is_some())?;
        let amount = form.amount("amount")?.ok_or_else(|| missing("amount"))?;
        let currency = form.text("currency")?;
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_lowercase()) {
            return Err(Answer::invalid("parameter_invalid", Some("currency"), "Invalid currency."));
        }
        for (name, value) in [("confirm", "true"), ("capture_method", "manual")] {
            if form.text(name)? != value {
                let message = format!("This stand-in knows {name}={value} only.");
                return Err(Answer::invalid("parameter_invalid", Some(name), &message));
            }
        }
        let token = form.text("payment_method")?;
        let decline_code = match token {
            "tok_visa" | "tok_timeout" | "tok_late" | "tok_error" => None,
            "tok_chargeDeclined" => Some("generic_decline"),
            "tok_chargeDeclinedInsufficientFunds" => Some("insufficient_funds"),
            other => {
                let message = format!("No such PaymentMethod: '{other}'");
                return Err(Answer::invalid("resource_missing", Some("payment_method"), &message));
            }
        };
        let metadata = form.0.iter().filter_map(|(name, value)| Some((metadata_name(name)?.to_owned(), value.clone())));
        let intent = Intent {
            id: format!("pi_{:016}", self.intents.len() + 1),
            status: match decline_code {
                None => IntentStatus::RequiresCapture,
                Some(_) => IntentStatus::RequiresPaymentMethod,
            },
            amount,
            amount_received: 0,
            amount_refunded: 0,
            currency: currency.to_owned(),
            payment_method: token.to_owned(),
            metadata: metadata.collect(),
        };
        let answer = decline_code.map_or_else(|| Answer::intent(&intent), |code| Answer::declined(&intent, code));
        self.intents.push(intent);
        Ok(answer)
    }

    /// Takes at most what is held; the rest is released.
    fn capture(&mut self, id: &str, form: &Form<'_>) -> Result<Answer, Answer> {
        form.only(|name| name == "amount_to_capture")?;
        let amount = form.amount("amount_to_capture")?;
        let intent = self.intent(id)?;
        if intent.status != IntentStatus::RequiresCapture {
            return Ok(Answer::unexpected_state(intent, "This PaymentIntent could not be captured."));
        }
        let amount = amount.unwrap_or(intent.amount);
        if amount > intent.amount {
            let message = "You cannot capture more than the authorised amount.";
            return Err(Answer::invalid("amount_too_large", Some("amount_to_capture"), message));
        }
        intent.status = IntentStatus::Succeeded;
        intent.amount_received = amount;
        Ok(Answer::intent(intent))
    }

    fn cancel(&mut self, id: &str, form: &Form<'_>) -> Result<Answer, Answer> {
        form.only(|_| false)?;
        let intent = self.intent(id)?;
        match intent.status {
            IntentStatus::RequiresCapture | IntentStatus::RequiresPaymentMethod => {
                intent.status = IntentStatus::Canceled;
                Ok(Answer::intent(intent))
            }
            IntentStatus::Succeeded | IntentStatus::Canceled => {
                Ok(Answer::unexpected_state(intent, "You cannot cancel this PaymentIntent."))
            }
        }
    }

    fn refund(&mut self, form: &Form<'_>) -> Result<Answer, Answer> {
        form.only(|name| ["payment_intent", "amount"].contains(&name))?;
        let amount = form.amount("amount")?;
        let id = form.text("payment_intent")?.to_owned();
        let number = self.refunds + 1;
        let intent = self.intent(&id)?;
        if intent.status != IntentStatus::Succeeded {
            return Ok(Answer::unexpected_state(intent, "This PaymentIntent has no successful charge to refund."));
        }
        let left = intent.amount_received.saturating_sub(intent.amount_refunded);
        let amount = amount.unwrap_or(left);
        if left == 0 {
            return Ok(Answer::invalid("charge_already_refunded", None, "The charge has already been refunded."));
        }
        if amount > left {
            let message = "The refund is greater than what is left of the charge.";
            return Err(Answer::invalid("amount_too_large", Some("amount"), message));
        }
        intent.amount_refunded += amount;
        let answer = Answer::ok(&json!({
            "id": format!("re_{number:016}"),
            "object": "refund",
            "status": "succeeded",
            "amount": amount,
            "currency": intent.currency,
            "payment_intent": id,
        }));
        self.refunds = number;
        Ok(answer)
    }

    fn intent(&mut self, id: &str) -> Result<&mut Intent, Answer> {
        let found = self.intents.iter_mut().find(|intent| intent.id == id);
        found.ok_or_else(|| Answer::missing("payment_intent", id))
    }
}

/// `order_id` of `metadata[order_id]`.
fn metadata_name(parameter: &str) -> Option<&str> {
    parameter.strip_prefix("metadata[")?.strip_suffix(']')
}

fn missing(name: &str) -> Answer {
    Answer::invalid("parameter_missing", Some(name), &format!("Missing required param: {name}."))
}

/// A form's parameters, by name.
struct Form<'a>(&'a BTreeMap<String, String>);

impl Form<'_> {
    fn only(&self, known: impl Fn(&str) -> bool) -> Result<(), Answer> {
        match self.0.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("Received unknown parameter: {name}");
                Err(Answer::invalid("parameter_unknown", Some(name), &message))
            }
        }
    }

    fn text(&self, name: &str) -> Result<&str, Answer> {
        self.0.get(name).map(String::as_str).ok_or_else(|| missing(name))
    }

    /// Minor units, at least 1.
    fn amount(&self, name: &str) -> Result<Option<u64>, Answer> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(amount) if amount > 0 => Ok(Some(amount)),
            _ => Err(Answer::invalid("parameter_invalid_integer", Some(name), "Invalid positive integer.")),
        }
    }
}
