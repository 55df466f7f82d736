"""`ganzoo launch` as a script: see `ganzoo/cli/launch.py`."""

import sys

from ganzoo.cli.launch import main

sys.exit(main())
