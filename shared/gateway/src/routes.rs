//! The routes, as data. A route cannot be written down without its scope and its class.

/// For so many days it can be asked what a consumer used.
pub const USAGE_DAYS: i64 = 40;

/// What is counted together, and how much of it there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Read,
    Write,
}

/// What becomes of a request that cannot be counted, because the counters cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncounted {
    /// It is served: reading too much for a minute costs money and nothing else.
    Serve,
    /// It is answered 503.
    Refuse,
}

/// Requests a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub consumer: u32,
    /// Of all consumers of a tenant together.
    pub tenant: u32,
    pub uncounted: Uncounted,
}

impl Class {
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    #[must_use]
    pub const fn limits(self) -> Limits {
        match self {
            Self::Read => Limits { consumer: 600, tenant: 60_000, uncounted: Uncounted::Serve },
            Self::Write => Limits { consumer: 100, tenant: 6_000, uncounted: Uncounted::Refuse },
        }
    }

    /// What a consumer's counters are called: the record of its usage too.
    #[must_use]
    pub const fn of_consumer(self) -> &'static str {
        match self {
            Self::Read => "public read",
            Self::Write => "public write",
        }
    }

    /// What a tenant's counters are called.
    #[must_use]
    pub const fn of_tenant(self) -> &'static str {
        match self {
            Self::Read => "public read tenant",
            Self::Write => "public write tenant",
        }
    }
}

/// A public route and what is behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    /// Below `/public/{version}`.
    pub path: &'static str,
    /// Of the platform's own API, with the same parameters and the same method.
    pub internal: &'static str,
    /// What a credential must be good for: the permission of the route behind.
    pub scope: &'static str,
    pub class: Class,
    /// The answer is a page of a list.
    pub is_list: bool,
}

const fn get(path: &'static str, internal: &'static str, scope: &'static str) -> Route {
    Route { method: "GET", path, internal, scope, class: Class::Read, is_list: false }
}

const fn list(path: &'static str, internal: &'static str, scope: &'static str) -> Route {
    Route { is_list: true, ..get(path, internal, scope) }
}

const fn post(path: &'static str, internal: &'static str, scope: &'static str) -> Route {
    Route { method: "POST", class: Class::Write, ..get(path, internal, scope) }
}

/// Every route there is.
pub static ROUTES: [Route; 11] = [
    list("/books", "/store/v1/books", "books:read"),
    get("/books/{id}", "/store/v1/books/{id}", "books:read"),
    list("/inventory", "/store/v1/inventory", "warehouses:read"),
    list("/orders", "/store/v1/orders", "orders:read"),
    post("/orders", "/store/v1/orders", "orders:write"),
    get("/orders/{id}", "/store/v1/orders/{id}", "orders:read"),
    post("/orders/{id}/cancel", "/store/v1/orders/{id}/cancel", "orders:write"),
    list("/sales-orders", "/sales/v1/orders", "sales:read"),
    get("/sales-orders/{id}", "/sales/v1/orders/{id}", "sales:read"),
    post("/sales-orders/{id}/returns", "/sales/v1/orders/{id}/returns", "sales:write"),
    list("/returns", "/sales/v1/returns", "sales:read"),
];

impl Route {
    /// `GET /books/{id}`.
    #[must_use]
    pub fn operation(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path behind, for a path below `/public/{version}`; `None` when a parameter is nothing that could be an id.
    #[must_use]
    pub fn internal_path(&self, path: &str) -> Option<String> {
        filled(self.path, self.internal, path)
    }
}

/// The public path for one of the platform's own, if there is one: where the new resource is that an answer names.
#[must_use]
pub fn public_path(internal: &str) -> Option<String> {
    ROUTES.iter().filter(|route| route.method == "GET").find_map(|route| filled(route.internal, route.path, internal))
}

/// `to` with the parameters of `from` as they are in `path`; both have them in the same order.
fn filled(from: &str, to: &str, path: &str) -> Option<String> {
    let (mut wanted, mut found) = (from.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => break,
            (Some(name), Some(value)) if name.starts_with('{') => values.push(Some(value).filter(|v| is_id(v))?),
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return None,
        }
    }
    let mut values = values.into_iter();
    let parts = to.split('/').map(|part| if part.starts_with('{') { values.next() } else { Some(part) });
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}

/// Ids have letters, digits and `_`; nothing that a URL would have to encode.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the internal route needs is what the public one declares: nobody gets further in through the gateway.
    #[test]
    fn every_route_declares_the_permission_of_the_route_behind_it() {
        for route in &ROUTES {
            let behind = format!("{} {}", route.method, route.internal);
            let permission = access::CATALOGUE.iter().find(|permission| permission.routes.contains(&behind.as_str()));
            assert_eq!(permission.map(|permission| permission.name), Some(route.scope), "{behind}");
        }
    }

    #[test]
    fn parameters_of_both_paths_are_the_same_in_the_same_order() {
        let names = |path: &'static str| path.split('/').filter(|part| part.starts_with('{')).collect::<Vec<_>>();
        for route in &ROUTES {
            assert_eq!(names(route.path), names(route.internal), "{}", route.operation());
            assert_eq!(route.class == Class::Read, route.method == "GET", "{}", route.operation());
        }
    }

    #[test]
    fn a_path_is_led_to_the_one_behind_and_back() {
        let cancel = ROUTES.iter().find(|route| route.path == "/orders/{id}/cancel").unwrap();
        assert_eq!(cancel.internal_path("/orders/ord_1/cancel").as_deref(), Some("/store/v1/orders/ord_1/cancel"));
        for bad in ["/orders//cancel", "/orders/a%2Fb/cancel", "/orders/../cancel", "/orders/a/b", "/orders/a/cancel/b"]
        {
            assert_eq!(cancel.internal_path(bad), None, "{bad}");
        }
        assert_eq!(public_path("/store/v1/orders/ord_1").as_deref(), Some("/orders/ord_1"));
        assert_eq!(public_path("/sales/v1/orders/ord_1").as_deref(), Some("/sales-orders/ord_1"));
        assert_eq!(public_path("/v1/users/usr_1"), None);
    }
}
