//! Pages of the table as pages of the API.

use web::{Listing, Page};

/// The page as it is shown.
pub(super) fn shown<F, T, V: From<T>>(list: &Listing<F>, page: table::Page<T>) -> Page<V> {
    let next = page.next.map(|next| next.to_bytes());
    list.page(page.items.into_iter().map(V::from).collect(), next.as_deref())
}
