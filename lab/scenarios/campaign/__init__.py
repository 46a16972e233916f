"""A campaign over both simulated carriers, checked on its recipients' phones."""
