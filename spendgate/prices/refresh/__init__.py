"""``spendgate prices refresh``: the providers' own price lists, read into a catalogue that lies over the built-in one.

One module a source (``aws``, ``gcp``, ``azure``, ``gpuhunt``), each of which yields what the list says of one region;
``transport`` reads from the network, ``checkpoint`` keeps what is done, ``staging`` writes the catalogue and swaps it,
``judging`` says whether it may be swapped. Nothing here is imported unless prices are refreshed.
"""
