"""The child's side of a worker process, run in a worker only. Nothing light may import it."""
