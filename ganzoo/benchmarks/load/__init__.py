"""What a server of models bears: clients that never rest, one client alone, the SavedModel without a server, in turn.

From the bottom up: `child` and `processes` (what runs apart), `messages` (requests as bytes, answers as arrays),
`clients` and `direct` (two such processes), `local` (a third: the server), `report` (the result), `measure` (the order
of all this).
"""
