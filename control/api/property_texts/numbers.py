"""Properties of addresses, regulatory bundles and numbers of the platform's accounts."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_ADDRESS_ID: Final = "AD0123456789abcdef0123456789abcdef"
_BUNDLE_ID: Final = "BU0123456789abcdef0123456789abcdef"

NUMBERS: Final = {
    "address": Text("The address."),
    "addresses": Text("The addresses."),
    "street": Text("Street and number.", "600 Congress Avenue"),
    "street_secondary": Text("Floor, unit and the like; empty for none.", "14th Floor"),
    "city": Text("Town.", "Austin"),
    "postal_code": Text("Postal code.", "78701"),
    "customer_name": Text("Name of the business or person.", "Acme"),
    "AddressView.region": Text("State or region.", "TX"),
    "AddressView.registrations": Text("How the address stands at each carrier."),
    "AddressRegistrationView.status": Text("How the address stands at the carrier.", "registered"),
    "AddressRegistrationView.status_detail": Text(
        "Why the carrier rejected it; null otherwise.",
        "The carrier refused: the address could not be validated: check its spelling.",
    ),
    "bundle": Text("The regulatory bundle."),
    "bundles": Text("The regulatory bundles."),
    "number_kind": Text("Kind of the numbers that it is for.", "local"),
    "valid_until": Text("When the carrier's approval ends (UTC); null without an end."),
    "is_usable": Text("Whether numbers can be bought under it.", True),
    "checked_at": Text("When its status was read at the carrier (UTC)."),
    "carrier_bundle_id": Text("The carrier's id of it.", _BUNDLE_ID),
    "carrier_address_ids": Text("The addresses in it, by the carrier's ids.", [_ADDRESS_ID]),
    "carrier_number_id": Text("The carrier's id of the number.", "PN0123456789abcdef0123456789abcdef"),
    "BundleView.name": Text("Name that the workspace's members know it by.", "Berlin office"),
    "AdminBundleView.name": Text("Name that the workspace's members know it by.", "Berlin office"),
    "BundleView.status": Text("Status at the carrier.", "approved"),
    "AdminBundleView.status": Text("Status at the carrier.", "approved"),
    "numbers": Text("The numbers."),
    "target": Text("Where the number's calls go; `elsewhere`, too, for one whose messages do.", "nowhere"),
    "pending": Text("What the number waits for before it takes calls; empty when it takes them.", ""),
    "ImportedNumberAnswer.phone_number": Text("The phone number."),
    "ImportedNumberView.status": Text("Status of the number.", "active"),
}
