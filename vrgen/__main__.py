"""`python -m vrgen` is the `vrgen` command."""

import sys

from vrgen.cli import main

if __name__ == "__main__":
    sys.exit(main())
