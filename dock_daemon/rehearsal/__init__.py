"""Stand-ins for hardware, for the demo and the tests: disks that come and go at will."""
