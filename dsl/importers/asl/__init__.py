"""Amazon States Language: JSON -> machine (typed) -> workflow whose body is a `Flow`.

`machine` reads and validates, `paths` understands JSONPath and payload templates, `data` finds
out which parts of the document the Choices look at and splits their values into classes,
`failures` sorts errors by what the machine does with them, `build` makes the syntax tree,
`findings` looks for what an engineer would want to know before the first run.
"""
