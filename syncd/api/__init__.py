"""The local door: HTTP with JSON on a Unix socket."""
