"""`python -m reports` is the command `gradcheck`."""

import sys

from reports.cli import main

sys.exit(main())
