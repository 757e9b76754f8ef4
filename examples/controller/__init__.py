"""A reference controller: sequencectl behind Keptn's HTTP API, with a command line."""
