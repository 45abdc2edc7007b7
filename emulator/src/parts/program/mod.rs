//! A part that is a WebAssembly module: it is interpreted with a limit of fuel for each call, and sees virtual time only.
//! docs/writing-a-part.md is its interface.
//!
//! A call that runs out of fuel or traps stops the part: from then on it answers like one that is not there, and its state
//! says why. Memory, mutable globals and what our side keeps ([`host::Outside`]) are the whole state: `module` refuses
//! modules that have more. Floating point is refused, because the bits of a NaN differ among hosts.

mod host;
mod module;
mod saved;
mod try_out;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use drydock_assets::{Interface, Millionths, PartKind, PartProgram};
use sha2::{Digest, Sha256};
use wasmi::{
    CompilationMode, Config, Engine, FuncType, Global, Instance, Memory, Module, Store, TrapCode, TypedFunc, Val,
    ValType, WasmParams, WasmResults,
};

pub use module::{MODULE_BYTES_MAX, ProgramError};
pub use try_out::try_out;

use super::model::{I2cPart, PartModel, SpiPart};
use crate::machine::{Picture, VirtualTime};
use host::Host;
pub(super) use host::Message;

/// Fuel of one call: about an instruction each.
pub const CALL_FUEL: u64 = 1_000_000;
/// Fuel of `init` and of copying the module's data.
const INIT_FUEL: u64 = 20_000_000;
/// Call frames.
const DEPTH_MAX: usize = 256;
const STACK_BYTES_MAX: usize = 256 << 10;

/// The kind of part that a module is, called `name`.
///
/// # Errors
/// [`ProgramError`]: why the module is no part.
pub fn kind(name: &str, module: &[u8]) -> Result<PartKind, ProgramError> {
    Ok(Program::new(name, &PartProgram(module.into()))?.kind)
}

/// The kind of part that a file is, with the name of the file. Blocks.
///
/// # Errors
/// A clause that follows the file's name: it cannot be read, it cannot be the name of a kind, or it is no part.
pub fn read(path: &Path) -> Result<PartKind, String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&name.len()) || !name.bytes().all(fits) {
        let what = "is no name of a kind; rename the file to 1 to 32 small letters, digits and hyphens, and .wasm";
        return Err(what.to_owned());
    }
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(MODULE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    kind(&name, &bytes).map_err(|error| format!("is no part: {error}"))
}

/// A part that runs a module.
pub(super) struct Program {
    kind: PartKind,
    compiled: Arc<Compiled>,
    store: Store<Host>,
    instance: Functions,
    globals: Vec<Global>,
}

/// A module, shared by the copies of a part.
struct Compiled {
    /// As its author made it.
    source: PartProgram,
    digest: [u8; 32],
    module: Module,
    engine: Engine,
    globals: Vec<String>,
    memory: Option<String>,
}

macro_rules! functions {
    ($($name:ident: $params:ty => $results:ty, $shown:literal;)*) => {
        /// What a module exports of the interface.
        struct Functions {
            $($name: Option<TypedFunc<$params, $results>>,)*
        }

        impl Functions {
            fn of(store: &Store<Host>, instance: &Instance) -> Result<Self, ProgramError> {
                $(
                    let $name = match instance.get_export(store, stringify!($name)) {
                        None => None,
                        Some(_) => {
                            let typed = instance.get_typed_func::<$params, $results>(store, stringify!($name));
                            Some(typed.map_err(|_| ProgramError::ExportType(stringify!($name), $shown))?)
                        }
                    };
                )*
                Ok(Self { $($name,)* })
            }
        }
    };
}

functions! {
    init: () => (), "()";
    power_on: () => (), "()";
    i2c_start: (i32, i32) => i32, "(i32, i32) -> i32";
    i2c_write: (i32,) => i32, "(i32) -> i32";
    i2c_read: () => i32, "() -> i32";
    i2c_stop: () => (), "()";
    spi_select: (i32,) => (), "(i32)";
    spi_transfer: (i32,) => i32, "(i32) -> i32";
    line_changed: (i32, i32) => (), "(i32, i32)";
    value_changed: (i32,) => (), "(i32)";
    timer: () => (), "()";
}

impl Program {
    /// A new part whose kind is called `name`, after `init`.
    pub(super) fn new(name: &str, program: &PartProgram) -> Result<Self, ProgramError> {
        Self::begin(name, Arc::new(Compiled::new(program)?))
    }

