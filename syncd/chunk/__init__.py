"""Where a file is cut. Pure: bytes and a secret table in, cut offsets and lists of ids out."""
