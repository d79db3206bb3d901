"""``python -m nst_core``."""

import sys

from nst_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
