//! A stand-in for Renode: the real one's wire protocol (recorded in `../recorded`) in front of a world in which the
//! builtin engine runs the board. It tests the driver, not Renode's models. It can also misbehave, at a chosen
//! command.

mod journal;
pub(crate) mod wire;
mod world;

use std::io::Write as _;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use self::wire::Reply;
use self::world::World;

/// Set by the script that plays `renode`: how this process behaves.
pub(crate) const MODE: &str = "DRYDOCK_RENODE_STANDIN";

/// The misbehaviour, and the command at which it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    what: String,
    at: String,
}

impl Trouble {
    fn parse(mode: &str) -> Self {
        let (what, at) = mode.split_once('@').unwrap_or((mode, ""));
        Self {
            what: what.to_owned(),
            at: at.to_owned(),
        }
    }

    fn is(&self, what: &str) -> bool {
        self.what == what
    }

    fn strikes(&self, command: &str) -> bool {
        !self.at.is_empty() && command.starts_with(&self.at)
    }
}

/// Plays Renode with the program's own arguments.
pub(crate) fn play(mode: &str) -> ExitCode {
    let trouble = Trouble::parse(mode);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--version") {
        return tell_version(&trouble);
    }
    if arguments.iter().filter(|argument| *argument == "--disable-gui").count() != 1 {
        println!("usage: renode [options]");
        return ExitCode::FAILURE;
    }
    log("INFO", "Loaded monitor commands from: <renode>/scripts/monitor.py");
    if trouble.is("dies-at-start") {
        log("ERROR", "Could not load file or assembly");
        return ExitCode::from(3);
    }
    if trouble.is("never-ready") {
        sleep_for_ever();
    }
    if trouble.is("slow-start") {
        std::thread::sleep(Duration::from_millis(700));
    }
    let port = arguments
        .iter()
        .position(|argument| argument == "--robot-server-port")
        .and_then(|at| arguments.get(at + 1)?.parse::<u16>().ok())
        .expect("the driver asks for a robot server");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    log(
        "INFO",
        &format!("Robot Framework remote server is listening on port {port}"),
    );
    serve(&listener, &trouble)
}

fn tell_version(trouble: &Trouble) -> ExitCode {
    match trouble.what.as_str() {
        "old" => println!("Renode v1.14.0.5678\n  build: f2e7a1c\n  build type: Release\n  runtime: Mono 6.12"),
        "newer" => println!("Renode v1.17.0.1\n  build: f2e7a1c\n  build type: Release\n  runtime: .NET 8"),
        "no-version" => println!("mono: command not found"),
        "version-hangs" => sleep_for_ever(),
        _ => println!("Renode v1.16.1.1234\n  build: f2e7a1c\n  build type: Release\n  runtime: Mono 6.12"),
    }
    ExitCode::SUCCESS
}

fn serve(listener: &TcpListener, trouble: &Trouble) -> ExitCode {
    let mut world = World::new(trouble.clone());
    for connection in listener.incoming() {
        let Ok(mut connection) = connection else { continue };
        let Some(call) = wire::read_call(&mut connection) else {
            continue;
        };
        let command = match call.arguments.first() {
            Some(command) if call.keyword == "ExecuteCommand" => command.clone(),
            _ => call.keyword.clone(),
        };
        if trouble.strikes(&command) {
            match trouble.what.as_str() {
                "hangs" => sleep_for_ever(),
                "dies" => {
                    log("FATAL", "Unhandled exception in a hook");
                    return ExitCode::from(134);
                }
                "half" => {
                    let whole = wire::render(&Reply::Pass(String::new()));
                    wire::send_half(&mut connection, &whole);
                    sleep_for_ever();
                }
                "closes" => continue,
                "no-http" => wire::send_raw(&mut connection, b"SSH-2.0-OpenSSH_9.2\r\n"),
                "no-xml" => wire::send(&mut connection, "<html><body>It works!</body></html>"),
                "status" => wire::send_raw(&mut connection, b"HTTP/1.0 500 Internal Server Error\r\n\r\n"),
                "odd-value" => wire::send(&mut connection, &wire::render(&Reply::Pass("a fish".to_owned()))),
                _ => panic!("no such trouble: {}", trouble.what),
            }
            continue;
        }
        let reply = match call.keyword.as_str() {
            "ExecuteCommand" => world.execute(&command),
            "StopRemoteServer" => return ExitCode::SUCCESS,
            keyword => Reply::Fault(1, format!("Keyword \"{keyword}\" not found")),
        };
        wire::send(&mut connection, &wire::render(&reply));
    }
    ExitCode::SUCCESS
}

/// A line of the log, as Renode prints it.
fn log(level: &str, text: &str) {
    println!("02:33:54.1001 [{level}] {text}");
    let _ = std::io::stdout().flush();
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}
