"""What the host itself keeps: projects, and what happened, folded into documents."""
