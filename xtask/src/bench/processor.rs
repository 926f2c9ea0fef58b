//! The functions' processor: the last one, which is theirs alone. Neither it nor what feeds it sleeps between events.
//!
//! A virtual processor that sleeps goes to other guests of the host, is woken through the host and comes back with cold
//! caches. All of that is charged to the program, and takes a larger part from one that needs half a millisecond than
//! from one that needs five.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::shell;

/// The processor functions are kept on: the last, if there is more than one.
pub(super) fn last_core() -> Option<usize> {
    // As many as there were at first: once there is room, this process sees one.
    static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    (*CORES > 1).then(|| *CORES - 1)
}

/// A program that is kept on a processor, if there is a choice.
pub(super) fn on_core(core: Option<usize>, program: &Path) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// While it lives, the functions' processor is kept for them, and none sleeps.
pub(super) struct Room(Vec<Child>);

/// Leaves the functions' processor to them: what feeds them stays on the first, as the cloud does.
pub(super) fn make_room() -> anyhow::Result<Room> {
    let mut room = Room(Vec::new());
    let Some(last) = last_core() else { return Ok(room) };
    let process = std::process::id().to_string();
    shell::read(Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", "0", &process]))?;
    for core in [0, last] {
        room.0.push(keep_awake(core, &process)?);
    }
    Ok(room)
}

/// Of a class that runs only when nothing else would, until `process` ends, however that ends.
fn keep_awake(core: usize, process: &str) -> anyhow::Result<Child> {
    const IDLE: &str = r#"while kill -0 "$1"; do :; done"#;
    let mut idler = on_core(Some(core), Path::new("chrt"));
    idler.args(["--idle", "0", "sh", "-c", IDLE, "sh", process]);
    let idler = idler.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut idler = idler.context("cannot keep a processor awake")?;
    // A class that is refused ends it at once.
    thread::sleep(Duration::from_millis(200));
    ensure!(idler.try_wait()?.is_none(), "processor {core} is not kept awake: `chrt --idle 0` does not work here");
    Ok(idler)
}

impl Drop for Room {
    fn drop(&mut self) {
        for idler in &mut self.0 {
            // It may have ended already.
            let _ = idler.kill();
            let _ = idler.wait();
        }
    }
}
