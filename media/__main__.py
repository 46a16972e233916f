"""Starts the media program."""

import sys

from shared.huge_pages import use_huge_pages
from shared.standard_streams import fill_standard_streams

if __name__ == "__main__":
    use_huge_pages()
    fill_standard_streams()
    # Imported late, because it loads all modules, which `use_huge_pages` would otherwise do twice.
    if sys.argv[1:2] == ["doctor"]:
        from media import doctor

        sys.exit(doctor.main(sys.argv[2:]))
    from media.command import main

    sys.exit(main())
