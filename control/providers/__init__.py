"""The staff's routes for the provider catalog (`control/voice`), prices and costs (`control/billing`)."""
