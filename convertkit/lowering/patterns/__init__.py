"""What exporters broke up, put together again: how patterns match, and their table; imports no operator."""
