"""The algebra's laws: what is claimed (`catalogue`), what has been found of it (proved.json, which
`table` shows), and the replay of what is derived by them (`derivation`)."""
