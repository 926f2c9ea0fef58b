//! The Admin schema: fetched once into a folder of the build, read once a process.
//!
//! Source of the schema: `package.json` of this package, which pins it; `schema.mjs` converts it. Needs node and npm the
//! first time. The schema itself is no part of the sources.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use apollo_compiler::Schema;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;

/// The version of the Admin API that is stood in for.
pub const API_VERSION: &str = "2026-10";

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../package.json")),
    ("package-lock.json", include_str!("../package-lock.json")),
    ("schema.mjs", include_str!("../schema.mjs")),
];

/// Why there is no schema.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SchemaError {
    #[error("the Admin schema could not be prepared in {folder}: {why}")]
    Prepare { folder: String, why: String },
    #[error("the Admin schema is not valid: {0}")]
    Invalid(String),
}

/// The schema, and what implements each of its interfaces.
#[derive(Debug)]
pub struct Admin {
    pub schema: Valid<Schema>,
    pub implementers: HashMap<apollo_compiler::Name, Implementers>,
}

/// The schema, from this build's folder; prepared there when it is missing.
pub fn admin() -> Result<&'static Admin, SchemaError> {
    static ADMIN: OnceLock<Result<Admin, SchemaError>> = OnceLock::new();
    ADMIN.get_or_init(|| read(&sdl(&folder())?)).as_ref().map_err(Clone::clone)
}

/// Where this build keeps it.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/shopify-schema")
}

/// Parses without validating: that takes longer, and is done by a test.
fn read(sdl: &str) -> Result<Admin, SchemaError> {
    let schema = Schema::parse(sdl, "admin.graphql").map_err(|error| SchemaError::Invalid(error.errors.to_string()))?;
    let implementers = schema.implementers_map();
    Ok(Admin { schema: Valid::assume_valid(schema), implementers })
}

/// The schema's text.
pub fn sdl(folder: &Path) -> Result<String, SchemaError> {
    let failed = |why: String| SchemaError::Prepare { folder: folder.display().to_string(), why };
    let file = folder.join(format!("admin-{API_VERSION}.graphql"));
    if !file.exists() {
        prepare(folder, &file).map_err(|error| failed(error.to_string()))?;
    }
    fs::read_to_string(&file).map_err(|error| failed(error.to_string()))
}

/// One process at a time; the others find the file when it is their turn.
fn prepare(folder: &Path, file: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    if file.exists() {
        return Ok(());
    }
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    run(folder, Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    let name = file.file_name().unwrap_or_default();
    run(folder, Command::new("node").arg("schema.mjs").arg(name))
}

fn run(folder: &Path, command: &mut Command) -> io::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.current_dir(folder).output().map_err(|error| {
        io::Error::new(error.kind(), format!("`{name}` cannot be run ({error}); Node 20 with npm is needed"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("`{name}` failed with {}: {said}", output.status)))
}

#[cfg(test)]
mod tests {
    use apollo_compiler::Schema;

    use super::*;

    #[test]
    fn the_schema_is_valid_and_of_the_version_we_speak() {
        let text = sdl(&folder()).unwrap();
        let schema = Schema::parse_and_validate(text, "admin.graphql").unwrap();
        assert!(schema.types.len() > 3_000);
        assert!(schema.directive_definitions.contains_key("idempotent"));
    }
}
