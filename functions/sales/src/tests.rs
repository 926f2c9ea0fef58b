//! What the API answers, over an embedded table.
