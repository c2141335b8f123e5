"""The tree at any instant, the versions of any path, and how to bring them back."""
