"""What families share: windows, padding, interpolation, factors of a reshape. Imports no operator."""
