"""Staff's routes of the provider catalog (`control/voice`), prices and costs (`control/billing`)."""
