"""What may go: which versions are kept and why, and when all devices have let a pack go. Pure."""
