"""`ganzoo publish` as a script: see `ganzoo/cli/publish.py`."""

import sys

from ganzoo.cli.publish import main

sys.exit(main())
