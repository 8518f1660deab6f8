"""The chargeback report: pages made of what an allocation wrote. Each page is one file that loads nothing."""
