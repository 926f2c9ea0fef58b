//! Money as it comes in and goes out: exact decimals as text, with a currency. Costs may have more decimals than coins do.

use inventory::Company;
use kernel::{Currency, Quantity};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use web::{FieldError, Problem};

/// Decimals a cost of one unit may have.
pub(crate) const UNIT_DECIMALS: u32 = 9;

/// An amount that somebody states.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Amount {
    /// Plain decimal notation.
    #[schema(value_type = String, example = "12.3456")]
    amount: Quantity,
    #[schema(value_type = String, example = "GBP")]
    currency: Currency,
}

impl Amount {
    /// The amount, if the company values in its currency and to so many decimals.
    pub(crate) fn of(&self, company: Option<&Company>, decimals: u32, pointer: &str) -> Result<Decimal, Problem> {
        let company = company.ok_or_else(not_valued)?;
        if company.currency != self.currency {
            let detail = format!("The company values its stock in {}.", company.currency);
            let wrong = FieldError::at(format!("{pointer}/currency"), "wrong_currency", "is not the company's");
            return Err(Problem::unprocessable("wrong_currency").detail(detail).error(wrong));
        }
        let amount = self.amount.decimal();
        if amount.scale() > decimals {
            let detail = format!("may have {decimals} decimals at most");
            let pointer = format!("{pointer}/amount");
            return Err(Problem::invalid(vec![FieldError::at(pointer, "too_many_decimals", detail)]));
        }
        Ok(amount)
    }

    /// The cost of so many units of it.
    pub(crate) fn times(&self, units: i64, company: Option<&Company>, pointer: &str) -> Result<Decimal, Problem> {
        let unit = self.of(company, UNIT_DECIMALS, pointer)?;
        unit.checked_mul(units.into()).ok_or_else(|| Problem::unprocessable("amount_too_large"))
    }
}

/// 409: a cost for stock that no company values.
pub(crate) fn not_valued() -> Problem {
    Problem::conflict("not_valued").detail("The location belongs to no company, so its stock has no value.")
}

/// An amount as it is shown.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct AmountView {
    #[schema(example = "12.50")]
    amount: String,
    #[schema(value_type = String, example = "GBP")]
    currency: Currency,
}

impl AmountView {
    /// With all the decimals it has, and at least those of the currency.
    pub(crate) fn new(amount: Decimal, currency: Currency) -> Self {
        let mut shown = amount.normalize();
        shown.rescale(shown.scale().max(currency.exponent().into()));
        Self { amount: shown.to_string(), currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_exactly_and_with_the_decimals_of_their_currency() {
        let shown =
            |text: &str, currency: &str| AmountView::new(text.parse().unwrap(), currency.parse().unwrap()).amount;
        assert_eq!(shown("12.5", "GBP"), "12.50");
        assert_eq!(shown("-0.0010", "GBP"), "-0.001");
        assert_eq!(shown("1200.00", "JPY"), "1200");
        assert_eq!(shown("-0.00", "GBP"), "0.00");
    }
}
