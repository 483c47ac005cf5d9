"""Many runs as one: jobs of a file, handed to an engine. Must not convert: each job is a run apart."""
