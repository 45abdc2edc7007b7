//! The window, driven without a display by the names that it tells assistive technology.

mod decoding_texts;
mod finding;
mod lanes;
mod support;
mod times;
