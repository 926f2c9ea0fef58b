//! `MiniStack`: AWS on this machine, at one address (docs/local-cloud.md says how it differs).

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::daemon::Daemon;
use crate::project::Project;
use crate::tools::Tools;

/// Where it listens. Only this machine reaches it.
pub(crate) const ENDPOINT: &str = "http://127.0.0.1:4566";
/// Below this, an HTTP API is found by its id.
pub(crate) const GATEWAY: &str = "http://127.0.0.1:4566/_aws/execute-api";

const NAME: &str = "ministack";
const REGION: &str = "us-east-1";
/// The root user's credentials there. They open nothing anywhere else.
const ROOT: &str = "test";
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Starts it, unless it runs; says whether it is a new one. It keeps everything in memory: what was deployed is gone
/// when it stops.
pub(crate) fn start(project: &Project, tools: &Tools) -> anyhow::Result<bool> {
    let daemon = Daemon::new(project, NAME);
    if daemon.running().is_some() && is_healthy() {
        return Ok(false);
    }
    daemon.stop()?;
    if is_healthy() {
        bail!("{ENDPOINT} is taken, by a MiniStack that this checkout did not start; stop that first");
    }
    let temporary = project.local("tmp");
    if temporary.exists() {
        fs::remove_dir_all(&temporary).with_context(|| format!("cannot empty {}", temporary.display()))?;
    }
    fs::create_dir_all(&temporary).with_context(|| format!("cannot create {}", temporary.display()))?;
    let mut command = tools.command("python");
    // Functions inherit its environment: they must not see the developer's.
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .arg(project.path("xtask/tools/local_cloud.py"))
        .env_clear()
        .env("PATH", path)
        .env("HOME", &temporary)
        .env("TMPDIR", &temporary)
        .env("LANG", "C.UTF-8")
        .env("PYTHONUNBUFFERED", "1")
        // Missing permissions fail here, not in production.
        .env("AUTH", "true")
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", "4566")
        .env("MINISTACK_REGION", REGION);
    point_at(&mut command);
    daemon.start(&mut command, STARTS_WITHIN, is_healthy)?;
    Ok(true)
}

/// Makes a program talk to it as its root user, whatever the developer's own AWS configuration says.
pub(crate) fn point_at(command: &mut Command) {
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"] {
        command.env_remove(name);
    }
    command
        .env("AWS_ENDPOINT_URL", ENDPOINT)
        .env("AWS_ACCESS_KEY_ID", ROOT)
        .env("AWS_SECRET_ACCESS_KEY", ROOT)
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost");
}

fn is_healthy() -> bool {
    ureq::get(format!("{ENDPOINT}/_ministack/health")).call().is_ok()
}
