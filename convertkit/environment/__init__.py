"""What is installed, plugged in and set here, found without importing any of it."""
