"""`python -m convertkit`."""

from convertkit.cli import main

main()
