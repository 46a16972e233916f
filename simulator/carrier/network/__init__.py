"""The phone network itself: people who phone and are phoned, and the carriers that own numbers and are told by REST."""
