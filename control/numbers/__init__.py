"""Phone numbers: searched, bought, named and released at the carriers, without losing one or paying twice."""
