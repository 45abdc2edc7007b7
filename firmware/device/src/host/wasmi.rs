//! [`WasmHost`] by the wasmi interpreter.
//!
//! Each app has an engine of its own: wasmi keeps compiled code as long as the engine, and so all memory of an app goes
//! when the app goes. Fuel is given in slices and calls that ran out of it are resumed, so that several apps and the
//! session share the CPU.

use super::{
    Export, LoadError, Progress, WasmHost, WasmInstance,
    calls::{AppContext, Stop, implementation},
};
use alloc::{boxed::Box, format, string::String, string::ToString, vec::Vec};
use drydock_protocol::{
    host_calls::{self, HostCall, ValueType},
    manifest::AppLimits,
    types::{Failure, FailureKind},
};
use wasmi::{
    AsContext as _, CompilationMode, Config, Engine, Error, Extern, ExternType, Func, FuncType, Instance, Memory,
    Module, ResourceLimiter, Store, TrapCode, TypedFunc, TypedResumableCall, TypedResumableCallOutOfFuel, Val, ValType,
    errors::{ErrorKind, HostError},
};
use wasmi_core::LimiterError;

/// Call frames of an app at most; a frame costs the device about 24 bytes besides its values.
const MAX_RECURSION_DEPTH: usize = 128;
/// Value stack that a call starts with.
const MIN_STACK_BYTES: usize = 256;
/// Table elements of an app at most, 8 bytes each.
const MAX_TABLE_ELEMENTS: usize = 1024;

/// Fuel of a host call besides its instruction: what the firmware does for it takes as long as so much of the app's own
/// code, and a slice is to last as long whatever the app does in it.
const HOST_CALL_FUEL: u64 = 150;

/// The runtime.
pub struct WasmiHost;

impl WasmHost for WasmiHost {
    fn load(&self, module: &[u8], limits: &AppLimits, context: AppContext) -> Result<Box<dyn WasmInstance>, LoadError> {
        let engine = Engine::new(&config(limits));
        let module = Module::new(&engine, module).map_err(|error| LoadError::Invalid(reason(&error)))?;
        let mut store = Store::new(
            &engine,
            State {
                context,
                limiter: Limiter {
                    memory_bytes: limits.memory_bytes as usize,
                    refused_bytes: None,
                },
                memory: None,
            },
        );
        store.limiter(|state| &mut state.limiter);
        let mut imports = Vec::new();
        for import in module.imports() {
            let invalid =
                |reason: &str| LoadError::Invalid(format!("import {}.{} {reason}", import.module(), import.name()));
            let ExternType::Func(wanted) = import.ty() else {
                return Err(invalid("is no function"));
            };
            let call = host_calls::find(import.module(), import.name()).ok_or_else(|| invalid("is not known"))?;
            let function = host_function(&mut store, call).ok_or_else(|| invalid("is not known"))?;
            if function.ty(&store) != *wanted {
                return Err(invalid("has another type"));
            }
            imports.push(Extern::Func(function));
        }
        // Data segments are copied in under fuel.
        let fuel = u64::MAX;
        store
            .set_fuel(fuel)
            .map_err(|error| LoadError::Invalid(reason(&error)))?;
        let instance = Instance::new(&mut store, &module, &imports).map_err(|error| load_error(&store, &error))?;
        let memory = instance.get_memory(&store, "memory");
        store.data_mut().memory = memory;
        let exports = [Export::Start, Export::Init, Export::Tick]
            .map(|export| instance.get_typed_func::<(), ()>(&store, export.name()).ok());
        if exports.iter().all(Option::is_none) {
            return Err(LoadError::Invalid(
                "the module exports none of _start, init and tick".into(),
            ));
        }
        Ok(Box::new(WasmiInstance {
            store,
            memory,
            exports,
            current: None,
            fuel_spent: 0,
        }))
    }
}

fn config(limits: &AppLimits) -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .compilation_mode(CompilationMode::Eager)
        .wasm_custom_page_sizes(true)
        .ignore_custom_sections(true)
        // A start function would run while the app is loaded, without slices.
        .allow_start_fn(false)
        .set_max_recursion_depth(MAX_RECURSION_DEPTH)
        .set_min_stack_height(0)
        .set_max_stack_height((limits.stack_bytes as usize).max(MIN_STACK_BYTES))
        .set_min_stack_height(MIN_STACK_BYTES)
        .set_max_cached_stacks(1);
    config
}

fn load_error(store: &Store<State>, error: &Error) -> LoadError {
    match store.data().limiter.refused_bytes {
        Some(bytes) => LoadError::Memory(format!(
            "the module starts with {bytes} bytes of memory, {} are allowed",
            store.data().limiter.memory_bytes
        )),
        None => LoadError::Invalid(reason(error)),
    }
}

/// What is wrong with a module. The validator's words are passed on; wasmi's own would bring all its messages into the
/// image.
fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Wasm(error) => format!("{} (at offset {:#x})", error.message(), error.offset()),
        _ => match error.as_trap_code() {
            Some(code) => code.trap_message().into(),
            None => "the module uses what this device does not run".into(),
        },
    }
}

/// What the store carries: the app's context and its limits.
struct State {
    context: AppContext,
    limiter: Limiter,
    memory: Option<Memory>,
}

struct Limiter {
    memory_bytes: usize,
    /// What the app wanted when it was refused.
    refused_bytes: Option<usize>,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        if desired <= self.memory_bytes {
            return Ok(true);
        }
        // A trap tells the app's author more than a -1 that few programs look at.
        self.refused_bytes = Some(desired);
        Err(LimiterError::ResourceLimiterDeniedAllocation)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }

    fn memories(&self) -> usize {
        1
    }
}

