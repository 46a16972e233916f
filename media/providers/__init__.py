"""Speech recognisers, language models and voices behind three ports."""
