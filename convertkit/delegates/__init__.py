"""What each delegate would take of a `.tflite`, by the rules of its source. Must not run anything."""
