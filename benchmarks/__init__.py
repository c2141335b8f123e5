"""Us and our peers on the same real data; see README.md beside this file."""
