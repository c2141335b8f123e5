"""What stands in the folder now, and how it differs from what is known. The scan is the truth."""
