"""Programs that use sequencectl; each opens with what it shows and what it leaves out."""
