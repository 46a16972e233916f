"""Phone numbers: searched, bought, named and given back at the carriers, without losing one or paying twice."""
