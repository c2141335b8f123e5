"""The local file system: reading, placing and removing files without ever losing bytes."""
