//! `drydock emulate`: many boards at once, watched until all run, and for a while after that.

use super::{absolute, cancelled, cancelled_by_user, kinds::NamedKind, record, run::pace, source};
use crate::{
    arguments::{Emulate, Until},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, now_ms},
    watch::{News, meaning, state_of},
};
use drydock_api::{AppDeploy, AppSource, Badge, BoardAdd, BoardRef, BoardView, Empty, Event, EventName, Update};
use drydock_workbench::derived_seed;
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Boards that are added or removed at the same time.
const AT_ONCE: usize = 64;
/// Interval at which the boards' time is read and progress is shown to people.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) async fn emulate(data: Option<&Path>, arguments: &Emulate, output: &Output) -> Result<Exit, Failure> {
    if arguments.until == Some(Until::Exit) {
        let text = "Only a program of your own ends by itself; give one with --firmware, or write --until all-running.";
        return Err(Failure::new(Exit::Usage, text));
    }
    if arguments.to.record.is_some() && arguments.count > 1 {
        let text = "--record takes one board; `drydock record` takes several that run.";
        return Err(Failure::new(Exit::Usage, text));
    }
    let source = arguments.app.as_deref().map(source).transpose()?;
    let kind = NamedKind::find(&arguments.board, data, output)?;
    let connection = match data {
        Some(_) => Connection::open(data, Boards::LeaveOff, output).await?,
        None => Connection::temporary().await?,
    }
    .within(arguments.timeout);
    let connection = Arc::new(connection);
    let mut crowd = Crowd::default();
    let watched = tokio::select! {
        outcome = emulate_on(&connection, &mut crowd, source, (arguments, &kind), output) => outcome,
        () = cancelled() => ended_by_user(arguments),
    };
    record::end(&connection, &arguments.to, output).await;
    if data.is_some() {
        remove(&connection, &crowd).await;
    }
    if let Some(connection) = Arc::into_inner(connection) {
        connection.close().await;
    }
    let (exit, text) = match watched {
        Ok(text) => {
            output.step(Ink::Bold, &text);
            (Exit::Success, text)
        }
        Err(failure) => {
            output.failure(&failure);
            (failure.exit, failure.message)
        }
    };
    let finished = json!({
        "time_ms": now_ms(), "exit_code": exit.code(), "text": text,
        "boards": crowd.ids.len(), "connected": crowd.connected.len(), "running": crowd.done.len(),
        "failed": crowd.failed.len(), "seconds": crowd.all_after.map(|after| after.as_secs_f64()),
    });
    output.object("emulate.finished", &finished);
    Ok(exit)
}

/// Without a requested end, Ctrl-C is the normal end.
fn ended_by_user(arguments: &Emulate) -> Result<String, Failure> {
    match (arguments.duration, arguments.until) {
        (None, None) => Ok("Ended.".into()),
        _ => Err(cancelled_by_user()),
    }
}

/// The boards, and how far each is.
#[derive(Default)]
struct Crowd {
    /// Ids by name.
    ids: HashMap<String, String>,
    connected: HashSet<String>,
    /// Boards that announced themselves but have no identity: they can never authenticate.
    unauthenticated: HashSet<String>,
    /// The app runs, or ended itself with 0.
    done: HashSet<String>,
    failed: HashMap<String, Failure>,
    /// From the beginning until all ran.
    all_after: Option<Duration>,
}

impl Crowd {
    fn take(&mut self, event: &Event, app: Option<&str>) {
        let Some(board) = event.board.as_ref().filter(|board| self.ids.contains_key(*board)) else {
            return;
        };
        match event.event {
            EventName::DeviceConnected => {
                self.connected.insert(board.clone());
            }
            EventName::DeviceUnauthenticated => {
                self.unauthenticated.insert(board.clone());
            }
            EventName::DeviceDisconnected | EventName::DeviceUnreachable => {
                self.connected.remove(board);
            }
            _ => {}
        }
        self.news(board, meaning(event, app.unwrap_or_default(), board));
    }

