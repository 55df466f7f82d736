"""`ganzoo export` as a script: see `ganzoo/cli/export.py`."""

import sys

from ganzoo.cli.export import main

sys.exit(main())
