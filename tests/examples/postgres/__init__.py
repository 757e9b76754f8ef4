"""The PostgreSQL store on a server of its own: the contract, lost connections, crashes, races."""