    /// Updates were missed: takes the board's current state.
    fn look(&mut self, view: &BoardView, app: Option<&str>) {
        if !self.ids.contains_key(&view.name) {
            return;
        }
        if view.badge == Badge::Unauthenticated {
            self.unauthenticated.insert(view.name.clone());
        }
        if view.device.as_ref().is_some_and(|device| device.session.is_some()) {
            self.connected.insert(view.name.clone());
        } else {
            self.connected.remove(&view.name);
        }
        self.news(&view.name, state_of(view, app.unwrap_or_default()));
    }

    fn news(&mut self, board: &str, news: News) {
        match news {
            News::Running | News::Exited { code: 0 } => {
                self.done.insert(board.to_owned());
            }
            News::Stopped | News::Removed => {
                self.done.remove(board);
            }
            News::Exited { code } => {
                let text = format!("{board}: the app ended itself with {code}.");
                let failure = Failure::new(Exit::AppFailed, text).about(board);
                self.failed.entry(board.to_owned()).or_insert(failure);
            }
            News::Failed(failure) => {
                self.done.remove(board);
                self.failed.entry(board.to_owned()).or_insert(failure);
            }
            News::None | News::Changed | News::Connected | News::Installed | News::Resync => {}
        }
    }

    /// How many boards run the app, or are connected if no app was requested.
    fn ready(&self, app: Option<&str>) -> usize {
        if app.is_some() {
            self.done.len()
        } else {
            // A board without an identity never gets further than this.
            self.connected.len() + self.unauthenticated.len()
        }
    }

    fn is_settled(&self, app: Option<&str>) -> bool {
        self.ready(app) + self.failed.len() >= self.ids.len()
    }

    fn first_failure(&self) -> Option<Failure> {
        let first = self.failed.keys().min()?;
        let mut failure = self.failed[first].clone();
        if self.failed.len() > 1 {
            failure.detail = Some(format!("{} of {} boards failed.", self.failed.len(), self.ids.len()));
        }
        Some(failure)
    }
}

/// What an update means for the boards.
enum Observed {
    Event(Event),
    /// Updates were missed: the boards have to be looked at.
    Missed,
    Nothing,
}

async fn emulate_on(
    connection: &Arc<Connection>,
    crowd: &mut Crowd,
    source: Option<AppSource>,
    (arguments, kind): (&Emulate, &NamedKind),
    output: &Output,
) -> Result<String, Failure> {
    let begin = Instant::now();
    let mut updates = connection.subscribe().await?;
    let mut early = Vec::new();
    let app = {
        let mut preparing = pin!(prepare(connection, crowd, source, (arguments, kind), output));
        loop {
            tokio::select! {
                outcome = &mut preparing => break outcome?,
                update = updates.next() => if let Observed::Event(event) = print(update, output)? {
                    early.push(event);
                },
            }
        }
    };
    let app = app.as_deref();
    // The first boards may be running by now.
    early.iter().for_each(|event| crowd.take(event, app));
    look_at_all(connection, crowd, app).await?;
    let give_up = begin + arguments.timeout;
    let mut look = tokio::time::interval(LOOK);
    let mut shown = 0;
    let mut deadline: Option<(String, f64)> = None;
    loop {
        let missed = tokio::select! {
            update = updates.next() => match print(update, output)? {
                Observed::Event(event) => {
                    crowd.take(&event, app);
                    false
                }
                Observed::Missed => true,
                Observed::Nothing => false,
            },
            _ = look.tick() => {
                if let Some((board, until)) = &deadline && board_time(connection, board).await? >= *until {
                    return at_the_end(connection, crowd, app, arguments).await;
                }
                if shown != crowd.ready(app) && crowd.all_after.is_none() {
                    shown = crowd.ready(app);
                    output.step(Ink::Dim, &progress(crowd, app));
                }
                false
            }
        };
        if missed {
            look_at_all(connection, crowd, app).await?;
        }
        if crowd.all_after.is_some() {
            continue;
        }
        if Instant::now() >= give_up && !crowd.is_settled(app) {
            return Err(not_in_time(connection, crowd, app, arguments).await);
        }
        if crowd.is_settled(app) {
            crowd.all_after = Some(begin.elapsed());
            output.step(Ink::Green, &progress(crowd, app));
            if arguments.until == Some(Until::AllRunning) {
                return at_the_end(connection, crowd, app, arguments).await;
            }
            if let (Some(time), Some(board)) = (arguments.duration, crowd.ids.keys().min()) {
                let now = board_time(connection, board).await?;
                deadline = Some((board.clone(), now + time.as_secs_f64()));
            }
        }
    }
}

