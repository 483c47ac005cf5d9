"""Whether samples are fit to calibrate with: checks and what the source model says. Must not change samples."""
