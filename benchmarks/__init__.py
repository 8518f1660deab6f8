"""Speed, measured side by side in one run and stated as ratios: these machines are noisy, ratios less so."""
