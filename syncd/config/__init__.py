"""Settings, and where everything of one device lives on disk."""
