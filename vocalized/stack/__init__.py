"""The platform on this machine as child processes: settings, ports, keys, first accounts, agents and numbers."""
