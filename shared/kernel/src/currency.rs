//! ISO 4217 currencies: the alphabetic code and how many decimals its minor unit has.
//!
//! It does not know names, symbols, numeric codes or exchange rates. Codes that ISO lists without a minor unit (gold,
//! special drawing rights, test codes, "no currency") are not money here and are unknown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency of the active ISO 4217 list; ordered by code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static Row);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Row {
    code: &'static str,
    exponent: u8,
}

/// The text is not the code of an active ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the upper-case code of an active ISO 4217 currency")]
pub struct UnknownCurrency;

impl Currency {
    pub const EUR: Self = Self::known("EUR");
    pub const GBP: Self = Self::known("GBP");
    pub const USD: Self = Self::known("USD");

    /// `GBP`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.0.code
    }

    /// Decimals of the minor unit: 2 for GBP, 0 for JPY, 3 for BHD; never more than 4.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.0.exponent
    }

    /// For constants: an unknown code does not compile.
    const fn known(code: &str) -> Self {
        match Self::find(code) {
            Some(currency) => currency,
            None => panic!("not an active currency"),
        }
    }

    /// Binary search by hand, because the library's cannot run at compile time.
    const fn find(code: &str) -> Option<Self> {
        let Some(wanted) = key(code) else {
            return None;
        };
        let (mut low, mut high) = (0, ACTIVE.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match key(ACTIVE[middle].code) {
                Some(found) if found < wanted => low = middle + 1,
                Some(found) if found == wanted => return Some(Self(&ACTIVE[middle])),
                Some(_) | None => high = middle,
            }
        }
        None
    }
}

/// Three bytes as a number, in the order of the text.
const fn key(code: &str) -> Option<u32> {
    match *code.as_bytes() {
        [a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::find(code).ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

const fn row(code: &'static str, exponent: u8) -> Row {
    Row { code, exponent }
}

/// The active list as of 2026-01-01 (the euro in Bulgaria), currencies and funds, sorted by code.
#[rustfmt::skip] // one row a line would be 165 lines of nothing to read
static ACTIVE: [Row; 165] = [
    row("AED", 2), row("AFN", 2), row("ALL", 2), row("AMD", 2), row("AOA", 2), row("ARS", 2), row("AUD", 2), row("AWG", 2),
    row("AZN", 2), row("BAM", 2), row("BBD", 2), row("BDT", 2), row("BHD", 3), row("BIF", 0), row("BMD", 2), row("BND", 2),
    row("BOB", 2), row("BOV", 2), row("BRL", 2), row("BSD", 2), row("BTN", 2), row("BWP", 2), row("BYN", 2), row("BZD", 2),
    row("CAD", 2), row("CDF", 2), row("CHE", 2), row("CHF", 2), row("CHW", 2), row("CLF", 4), row("CLP", 0), row("CNY", 2),
    row("COP", 2), row("COU", 2), row("CRC", 2), row("CUP", 2), row("CVE", 2), row("CZK", 2), row("DJF", 0), row("DKK", 2),
    row("DOP", 2), row("DZD", 2), row("EGP", 2), row("ERN", 2), row("ETB", 2), row("EUR", 2), row("FJD", 2), row("FKP", 2),
    row("GBP", 2), row("GEL", 2), row("GHS", 2), row("GIP", 2), row("GMD", 2), row("GNF", 0), row("GTQ", 2), row("GYD", 2),
    row("HKD", 2), row("HNL", 2), row("HTG", 2), row("HUF", 2), row("IDR", 2), row("ILS", 2), row("INR", 2), row("IQD", 3),
    row("IRR", 2), row("ISK", 0), row("JMD", 2), row("JOD", 3), row("JPY", 0), row("KES", 2), row("KGS", 2), row("KHR", 2),
    row("KMF", 0), row("KPW", 2), row("KRW", 0), row("KWD", 3), row("KYD", 2), row("KZT", 2), row("LAK", 2), row("LBP", 2),
    row("LKR", 2), row("LRD", 2), row("LSL", 2), row("LYD", 3), row("MAD", 2), row("MDL", 2), row("MGA", 2), row("MKD", 2),
    row("MMK", 2), row("MNT", 2), row("MOP", 2), row("MRU", 2), row("MUR", 2), row("MVR", 2), row("MWK", 2), row("MXN", 2),
    row("MXV", 2), row("MYR", 2), row("MZN", 2), row("NAD", 2), row("NGN", 2), row("NIO", 2), row("NOK", 2), row("NPR", 2),
    row("NZD", 2), row("OMR", 3), row("PAB", 2), row("PEN", 2), row("PGK", 2), row("PHP", 2), row("PKR", 2), row("PLN", 2),
    row("PYG", 0), row("QAR", 2), row("RON", 2), row("RSD", 2), row("RUB", 2), row("RWF", 0), row("SAR", 2), row("SBD", 2),
    row("SCR", 2), row("SDG", 2), row("SEK", 2), row("SGD", 2), row("SHP", 2), row("SLE", 2), row("SOS", 2), row("SRD", 2),
    row("SSP", 2), row("STN", 2), row("SVC", 2), row("SYP", 2), row("SZL", 2), row("THB", 2), row("TJS", 2), row("TMT", 2),
    row("TND", 3), row("TOP", 2), row("TRY", 2), row("TTD", 2), row("TWD", 2), row("TZS", 2), row("UAH", 2), row("UGX", 0),
    row("USD", 2), row("USN", 2), row("UYI", 0), row("UYU", 2), row("UYW", 4), row("UZS", 2), row("VED", 2), row("VES", 2),
    row("VND", 0), row("VUV", 0), row("WST", 2), row("XAD", 2), row("XAF", 0), row("XCD", 2), row("XCG", 2), row("XOF", 0),
    row("XPF", 0), row("YER", 2), row("ZAR", 2), row("ZMW", 2), row("ZWG", 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_without_duplicates() {
        assert!(ACTIVE.is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn every_code_is_found_and_survives_serde() {
        for row in &ACTIVE {
            let currency: Currency = row.code.parse().unwrap();
            assert_eq!(currency.code(), row.code);
            assert_eq!(currency.exponent(), row.exponent);
            assert!(currency.exponent() <= 4);
            let json = serde_json::to_string(&currency).unwrap();
            assert_eq!(json, format!("\"{currency}\""));
            assert_eq!(serde_json::from_str::<Currency>(&json).unwrap(), currency);
        }
    }

    #[test]
    fn exponents_are_those_of_the_standard() {
        let cases = [
            ("GBP", 2),
            ("JPY", 0),
            ("KRW", 0),
            ("BHD", 3),
            ("TND", 3),
            ("CLF", 4),
            ("UYW", 4),
            ("MGA", 2),
            ("ISK", 0),
            ("ZWG", 2),
        ];
        for (code, exponent) in cases {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), exponent, "{code}");
        }
    }

    #[test]
    fn other_codes_are_refused() {
        // Lower case, withdrawn (HRK, BGN, ANG, ZWL), without a minor unit (XAU, XXX), not codes.
        for code in ["gbp", "HRK", "BGN", "ANG", "ZWL", "XAU", "XXX", "", "GB", "GBPX", " GBP", "£££", "AAA", "ZZZ"]
        {
            assert_eq!(code.parse::<Currency>(), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn order_is_that_of_the_codes() {
        assert!(Currency::EUR < Currency::GBP && Currency::GBP < Currency::USD);
    }
}