    /// A new instance. `init` has no inputs: it declares the same each time.
    fn begin(name: &str, compiled: Arc<Compiled>) -> Result<Self, ProgramError> {
        let mut store = Store::new(&compiled.engine, Host::new());
        store.limiter(|host| host);
        let plain = |error: &wasmi::Error| ProgramError::Invalid(error.to_string());
        store.set_fuel(INIT_FUEL).map_err(|error| plain(&error))?;
        let linker = host::linker(&compiled.engine).map_err(|error| plain(&error))?;
        let instance = linker.instantiate_and_start(&mut store, &compiled.module);
        let instance = instance.map_err(|error| {
            let most = host::MEMORY_BYTES_MAX;
            ProgramError::Declared(format!(
                "the module cannot be laid out in {most} bytes of memory: {error}"
            ))
        })?;
        let memory = compiled
            .memory
            .as_ref()
            .and_then(|name| instance.get_memory(&store, name));
        store.data_mut().memory = memory;
        let globals = compiled
            .globals
            .iter()
            .filter_map(|name| instance.get_global(&store, name));
        let globals = globals.collect();
        let functions = Functions::of(&store, &instance)?;
        let init = functions
            .init
            .ok_or(ProgramError::Missing("init", "declares the part"))?;
        let done = init.call(&mut store, ());
        done.map_err(|error| ProgramError::Declared(format!("`init` failed: {}", reason(&error, "init", INIT_FUEL))))?;
        store.data_mut().declares = false;
        let declared = &store.data().declared;
        let kind = declared.kind(name, interface(&functions, declared)?);
        let kind = PartKind {
            program: Some(compiled.source.clone()),
            ..kind
        };
        Ok(Self {
            kind,
            compiled,
            store,
            instance: functions,
            globals,
        })
    }

    /// What it is.
    pub(super) fn kind(&self) -> &PartKind {
        &self.kind
    }

    /// Why it no longer runs.
    pub(super) fn stopped(&self) -> Option<&str> {
        self.store.data().outside.stopped.as_deref()
    }

    /// What it logged since the last call.
    pub(super) fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.store.data_mut().messages)
    }

    /// Calls an export; `None` if it has none, or the part is stopped.
    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        now: VirtualTime,
        (name, function): (&str, Option<TypedFunc<P, R>>),
        arguments: P,
    ) -> Option<R> {
        let function = function?;
        let host = self.store.data_mut();
        if host.outside.stopped.is_some() {
            return None;
        }
        host.now = now;
        let result = self
            .store
            .set_fuel(CALL_FUEL)
            .and_then(|()| function.call(&mut self.store, arguments));
        result
            .map_err(|error| {
                let why = reason(&error, name, CALL_FUEL);
                self.store.data_mut().stop(why);
            })
            .ok()
    }

    fn memory(&self) -> Option<Memory> {
        self.store.data().memory
    }

    fn property(&self, name: &str) -> Option<usize> {
        self.kind.properties.iter().position(|property| property.name == name)
    }
}

/// The bus that a module is on, by what it exports.
fn interface(functions: &Functions, declared: &host::Declared) -> Result<Interface, ProgramError> {
    match (&functions.i2c_start, &functions.spi_transfer) {
        (Some(_), Some(_)) => Err(ProgramError::TwoBuses),
        (Some(_), None) => {
            const WHY: &str = "a part with `i2c_start` needs";
            if functions.i2c_write.is_none() {
                return Err(ProgramError::Missing("i2c_write", WHY));
            }
            if functions.i2c_read.is_none() {
                return Err(ProgramError::Missing("i2c_read", WHY));
            }
            if declared.addresses.is_empty() {
                let text = "it declares no address; call `i2c_address` in `init`";
                return Err(ProgramError::Declared(text.to_owned()));
            }
            Ok(Interface::I2c {
                addresses: declared.addresses.clone(),
                second: Vec::new(),
            })
        }
        (None, Some(_)) => Ok(Interface::Spi),
        (None, None) if declared.lines.is_empty() => {
            let text = "it is wired to nothing; export `i2c_start` or `spi_transfer`, or declare a `line`";
            Err(ProgramError::Declared(text.to_owned()))
        }
        (None, None) => Ok(Interface::Pins),
    }
}

fn reason(error: &wasmi::Error, name: &str, fuel: u64) -> String {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => format!("`{name}` did not end within {fuel} units of fuel"),
        Some(code) => format!("`{name}` trapped: {}", code.trap_message()),
        None => format!("`{name}` failed: {error}"),
    }
}

impl Compiled {
    fn new(program: &PartProgram) -> Result<Self, ProgramError> {
        let exposed = module::expose(&program.0)?;
        let mut config = Config::default();
        config
            .consume_fuel(true)
            // Fuel for translation would depend on what was called before.
            .compilation_mode(CompilationMode::Eager)
            .ignore_custom_sections(true)
            .allow_start_fn(false)
            .floats(false)
            .wasm_tail_call(false)
            .wasm_multi_memory(false)
            .wasm_custom_page_sizes(false)
            .set_max_recursion_depth(DEPTH_MAX)
            .set_max_stack_height(STACK_BYTES_MAX)
            .set_max_cached_stacks(1);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, &exposed.bytes);
        let module = module.map_err(|error| ProgramError::Invalid(error.to_string()))?;
        check_imports(&module)?;
        Ok(Self {
            source: program.clone(),
            digest: Sha256::digest(&program.0).into(),
            module,
            engine,
            globals: exposed.globals,
            memory: exposed.memory,
        })
    }
}

