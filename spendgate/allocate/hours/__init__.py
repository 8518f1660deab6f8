"""Hours of accelerators by a bill: ``machines`` tells what a line ran on, ``accelerated`` adds the lines up, and
``uses`` splits shared pools by them.
"""
