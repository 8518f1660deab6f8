"""``python -m spendgate_components``: the component provider of an installed spendgate."""

from spendgate_components.provider import main

main()
