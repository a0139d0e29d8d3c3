"""`python -m hubferry`: the same as `hubferry`."""

import sys

from hubferry.cli.app import main

sys.exit(main())
