"""A conversion from model to report, as a page of named steps. Nothing below it knows of a whole run."""
