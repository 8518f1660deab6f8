"""Who will pay an estimate: the rules of the bill, asked of cost lines before anything runs.

``cost_lines`` writes them as lines of a bill, ``decide`` asks the rules about one line at a time, ``tables`` reads the
latest window of driver tables, and ``project`` puts these together into the values of ``model``. No engine is started.
"""
