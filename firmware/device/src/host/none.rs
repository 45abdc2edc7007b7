//! The [`WasmHost`] of a device without a runtime: it loads nothing.

use super::{LoadError, WasmHost, WasmInstance, calls::AppContext};
use alloc::boxed::Box;
use drydock_protocol::manifest::AppLimits;

/// No runtime.
pub struct NoHost;

impl WasmHost for NoHost {
    fn load(&self, _: &[u8], _: &AppLimits, _: AppContext) -> Result<Box<dyn WasmInstance>, LoadError> {
        Err(LoadError::Invalid("this device has no runtime for apps".into()))
    }
}
