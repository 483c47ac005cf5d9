"""What an app or a server needs of a run, from its signature. Must not import frameworks."""
