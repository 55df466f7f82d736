"""`ganzoo benchmark` as a script: see `ganzoo/cli/benchmark.py`."""

import sys

from ganzoo.cli.benchmark import main

sys.exit(main())
