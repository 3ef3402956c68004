"""BGP-4 messages between bytes and values: no I/O, no clock, no session.

`messages` frames, `open`, `update`, `notification` are the bodies; `attributes` and `capabilities` are tables
with a row for each code. What a peer got wrong is raised as `NotificationError` with the code, subcode and
data that RFC 4271 §6 asks for.
"""
