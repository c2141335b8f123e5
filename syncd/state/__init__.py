"""The local database: everything here can be rebuilt from the recovery words and one store."""
