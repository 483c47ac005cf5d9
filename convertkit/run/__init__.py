"""A conversion from model to report, as a page of named steps. Must not know of the command line."""
