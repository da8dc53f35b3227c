"""A city's traffic, made up from a seed: who reports what when, and how those who are called behave.

`habits` are the tables, from which `plan` writes one matter's course of commands (`course`, `answering` and
`aftermath` are its parts). `play` runs plans through the real desk, with `officers` on the register and
`timers` that ring. `templates` are cases that were played once, as `forms` with holes, of which `copies` stamps out any
number.
"""
