"""`ganzoo evaluate` as a script: see `ganzoo/cli/evaluate.py`."""

import sys

from ganzoo.cli.evaluate import main

sys.exit(main())
