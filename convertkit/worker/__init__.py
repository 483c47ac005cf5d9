"""The child's side of a worker process. Only in a worker: nothing light may import it."""
