"""`python -m smppd`."""

import sys

from smppd.cli import main

sys.exit(main())
