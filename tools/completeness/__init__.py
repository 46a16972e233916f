"""Makes the model of media/turn/completeness.py: data, teacher, training and figures (docs/develop/turn-model.md)."""
