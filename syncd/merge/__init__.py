"""From the changes of all devices to one tree: pure functions of the set of records."""
