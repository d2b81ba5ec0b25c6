"""When do two systems do the same?  Labelled transition systems and their equivalences."""
