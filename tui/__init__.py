"""The dashboard: what is safe, what is moving, what conflicts, what was there last Monday."""
