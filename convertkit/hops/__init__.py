"""One hop: its attempts, the conversion, the replay script. Must not know of runs or rescues."""
