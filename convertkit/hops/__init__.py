"""One hop: its attempts, the conversion, the replay script. Must not know of other hops than its own."""
