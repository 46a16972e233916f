"""The laboratory's command line: `python -m lab NAME… [--write PAGE]`."""

import sys

from lab.engine.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
