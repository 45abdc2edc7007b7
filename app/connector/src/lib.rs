//! Carries the link over any byte stream and pairs devices.