fn check_imports(module: &Module) -> Result<(), ProgramError> {
    for import in module.imports() {
        let name = format!("{}.{}", import.module(), import.name());
        let known = host::IMPORTS.iter().find(|(known, _)| *known == import.name());
        let (Some((_, ours)), true) = (known, import.module() == host::MODULE) else {
            return Err(ProgramError::Import(name));
        };
        if import.ty().func().is_none_or(|theirs| shown(theirs) != *ours) {
            return Err(ProgramError::ImportType(name, ours));
        }
    }
    Ok(())
}

/// A function's type as in [`host::IMPORTS`].
fn shown(ty: &FuncType) -> String {
    let list = |types: &[ValType]| {
        let names = types.iter().map(|ty| format!("{ty:?}").to_lowercase());
        names.collect::<Vec<_>>().join(", ")
    };
    match ty.results() {
        [] => format!("({})", list(ty.params())),
        results => format!("({}) -> {}", list(ty.params()), list(results)),
    }
}

impl PartModel for Program {
    fn power_on(&mut self, now: VirtualTime) {
        let function = self.instance.power_on;
        self.call(now, ("power_on", function), ());
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        let index = self.property(property);
        index.map_or_else(Millionths::default, |index| self.store.data().outside.values[index])
    }

    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) {
        let Some(index) = self.property(property) else { return };
        let known = &mut self.store.data_mut().outside.values[index];
        if std::mem::replace(known, value) == value {
            return;
        }
        let function = self.instance.value_changed;
        self.call(now, ("value_changed", function), (index as i32,));
    }

    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        self.instance.i2c_start?;
        Some(self)
    }

    fn spi(&mut self) -> Option<&mut dyn SpiPart> {
        self.instance.spi_transfer?;
        Some(self)
    }

    fn picture(&self, _now: VirtualTime) -> Option<Picture> {
        let host = self.store.data();
        let (width, height) = host.declared.canvas?;
        Some(Picture {
            width,
            height,
            dots: host.outside.canvas.clone(),
        })
    }

    fn line_changed(&mut self, now: VirtualTime, line: usize, level: Option<bool>) {
        if let Some(known) = self.store.data_mut().outside.levels.get_mut(line) {
            *known = level;
        }
        let function = self.instance.line_changed;
        self.call(now, ("line_changed", function), (line as i32, host::number(level)));
    }

    fn drives(&self, line: usize) -> Option<bool> {
        self.store.data().outside.drives.get(line).copied().flatten()
    }

    fn due(&self) -> VirtualTime {
        self.store.data().outside.timer.unwrap_or(VirtualTime::MAX)
    }

    fn timer(&mut self, now: VirtualTime) {
        self.store.data_mut().outside.timer = None;
        let function = self.instance.timer;
        self.call(now, ("timer", function), ());
    }
}

/// A stopped part does not acknowledge, and drives nothing.
impl I2cPart for Program {
    fn start(&mut self, now: VirtualTime, address: u8, read: bool) -> bool {
        let function = self.instance.i2c_start;
        let acknowledged = self.call(now, ("i2c_start", function), (i32::from(address), i32::from(read)));
        acknowledged.is_some_and(|acknowledged| acknowledged != 0)
    }

    fn write(&mut self, now: VirtualTime, byte: u8) -> bool {
        let function = self.instance.i2c_write;
        let acknowledged = self.call(now, ("i2c_write", function), (i32::from(byte),));
        acknowledged.is_some_and(|acknowledged| acknowledged != 0)
    }

    fn read(&mut self, now: VirtualTime) -> u8 {
        let function = self.instance.i2c_read;
        self.call(now, ("i2c_read", function), ())
            .map_or(0xff, |byte| byte as u8)
    }

    fn stop(&mut self, now: VirtualTime) {
        let function = self.instance.i2c_stop;
        self.call(now, ("i2c_stop", function), ());
    }
}

impl SpiPart for Program {
    fn select(&mut self, now: VirtualTime, selected: bool) {
        let function = self.instance.spi_select;
        self.call(now, ("spi_select", function), (i32::from(selected),));
    }

    fn transfer(&mut self, now: VirtualTime, byte: u8) -> u8 {
        let function = self.instance.spi_transfer;
        let answer = self.call(now, ("spi_transfer", function), (i32::from(byte),));
        answer.map_or(0, |byte| byte as u8)
    }
}

/// A mutable global as bits: the module's own type says which.
fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        _ => 0,
    }
}

#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod tests;
