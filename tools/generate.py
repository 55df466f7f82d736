"""`ganzoo generate` as a script: see `ganzoo/cli/generate.py`."""

import sys

from ganzoo.cli.generate import main

sys.exit(main())