/// Adds the boards and deploys the app. Returns the app's name.
async fn prepare(
    connection: &Arc<Connection>,
    crowd: &mut Crowd,
    source: Option<AppSource>,
    (arguments, kind): (&Emulate, &NamedKind),
    output: &Output,
) -> Result<Option<String>, Failure> {
    add(connection, crowd, arguments, kind).await?;
    output.step(Ink::Plain, &format!("{} boards were added.", crowd.ids.len()));
    match source {
        Some(source) => deploy(connection, crowd, source, arguments).await.map(Some),
        None => Ok(None),
    }
}

/// Prints an update as soon as it comes, if it is an event. Returns what it means for the boards.
fn print(update: Option<Update>, output: &Output) -> Result<Observed, Failure> {
    match update {
        None => Err(Failure::machine("The running Drydock has ended.")),
        Some(Update::Resync) => {
            let text = "Some events were missed. The state of all boards is read instead.";
            output.object("events.missed", &json!({ "time_ms": now_ms(), "text": text }));
            Ok(Observed::Missed)
        }
        Some(Update::Event(event)) => {
            if output.is_json() {
                output.event(&event);
            }
            Ok(Observed::Event(event))
        }
        Some(_) => Ok(Observed::Nothing),
    }
}

async fn add(
    connection: &Arc<Connection>,
    crowd: &mut Crowd,
    arguments: &Emulate,
    kind: &NamedKind,
) -> Result<(), Failure> {
    let taken: HashSet<String> = {
        let fleet = ask!(connection, BoardList(Empty {}))?;
        fleet.boards.into_iter().map(|board| board.name).collect()
    };
    let mut names = (1..)
        .map(|number| format!("emu-{number}"))
        .filter(|name| !taken.contains(name));
    let mut adding = JoinSet::new();
    for number in 0..arguments.count {
        let seed = match &arguments.seed {
            None => None,
            Some(seed) => Some(derived_seed(seed, number).ok_or_else(|| {
                let text = format!("{seed} is no seed; write up to 64 hexadecimal digits.");
                Failure::new(Exit::Usage, text)
            })?),
        };
        let request = BoardAdd {
            kind: kind.kind.clone(),
            kind_file: kind.file.clone(),
            name: names.next(),
            engine: arguments.engine.clone(),
            pace: pace(arguments.pace),
            seed,
            link_noise: None,
            firmware: None,
            parts: arguments.part.clone(),
            part_values: arguments.part_values.as_deref().map(absolute).transpose()?,
            record: record::record_to(&arguments.to)?,
        };
        while adding.len() >= AT_ONCE {
            added(crowd, adding.join_next().await)?;
        }
        let connection = Arc::clone(connection);
        adding.spawn(async move { ask!(connection, BoardAdd(request)) });
    }
    while let Some(joined) = adding.join_next().await {
        added(crowd, Some(joined))?;
    }
    Ok(())
}

type Added = Result<Result<BoardView, drydock_api::ApiError>, tokio::task::JoinError>;

fn added(crowd: &mut Crowd, joined: Option<Added>) -> Result<(), Failure> {
    let Some(joined) = joined else { return Ok(()) };
    let board = joined.map_err(|error| Failure::machine(format!("A board could not be added: {error}.")))??;
    crowd.ids.insert(board.name, board.id);
    Ok(())
}

