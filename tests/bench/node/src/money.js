// Minor units as the API shows them.

const EXPONENTS = new Map([["JPY", 0], ["KRW", 0], ["CLP", 0], ["BHD", 3], ["KWD", 3], ["TND", 3]]);

export function money(minor, currency) {
  const exponent = EXPONENTS.get(currency) ?? 2;
  const digits = String(minor).padStart(exponent + 1, "0");
  const amount = exponent ? `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}` : digits;
  return { amount, currency };
}
