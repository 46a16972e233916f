"""What is made of a call when it is over: summary, sentiment, success, extracted values."""
