"""Packs that platform teams publish: started, checked, tested, built, signed, fetched and compared."""
