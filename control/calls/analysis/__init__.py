"""Analysis of ended calls: summary, sentiment, success, extracted values."""
