"""What exporters broke up, put together again: matching, and the table of patterns; imports no operator."""
