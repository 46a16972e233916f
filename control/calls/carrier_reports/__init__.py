"""What carriers report of calls: states, machines, prices."""
