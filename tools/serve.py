"""`ganzoo serve` as a script: see `ganzoo/cli/serve.py`."""

import sys

from ganzoo.cli.serve import main

sys.exit(main())
