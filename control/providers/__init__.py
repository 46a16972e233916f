"""Staff's routes of the provider catalogue (`control/voice`), prices and costs (`control/billing`)."""
