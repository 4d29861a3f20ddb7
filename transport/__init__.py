"""HTTP and TLS as docks and central servers both speak them. It knows nothing of evidence."""
