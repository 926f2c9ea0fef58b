//! `cargo xtask …`: what a person, or CI, does with this checkout beyond what cargo does.
//!
//! One module a command. Progress goes to standard error and results to standard output.

mod aws;
mod bench;
mod build;
mod contract;
mod create_user;
mod daemon;
mod deliveries;
mod demo;
mod deploy;
mod down;
mod feed;
mod flows;
mod load_books;
mod local_cloud;
mod local_users;
mod oidc;
mod project;
mod shell;
mod stacks;
mod stand_ins;
mod state_machines;
mod template;
mod test;
mod tools;
mod up;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, runs, tests and deploys Crossdock")]
enum Command {
    /// Start the platform on this machine, or bring it up to date.
    Up,
    /// Stop everything that `up` started.
    Down,
    /// Compile every function.
    Build(build::Build),
    /// Build for AWS and deploy there.
    Deploy(deploy::Deploy),
    /// Check this checkout: format, lints, tests, templates, end to end.
    Test(test::Test),
    /// Repeat the demonstration on the running local stack.
    Demo(demo::Demo),
    /// Load a catalogue from a CSV file into a store.
    LoadBooks(load_books::LoadBooks),
    /// Make a user of any role.
    CreateUser(create_user::CreateUser),
    /// Measure what the functions cost, beside the same for Node.
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace anyhow would add: who reads it has a log's end before them.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up => up::run(),
        Command::Down => down::run(),
        Command::Build(build) => build.run(),
        Command::Deploy(deploy) => deploy.run(),
        Command::Test(test) => test.run(),
        Command::Demo(demo) => demo.run(),
        Command::LoadBooks(load) => load.run(local_users::store),
        Command::CreateUser(user) => user.run(),
        Command::Bench(bench) => bench.run(),
    }
}
