"""What the adapters, codecs and key checks of vendors share: values, errors and declarations of facts."""
