"""`python -m hashing`: the verifier that a court runs alone."""

import sys

from hashing.command import main

sys.exit(main(sys.argv[1:]))
