"""Recorders that are not there: fakes that speak the wire and misbehave on command."""
