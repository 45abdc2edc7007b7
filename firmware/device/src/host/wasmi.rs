//! The [`WasmHost`] on the wasmi interpreter.
//!
//! Each app has its own engine: wasmi keeps compiled code as long as the engine lives, so dropping the engine frees all of
//! an app's memory. A call gets fuel in slices and is resumed when it has used a slice up, so that apps and the session
//! share the CPU.

use super::{
    Export, LoadError, Progress, WasmHost, WasmInstance,
    calls::{AppContext, Stop, implementation},
    start_section::export_start,
};
use crate::board::BoardRef;
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
use wasmi_core::{LimiterError, MemoryError};

/// Maximum of an app's call frames; a frame costs the device about 24 bytes besides its values.
const MAX_RECURSION_DEPTH: usize = 128;
/// Value stack that a call starts with.
const MIN_STACK_BYTES: usize = 256;
/// Table elements of an app at most, 8 bytes each.
const MAX_TABLE_ELEMENTS: usize = 1024;

/// The runtime.
pub struct WasmiHost;

impl WasmHost for WasmiHost {
    fn load(&self, module: &[u8], limits: &AppLimits, context: AppContext) -> Result<Box<dyn WasmInstance>, LoadError> {
        let engine = Engine::new(&config(limits));
        let module = match export_start(module) {
            Some(copy) => Module::new(&engine, &copy),
            None => Module::new(&engine, module),
        };
        let module = module.map_err(|error| LoadError::Invalid(reason(&error)))?;
        let mut store = Store::new(
            &engine,
            InstanceData {
                limiter: Limiter {
                    board: context.board(),
                    memory_bytes: limits.memory_bytes as usize,
                    heap_limit_bytes: None,
                    asked_bytes: 0,
                    refused: None,
                },
                context,
                memory: None,
                owed_fuel: 0,
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
        let exports = Export::ALL.map(|export| instance.get_typed_func::<(), ()>(&store, export.name()).ok());
        let is_entry = |export: &Export| matches!(export, Export::Start | Export::Init | Export::Tick);
        if !Export::ALL
            .iter()
            .zip(&exports)
            .any(|(export, found)| is_entry(export) && found.is_some())
        {
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
        // A start function would run in one piece while the app is loaded; `start_section` makes it an export.
        .allow_start_fn(false)
        .set_max_recursion_depth(MAX_RECURSION_DEPTH)
        .set_min_stack_height(0)
        .set_max_stack_height((limits.stack_bytes as usize).max(MIN_STACK_BYTES))
        .set_min_stack_height(MIN_STACK_BYTES)
        .set_max_cached_stacks(1);
    config
}

fn load_error(store: &Store<InstanceData>, error: &Error) -> LoadError {
    let limiter = &store.data().limiter;
    match limiter.refused {
        Some(_) => LoadError::Memory(format!(
            "the module starts with {} bytes of memory, {} are allowed",
            limiter.asked_bytes, limiter.memory_bytes
        )),
        None => LoadError::Invalid(reason(error)),
    }
}

/// Why a module was refused, with the validator's message. wasmi's own messages would make the image larger.
fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Wasm(error) => format!("{} (at offset {:#x})", error.message(), error.offset()),
        _ => match error.as_trap_code() {
            Some(code) => code.trap_message().into(),
            None => "the module uses what this device does not run".into(),
        },
    }
}

/// The data of a store: the app's context and its limits.
struct InstanceData {
    context: AppContext,
    limiter: Limiter,
    memory: Option<Memory>,
    /// Cost of host calls beyond the fuel of their slices. Later slices pay it before the app continues.
    owed_fuel: u64,
}

/// Decides on `memory.grow`. The memory may grow up to the app's limit and as far as the heap has space. A refused
/// growth returns -1 to the app, as the specification says.
struct Limiter {
    board: BoardRef,
    /// The app's limit.
    memory_bytes: usize,
    /// Limit of the app's heap when its memory grows. `None` while it is loaded.
    heap_limit_bytes: Option<u32>,
    /// The size that the app asked for last.
    asked_bytes: usize,
    /// Why the callback under way was refused more memory.
    refused: Option<Refused>,
}

#[derive(Clone, Copy)]
enum Refused {
    Limit,
    Heap,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        self.asked_bytes = desired;
        if desired > self.memory_bytes {
            self.refused = Some(Refused::Limit);
            // While a module is loaded, an error lets `load_error` name the cause.
            return match self.heap_limit_bytes {
                Some(_) => Ok(false),
                None => Err(LimiterError::ResourceLimiterDeniedAllocation),
            };
        }
        if self.heap_limit_bytes.is_some() {
            self.board.services().allow_growth(self.heap_limit_bytes);
        }
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        self.board.services().allow_growth(None);
        // After running out of fuel, the growth is tried again.
        if matches!(error, MemoryError::OutOfSystemMemory) {
            self.refused = Some(Refused::Heap);
        }
        Ok(())
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

/// A [`Stop`] as a host error of wasmi.
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

fn host_function(store: &mut Store<InstanceData>, call: &'static HostCall) -> Option<Func> {
    let function = implementation(call)?;
    let of = |ty: ValueType| match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F64 => ValType::F64,
    };
    let params = call.params.iter().copied().map(of);
    let ty = FuncType::new(params, call.result.map(of));
    Some(Func::new(&mut *store, ty, move |mut caller, arguments, results| {
        // An allocation of the call itself is not a growth of the memory.
        caller.data().context.board().services().allow_growth(None);
        let mut raw = [0; 5];
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
        let cost = caller.data_mut().context.take_cost();
        let fuel = caller.get_fuel()?;
        caller.set_fuel(fuel.saturating_sub(cost))?;
        caller.data_mut().owed_fuel += cost.saturating_sub(fuel);
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
    store: Store<InstanceData>,
    memory: Option<Memory>,
    /// By [`Export`].
    exports: [Option<TypedFunc<(), ()>>; Export::ALL.len()],
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
        self.store.data_mut().limiter.refused = None;
        self.current = Some((export, Call::Begun));
    }

    fn run(&mut self, fuel: u64, heap_limit_bytes: u32) -> Progress {
        let state = self.store.data_mut();
        state.limiter.heap_limit_bytes = Some(heap_limit_bytes);
        let paid = state.owed_fuel.min(fuel);
        state.owed_fuel -= paid;
        self.fuel_spent += paid;
        let fuel = fuel - paid;
        if fuel == 0 {
            return Progress::OutOfFuel;
        }
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

    /// The failure of an app that reaches `unreachable`. Allocators do that when `memory.grow` was refused.
    fn unreachable(&self) -> (FailureKind, String) {
        let limiter = &self.store.data().limiter;
        let (asked, allowed) = (limiter.asked_bytes, limiter.memory_bytes);
        let reason = match limiter.refused {
            None => return (FailureKind::Trap, "unreachable".into()),
            Some(Refused::Limit) => format!("{allowed} are allowed"),
            Some(Refused::Heap) => "the heap has no room".into(),
        };
        let detail = format!("memory.grow to {asked} bytes was refused, {reason}; then unreachable");
        (FailureKind::MemoryLimit, detail)
    }

    fn trap(&self, error: &Error) -> (FailureKind, String) {
        match error.as_trap_code() {
            Some(TrapCode::UnreachableCodeReached) => self.unreachable(),
            Some(TrapCode::StackOverflow) => (FailureKind::StackOverflow, "call stack exhausted".into()),
            Some(TrapCode::OutOfSystemMemory | TrapCode::GrowthOperationLimited) => {
                (FailureKind::MemoryLimit, "out of memory".into())
            }
            Some(code) => (FailureKind::Trap, code.trap_message().to_string()),
            None => (FailureKind::Trap, reason(error)),
        }
    }
}
