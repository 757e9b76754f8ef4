"""What is asked over HTTP: the routes, what comes from outside, how it is answered."""
