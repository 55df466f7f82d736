"""`ganzoo train` as a script: see `ganzoo/cli/train.py`."""

import sys

from ganzoo.cli.train import main

sys.exit(main())
