"""What exporters broke up, put together again: matching, and the table of patterns. Imports no operator."""
