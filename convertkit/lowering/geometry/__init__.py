"""What families share: windows, padding, interpolation, the factors of a reshape; imports no operator."""
