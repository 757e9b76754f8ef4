"""What Keptn's own command line and executors ask of a controller, as `keptn/go-utils` does it."""
