"""Places that keep objects. A store sees opaque names and bytes, and is trusted with nothing."""
