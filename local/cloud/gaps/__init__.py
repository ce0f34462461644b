"""What ministack 1.5.33 lacks or does otherwise than AWS, one module per gap.

Closed here and never in the functions. Where ministack has a register (its services, its CloudFormation types), the gap
is registered there; where it has none, a function of its module is replaced, with the reason beside it.
Almost everything used of ministack is private to it: the exact version is pinned.
The pure rules (`last_writer`, `event_shape`) do without ministack and are tested alone.
"""
