"""What the host itself keeps."""
