//! What devices and the gateway say to each other: link, messages, manifests, limits.
