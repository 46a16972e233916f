"""A campaign over both simulated carriers, judged on what the phones of its recipients saw."""
