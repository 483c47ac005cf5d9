"""What families share: windows, padding, interpolation, factors of a reshape; imports no operator."""
