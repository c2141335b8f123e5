"""The one loop and its two ways: outward (disk to record) and inward (record to disk)."""
