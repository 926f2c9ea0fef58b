//! W3C trace context: which trace a piece of work belongs to, and whether that trace is kept.
//!
//! The decision is made once, at the root, from the trace id alone, and travels in the `sampled` flag; so all functions
//! a request touches agree without asking each other.

use std::fmt;

/// A position in a trace: the trace, the span, and whether anybody records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: u128,
    /// The span that new work is a child of; 0 at the root of a trace.
    pub(crate) span_id: u64,
    pub(crate) sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`. Later versions of the header are read as far as this one goes, as the standard asks.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let mut fields = header.trim().split('-');
        let (version, trace_id, span_id, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let version = hex(version, 2)?;
        if version == 0xff || (version == 0 && fields.next().is_some()) {
            return None;
        }
        let (trace_id, span_id) = (hex(trace_id, 32)?, u64::try_from(hex(span_id, 16)?).ok()?);
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, sampled: hex(flags, 2)? & 1 == 1 })
    }

    /// The root of a trace. Lambda's own trace id is taken over when there is one, so that both tell the same story.
    pub(crate) fn root(lambda_trace: Option<&str>, sampler: Sampler) -> Self {
        let trace_id = lambda_trace.and_then(lambda_trace_id).unwrap_or_else(|| fastrand::u128(1..));
        Self { trace_id, span_id: 0, sampled: sampler.keeps(trace_id) }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Lower-case hexadecimal of exactly this length, nothing else.
fn hex(text: &str, length: usize) -> Option<u128> {
    let plain = text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u128::from_str_radix(text, 16).ok() } else { None }
}

/// `Root=1-67891233-abcdef012345678912345678;…` holds the 128 bits in two pieces.
fn lambda_trace_id(header: &str) -> Option<u128> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root=1-"))?;
    let (time, unique) = root.split_once('-')?;
    let trace_id = (hex(time, 8)? << 96) | hex(unique, 24)?;
    (trace_id != 0).then_some(trace_id)
}

/// Keeps a share of all traces, the same ones everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampler {
    percent: u64,
}

impl Sampler {
    /// 0 to 100; more counts as 100.
    pub(crate) fn percent(percent: u64) -> Self {
        Self { percent: percent.min(100) }
    }

    fn keeps(self, trace_id: u128) -> bool {
        // The low half is random in ids of every origin; a hundredth of its range per percent.
        let low = trace_id & u128::from(u64::MAX);
        low * 100 < u128::from(self.percent) << 64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_reads_and_writes() {
        let context = TraceContext::parse(HEADER).unwrap();
        assert_eq!(context.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert!(context.sampled);
        assert_eq!(context.to_string(), HEADER);
        assert!(!TraceContext::parse(&HEADER.replace("-01", "-00")).unwrap().sampled);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        assert!(TraceContext::parse(&format!("{}-more", HEADER.replacen("00", "01", 1))).is_some());
    }

    #[test]
    fn nonsense_is_no_trace() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lambdas_own_trace_is_taken_over() {
        let header = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0";
        let context = TraceContext::root(Some(header), Sampler::percent(100));
        assert_eq!(format!("{:032x}", context.trace_id), "67891233abcdef012345678912345678");
        assert!(context.sampled);
        assert_ne!(TraceContext::root(Some("Root=nonsense"), Sampler::percent(0)).trace_id, 0);
    }

    #[test]
    fn ten_percent_is_ten_percent() {
        let mut random = fastrand::Rng::with_seed(7);
        let kept = (0..10_000).filter(|_| Sampler::percent(10).keeps(random.u128(..))).count();
        assert!((900..1_100).contains(&kept), "{kept}");
    }

    proptest! {
        #[test]
        fn none_and_all_mean_none_and_all(trace_id: u128) {
            prop_assert!(!Sampler::percent(0).keeps(trace_id));
            prop_assert!(Sampler::percent(100).keeps(trace_id));
        }

        #[test]
        fn any_context_survives_the_header(trace_id in 1u128.., span_id in 1u64.., sampled: bool) {
            let context = TraceContext { trace_id, span_id, sampled };
            prop_assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }
    }
}
