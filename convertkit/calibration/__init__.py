"""Whether samples are fit to calibrate with: checks, and what the source model says. Changes no samples."""
