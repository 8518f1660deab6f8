"""Who pays: every line of a bill gets its owner by published rules.

``bill`` reads the lines, ``load`` the rules, ``shares`` splits shared pools by drivers, ``plan`` puts them into one
column expression, and ``run`` lets an engine work it out. Amounts are exact decimals throughout.
"""
