//! What ARCHITECTURE.md and docs/access-patterns.md say of the code, held against cargo's metadata and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

type Names = BTreeSet<String>;

static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    MetadataCommand::new().current_dir(project()).other_options(["--locked".to_owned()]).exec().unwrap()
});

const PLATFORM: [&str; 5] = ["kernel", "table", "messaging", "web", "runtime"];

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the tables under a heading, cell by cell, without their heads.
pub(crate) fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let text = read(document);
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("{document} has no section {heading}"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let lines: Vec<&str> = section.lines().collect();
    let is_head = |n: usize| lines.get(n + 1).is_some_and(|next| next.starts_with("|--"));
    let body = |(n, line): &(usize, &&str)| line.starts_with('|') && !line.starts_with("|--") && !is_head(*n);
    lines.iter().enumerate().filter(body).map(|(_, line)| cells(line)).collect()
}

/// What stands between backticks.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn names<const N: usize>(list: [&str; N]) -> Names {
    list.into_iter().map(str::to_owned).collect()
}

/// Folder of a package below the project: `shared/sales`.
fn folder(package: &Package) -> String {
    let folder = package.manifest_path.parent().unwrap().as_std_path().canonicalize().unwrap();
    folder.strip_prefix(project()).unwrap().to_str().unwrap().to_owned()
}

fn packages_in(top: &str) -> Vec<&'static Package> {
    METADATA.workspace_packages().into_iter().filter(|package| folder(package).starts_with(top)).collect()
}

/// Packages of the workspace that a package uses when it is deployed.
fn uses(package: &Package) -> Names {
    let deployed = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    deployed.filter(|dependency| dependency.path.is_some()).map(|dependency| dependency.name.clone()).collect()
}

