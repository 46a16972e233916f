"""The provider catalogue as the staff edit it: providers (`control/voice`), prices and costs (`control/billing`)."""