/// A [`Stop`] on its way through wasmi.
#[derive(Debug)]
struct StopError(Stop);

impl core::fmt::Display for StopError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Stop::Denied(detail) | Stop::Trap(detail) => f.write_str(detail),
            Stop::Exit(code) => write!(f, "exit {code}"),
        }
    }
}

impl HostError for StopError {}

fn host_function(store: &mut Store<State>, call: &'static HostCall) -> Option<Func> {
    let function = implementation(call)?;
    let of = |ty: ValueType| match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F64 => ValType::F64,
    };
    let params = call.params.iter().copied().map(of);
    let ty = FuncType::new(params, call.result.map(of));
    Some(Func::new(&mut *store, ty, move |mut caller, arguments, results| {
        let fuel = caller.get_fuel()?;
        caller.set_fuel(fuel.saturating_sub(HOST_CALL_FUEL))?;
        let mut raw = [0; 4];
        for (raw, argument) in raw.iter_mut().zip(arguments) {
            *raw = match argument {
                Val::I32(value) => u64::from(*value as u32),
                Val::I64(value) => *value as u64,
                Val::F64(value) => value.to_bits(),
                _ => 0,
            };
        }
        let result = match caller.data().memory {
            Some(memory) => {
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                state.context.call(call, function, &raw[..arguments.len()], bytes)
            }
            None => caller
                .data_mut()
                .context
                .call(call, function, &raw[..arguments.len()], &mut []),
        };
        let raw = result.map_err(|stop| Error::host(StopError(stop)))?;
        match (call.result, results) {
            (Some(ValueType::I32), [result]) => *result = Val::I32(raw as u32 as i32),
            (Some(ValueType::I64), [result]) => *result = Val::I64(raw as i64),
            (Some(ValueType::F64), [result]) => *result = Val::F64(f64::from_bits(raw).into()),
            _ => {}
        }
        Ok(())
    }))
}

struct WasmiInstance {
    store: Store<State>,
    memory: Option<Memory>,
    /// By [`Export`].
    exports: [Option<TypedFunc<(), ()>>; 3],
    current: Option<(Export, Call)>,
    fuel_spent: u64,
}

enum Call {
    Begun,
    Suspended(TypedResumableCallOutOfFuel<()>),
}

impl WasmInstance for WasmiInstance {
    fn has(&self, export: Export) -> bool {
        self.exports[export as usize].is_some()
    }

    fn call(&mut self, export: Export) {
        self.current = Some((export, Call::Begun));
    }

    fn run(&mut self, fuel: u64) -> Progress {
        let Some((export, call)) = self.current.take() else {
            return Progress::Finished;
        };
        let fuel = match &call {
            Call::Begun => fuel,
            Call::Suspended(call) => fuel.max(call.required_fuel()),
        };
        if let Err(error) = self.store.set_fuel(fuel) {
            return self.failed(export, &error);
        }
        let result = match (call, self.exports[export as usize]) {
            (Call::Suspended(call), _) => call.resume(&mut self.store),
            (Call::Begun, Some(function)) => function.call_resumable(&mut self.store, ()),
            (Call::Begun, None) => return Progress::Finished,
        };
        self.fuel_spent += fuel - self.store.get_fuel().unwrap_or(0).min(fuel);
        match result {
            Ok(TypedResumableCall::Finished(())) => Progress::Finished,
            Ok(TypedResumableCall::OutOfFuel(call)) => {
                self.current = Some((export, Call::Suspended(call)));
                Progress::OutOfFuel
            }
            Ok(TypedResumableCall::HostTrap(call)) => self.failed(export, call.host_error()),
            Err(error) => self.failed(export, &error),
        }
    }

    fn fuel_spent(&self) -> u64 {
        self.fuel_spent
    }

    fn memory_bytes(&self) -> u32 {
        self.memory
            .map_or(0, |memory| memory.data_size(self.store.as_context()) as u32)
    }

    fn context(&mut self) -> &mut AppContext {
        &mut self.store.data_mut().context
    }
}

impl WasmiInstance {
    fn failed(&self, export: Export, error: &Error) -> Progress {
        let (kind, detail) = match error.downcast_ref::<StopError>() {
            Some(StopError(Stop::Exit(code))) => return Progress::Exited(*code),
            Some(StopError(Stop::Denied(detail))) => (FailureKind::CapabilityDenied, detail.clone()),
            Some(StopError(Stop::Trap(detail))) => (FailureKind::Trap, detail.clone()),
            None => self.trap(error),
        };
        Progress::Failed(Failure {
            kind,
            export: export.name().into(),
            detail,
            exit_code: None,
        })
    }

    fn trap(&self, error: &Error) -> (FailureKind, String) {
        if let Some(bytes) = self.store.data().limiter.refused_bytes {
            let allowed = self.store.data().limiter.memory_bytes;
            let detail = format!("memory.grow to {bytes} bytes, {allowed} are allowed");
            return (FailureKind::MemoryLimit, detail);
        }
        match error.as_trap_code() {
            Some(TrapCode::UnreachableCodeReached) => (FailureKind::Trap, "unreachable".into()),
            Some(TrapCode::StackOverflow) => (FailureKind::StackOverflow, "call stack exhausted".into()),
            Some(TrapCode::OutOfSystemMemory | TrapCode::GrowthOperationLimited) => {
                (FailureKind::MemoryLimit, "out of memory".into())
            }
            Some(code) => (FailureKind::Trap, code.trap_message().to_string()),
            None => (FailureKind::Trap, reason(error)),
        }
    }
}
