"""Who pays: every line of a bill gets its owner by published rules.

``load`` reads the rules, ``shares`` splits shared pools by drivers, ``plan`` puts them into one column expression,
``allocating`` goes from bill to result, ``outcome`` holds that against the bill, and ``run`` lets DuckDB work it out.
Amounts are exact decimals throughout.

The rooms beside: ``bill`` reads the lines, ``spark`` is the other engine, ``hours`` tells the accelerators of a bill,
``projected`` asks the rules about an estimate, ``bench`` tests them; ``report``, ``kpi`` and ``budget`` are made of
what an allocation wrote.
"""
