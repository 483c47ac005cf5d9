"""`python -m convertkit`. Python put the current folder first on the import path: it is taken off again."""

import sys
from pathlib import Path

if not sys.flags.safe_path and Path(sys.path[0] or ".").resolve() == Path.cwd():
    del sys.path[0]

from convertkit.cli import main

main()
