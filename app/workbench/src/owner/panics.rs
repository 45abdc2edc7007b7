//! A panic in one request must not end other requests, or leave its caller without an answer.

use crate::api::{ApiError, Response};
use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// Carries out a request; a panic becomes an internal error, and is logged.
///
/// Changes that the request made before stay. Its locks are taken over by other requests, which at worst find the state
/// between two changes.
pub(crate) async fn answer_panics(
    method: &'static str,
    call: impl Future<Output = Result<Response, ApiError>>,
) -> Result<Response, ApiError> {
    let mut call = pin!(call);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))).unwrap_or_else(|panic| {
            let why = text(panic.as_ref());
            tracing::error!(method, why, "a request panicked");
            let mut error = ApiError::internal(format!(
                "Drydock failed while it carried out `{method}`, everything else goes on; please report it with what \
                 \"Copy diagnostics\" gives."
            ));
            error.detail = Some(why.to_owned());
            Poll::Ready(Err(error))
        })
    })
    .await
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
