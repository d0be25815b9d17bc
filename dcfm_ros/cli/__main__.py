"""`python -m dcfm_ros.cli VERB`."""

from __future__ import annotations

import sys

from dcfm_ros.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
