"""Models that frameworks are compared on, with seeded weights; torch at their top. Only in a worker."""
