"""The published log and what belongs to it, over HTTP, to be read only (docs/formats/http.md)."""
