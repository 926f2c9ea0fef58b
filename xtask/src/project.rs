//! Where things are, and which Lambda functions there are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use cargo_metadata::{Metadata, MetadataCommand, TargetKind};

/// The checkout this xtask was built from.
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
    functions: Vec<FunctionPackage>,
}

/// A package below `functions/`: each of its binaries is one Lambda function.
pub(crate) struct FunctionPackage {
    pub(crate) name: String,
    pub(crate) binaries: Vec<String>,
}

impl Project {
    pub(crate) fn open() -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .no_deps()
            .exec()
            .with_context(|| format!("cannot read the workspace at {}", manifest.display()))?;
        Ok(Self {
            functions: function_packages(&metadata),
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
        })
    }

    /// A file or folder of the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A file or folder below cargo's target directory.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }

    /// A file or folder of the local stack: everything `up` makes, apart from the tools, is in `target/local`.
    pub(crate) fn local(&self, relative: &str) -> PathBuf {
        self.target.join("local").join(relative)
    }

    pub(crate) fn functions(&self) -> &[FunctionPackage] {
        &self.functions
    }

    /// A program run in the checkout as if a person had called it. What `cargo run` sets for xtask would make build
    /// scripts that look at it (ring's) run again, and everything above them compile again.
    pub(crate) fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO" {
                command.env_remove(name);
            }
        }
        command
    }

    /// Cargo, in the checkout.
    pub(crate) fn cargo(&self) -> Command {
        self.at_home(Command::new("cargo"))
    }
}

fn function_packages(metadata: &Metadata) -> Vec<FunctionPackage> {
    let folder = metadata.workspace_root.join("functions");
    metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.starts_with(&folder))
        .map(|package| FunctionPackage {
            name: package.name.to_string(),
            binaries: package
                .targets
                .iter()
                .filter(|target| target.kind.contains(&TargetKind::Bin))
                .map(|target| target.name.clone())
                .collect(),
        })
        .filter(|package| !package.binaries.is_empty())
        .collect()
}