/// Returns the app's name.
async fn deploy(
    connection: &Connection,
    crowd: &Crowd,
    source: AppSource,
    arguments: &Emulate,
) -> Result<String, Failure> {
    let request = AppDeploy {
        source,
        boards: crowd.ids.values().cloned().collect(),
        name: None,
        version: None,
        grant: arguments.grant.clone(),
        no_start: false,
    };
    Ok(ask!(connection, AppDeploy(request))?.app)
}

async fn look_at_all(connection: &Connection, crowd: &mut Crowd, app: Option<&str>) -> Result<(), Failure> {
    let fleet = ask!(connection, BoardList(Empty {}))?;
    fleet.boards.iter().for_each(|board| crowd.look(board, app));
    Ok(())
}

async fn board_time(connection: &Connection, name: &str) -> Result<f64, Failure> {
    let board = ask!(connection, BoardGet(BoardRef { board: name.to_owned() }))?;
    Ok(board.machine.map_or(0.0, |machine| machine.virtual_time_s))
}

async fn at_the_end(
    connection: &Connection,
    crowd: &mut Crowd,
    app: Option<&str>,
    arguments: &Emulate,
) -> Result<String, Failure> {
    look_at_all(connection, crowd, app).await?;
    if let Some(failure) = crowd.first_failure() {
        return Err(failure);
    }
    let (ready, all) = (crowd.ready(app), crowd.ids.len());
    let without = if crowd.unauthenticated.is_empty() {
        "connected"
    } else {
        "heard, unauthenticated"
    };
    let state = app.map_or(without.into(), |app| format!("running {app}"));
    if ready < all {
        let text = format!("Only {ready} of {all} boards are {state} at the end; `--json` tells which went and why.");
        return Err(Failure::machine(text));
    }
    let seconds = crowd.all_after.unwrap_or_default().as_secs_f64();
    let after = arguments.duration.map_or(String::new(), |time| {
        format!(", and still are {} s later", time.as_secs_f64())
    });
    Ok(format!("All {all} boards were {state} after {seconds:.1} s{after}."))
}

async fn not_in_time(connection: &Connection, crowd: &mut Crowd, app: Option<&str>, arguments: &Emulate) -> Failure {
    let seconds = arguments.timeout.as_secs_f64();
    let why = match ask!(connection, BoardList(Empty {})) {
        Ok(fleet) => {
            let late = |board: &&BoardView| {
                crowd.ids.contains_key(&board.name) && !crowd.done.contains(&board.name) && app.is_some()
                    || app.is_none() && !crowd.connected.contains(&board.name)
            };
            let first = fleet.boards.iter().find(late);
            first.map_or(String::new(), |board| {
                format!(", for example {}: {}", board.name, board.badge_detail)
            })
        }
        Err(_) => String::new(),
    };
    Failure::machine(format!(
        "Only {} of {} boards are ready after {seconds} s{why}; give them more time with --timeout.",
        crowd.ready(app),
        crowd.ids.len()
    ))
}

fn progress(crowd: &Crowd, app: Option<&str>) -> String {
    let all = crowd.ids.len();
    let running = app.map_or(String::new(), |app| format!(", {} run {app}", crowd.done.len()));
    let failed = match crowd.failed.len() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let heard = match crowd.unauthenticated.len() {
        0 => String::new(),
        heard => format!(", {heard} heard, unauthenticated"),
    };
    format!("{} of {all} connected{heard}{running}{failed}.", crowd.connected.len())
}

async fn remove(connection: &Arc<Connection>, crowd: &Crowd) {
    let mut removing = JoinSet::new();
    for id in crowd.ids.values() {
        while removing.len() >= AT_ONCE {
            removing.join_next().await;
        }
        let (connection, board) = (Arc::clone(connection), id.clone());
        // A board that cannot be removed stays in the list, where the user sees it.
        removing.spawn(async move { ask!(connection, BoardRemove(BoardRef { board })).map(drop) });
    }
    while removing.join_next().await.is_some() {}
}
