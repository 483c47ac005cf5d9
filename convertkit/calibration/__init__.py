"""Whether samples are fit to calibrate with. Must not change samples, nor convert."""
