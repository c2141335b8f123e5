"""Chunks gathered into segments, segments into packs, and back."""
