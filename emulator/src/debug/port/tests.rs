//! The debug port over a machine of the builtin engine in a runner.
