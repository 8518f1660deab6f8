"""Bills as they are read: ``files`` finds them, ``read`` opens them, ``mapping`` makes FOCUS of other formats, and
``lines`` gives amounts and times their types. ``focus`` names the columns, ``tags`` makes columns of tags.
"""
