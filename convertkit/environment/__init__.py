"""What is installed, plugged in and set here, found without importing it. Must not start workers."""
