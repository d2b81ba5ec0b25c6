"""The algebra's laws: what is claimed (`catalogue`), and its proof from the rules (`prove`)."""
