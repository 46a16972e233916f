"""What reading a vendor's JSON may raise, whatever it sends."""

from typing import Final

import msgspec

# Text that is no UTF-8 raises UnicodeDecodeError, which holds the text; nesting of thousands of levels RecursionError.
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
