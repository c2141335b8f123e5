"""File system events, taken as hints of where to scan."""