/// Every package a package is linked with, by name.
fn linked(package: &Package) -> Names {
    let nodes = &METADATA.resolve.as_ref().unwrap().nodes;
    let nodes: BTreeMap<_, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let (mut seen, mut next) = (BTreeSet::new(), vec![&package.id]);
    while let Some(id) = next.pop() {
        for dependency in &nodes[id].deps {
            let is_linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if is_linked && seen.insert(&dependency.pkg) {
                next.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| METADATA[id].name.to_string()).collect()
}

#[test]
fn packages_use_each_other_as_architecture_md_says() {
    let said: BTreeMap<String, Names> = rows("ARCHITECTURE.md", "Dependency arrows")
        .into_iter()
        .map(|row| (quoted(&row[0]).next().unwrap(), quoted(&row[1]).collect()))
        .collect();
    let all = packages_in("shared").into_iter().chain(packages_in("functions"));
    let found: BTreeMap<String, Names> = all.map(|package| (package.name.to_string(), uses(package))).collect();
    assert_eq!(found, said);
}

#[test]
fn the_layers_hold_whatever_architecture_md_says() {
    let contexts: Names = packages_in("shared").iter().map(|package| package.name.to_string()).collect();
    let contexts: Names = contexts.difference(&names(PLATFORM)).filter(|name| *name != "testkit").cloned().collect();
    for package in packages_in("shared") {
        let allowed = match package.name.as_str() {
            "kernel" => Names::new(),
            "table" | "messaging" | "web" => names(["kernel"]),
            "testkit" => names(["kernel", "web"]),
            "runtime" => names(["kernel", "table", "messaging", "web"]),
            _ => contexts.union(&names(["kernel", "table", "messaging", "web"])).cloned().collect(),
        };
        assert!(uses(package).is_subset(&allowed), "{} uses {:?}", package.name, uses(package));
    }
    for package in packages_in("functions") {
        let allowed: Names = contexts.union(&names(PLATFORM)).cloned().collect();
        assert!(uses(package).is_subset(&allowed), "{} uses {:?}", package.name, uses(package));
    }
}

#[test]
fn the_kernel_is_pure() {
    let kernel = METADATA.workspace_packages().into_iter().find(|package| package.name.as_str() == "kernel").unwrap();
    let impure = ["tokio", "http", "hyper", "axum", "futures", "async-trait", "rusqlite"];
    let is_impure =
        |name: &&String| impure.contains(&name.as_str()) || name.starts_with("aws") || name.starts_with("lambda");
    let found: Vec<String> = linked(kernel).iter().filter(is_impure).cloned().collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn contexts_know_no_aws_service_and_open_no_socket() {
    for package in packages_in("shared") {
        if PLATFORM.contains(&package.name.as_str()) || package.name.as_str() == "testkit" {
            continue;
        }
        let deployed = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        for name in deployed.map(|dependency| dependency.name.as_str()) {
            let forbidden = name.starts_with("aws") || name.starts_with("lambda") || name.starts_with("hyper");
            assert!(!forbidden && !["reqwest", "ureq", "rustls"].contains(&name), "{} uses {name}", package.name);
        }
    }
}

#[test]
fn nothing_that_is_deployed_is_linked_with_tools_of_tests() {
    for package in packages_in("functions") {
        let found = linked(package);
        for double in [
            "testkit",
            "standins",
            "shopify-standin",
            "apollo-compiler",
            "dynoxide-rs",
            "rusqlite",
            "proptest",
            "webpki-roots",
        ] {
            assert!(!found.contains(double), "{} is linked with {double}", package.name);
        }
    }
}

/// Licences a dependency may have. MIT-0 is MIT without the duty to name the author; the last one is that of the web's list of root certificates, which tools use.
const LICENCES: [&str; 10] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MPL-2.0",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
];

/// Dependencies that state their licence in a file only, and which it is.
const LICENCE_FILES: [(&str, &str); 1] = [("jsonpath-rust", "MIT")];

/// Whether the allowed licences satisfy an SPDX expression. `AND` binds closer than `OR`; `/` is the old `OR`.
fn is_allowed(expression: &str) -> bool {
    if let Some((before, rest)) = expression.split_once('(') {
        let (inner, after) = rest.split_once(')').unwrap();
        let inner = if is_allowed(inner) { LICENCES[0] } else { "none" };
        return is_allowed(&format!("{before}{inner}{after}"));
    }
    let all = |expression: &str| expression.split(" AND ").all(|one| LICENCES.contains(&one.trim()));
    expression.replace('/', " OR ").split(" OR ").any(all)
}

#[test]
fn licence_expressions_are_understood() {
    assert!(
        is_allowed("MIT/GPL-3.0") && is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0") && is_allowed("GPL-3.0 OR ISC")
    );
    assert!(!is_allowed("GPL-3.0") && !is_allowed("MIT AND GPL-3.0") && !is_allowed("(GPL-3.0 OR LGPL-3.0) AND MIT"));
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_crates_io() {
    for package in METADATA.packages.iter().filter(|package| package.source.is_some()) {
        let in_file =
            LICENCE_FILES.iter().find(|(name, _)| *name == package.name.as_str()).map(|(_, licence)| *licence);
        let licence = package.license.as_deref().or(in_file).unwrap_or("none");
        assert!(is_allowed(licence), "{} {} is licensed {licence}", package.name, package.version);
        assert!(package.source.as_ref().unwrap().is_crates_io(), "{} is not from crates.io", package.name);
    }
}

#[test]
fn the_list_of_licences_is_the_one_cargo_deny_is_given() {
    let deny = read(".deny.toml");
    let list = deny.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
    let found: Names = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(found, names(LICENCES));
}

/// Methods of `table` that touch the table, as they are written at a call.
const TABLE_CALLS: [&str; 16] = [
    ".get::<",
    "recent.get(",
    ".get_item(",
    ".get_many(",
    ".query::<",
    ".query_items(",
    ".query_keys(",
    ".query_all",
    ".transaction(",
    ".create(tenant",
    ".put(tenant",
    ".update(tenant",
    ".delete_versioned(",
    "table.apply(",
    "outbox::window(",
    "BatchWriter::new(",
];

/// `crate::file::function` of every function of a source file that touches the table.
fn touching(krate: &str, file: &Path) -> Names {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut inside = String::new();
    let mut found = Names::new();
    for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some((_, rest)) = line.split_once("fn ").filter(|(before, _)| !before.contains('"')) {
            inside = rest.split(['(', '<']).next().unwrap().to_owned();
        }
        if TABLE_CALLS.iter().any(|call| line.contains(call)) {
            found.insert(format!("{krate}::{}::{inside}", file.file_stem().unwrap().to_str().unwrap()));
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // What only tests use.
        let is_test = ["tests", "testing", "world"].contains(&name);
        if path.is_dir() && !is_test {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            found.push(path);
        }
    }
    found
}

/// In both directions: an access nobody wrote down, and a line about code that is gone.
#[test]
fn every_function_that_touches_the_table_is_in_access_patterns_md() {
    let platform = [&PLATFORM[..], &["testkit"]].concat();
    let packages = packages_in("shared").into_iter().chain(packages_in("functions"));
    let mut found = Names::new();
    for package in packages.filter(|package| !platform.contains(&package.name.as_str())) {
        for file in sources(package.manifest_path.parent().unwrap().join("src").as_std_path()) {
            found.extend(touching(&package.name.replace('-', "_"), &file));
        }
    }
    let documented: Names =
        quoted(&read("docs/access-patterns.md")).filter(|code| code.matches("::").count() == 2).collect();
    let missing: Vec<_> = found.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&found).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in docs/access-patterns.md: {missing:#?}; gone: {gone:#?}");
}
