//! The one API behind window, CLI and HTTP.
