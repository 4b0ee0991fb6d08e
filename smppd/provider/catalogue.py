"""Every operation of the provider's two HTTP APIs, declared once.

Taken from the provider's documents; what these contradict each other in is said where it matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smppd.provider.operation import Api, Documented, Effect, Kind, Operation, Param, Shape

#: Errors that every operation of the first API may answer, and what each means.
COMMON_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "MISSING_USER": "User or email not included",
        "MISSING_PASSWORD": "Password not included",
        "MISSING_CLASS": "Class not included",
        "MISSING_METHOD": "Method not included",
        "MISSING_COMPULSORY_PARAM": "Compulsory parameter not included",
        "INCORRECT_USER_PASSWORD": "Incorrect user or password",
        "INCORRECT_CLASS": "Incorrect class",
        "INCORRECT_METHOD": "Incorrect method",
    }
)

_MEANINGS = {
    "NO_ROUTE_AVAILABLE": "There are no available paths for the indicated destination",
    "NO_CREDITS": "Your balance is insufficient",
    "NOT_ACCESS_TO_TEMPLATE": "You haven't access to the selected template",
    "NOT_ACCESS_TO_GROUP": "You are not allowed into the indicated group",
    "INCORRECT_TYPE": "Incorrect type. The type must be mobile or email",
    "MISSING_MAIN_FIELD": "Main field missing (mobile if type = mobile or email if type = email)",
    "COUNTRY_NOT_FOUND": "There is no country with the indicated code",
    "NOT_ACCESS_TO_CONTACT": "ERROR_NOT_ACCESS_TO_CONTACT",
    "CONTACT_EXISTS": "The contact already exists in the group",
    "CHANNEL_NOT_FOUND": "The indicated channel does not exist",
    "CHAT_NOT_FOUND": "The indicated chat does not exist",
    "INCORRECT_FILETYPE": "The file type is wrong, check the possible values",
    "INCORRECT_FILEURL": "The file url is not valid",
    "INCORRECT_THUMBURL": "The url of the thumbnail is invalid",
}


def _errors(*codes: str) -> Mapping[str, str]:
    return MappingProxyType({code: _MEANINGS[code] for code in codes})


# ── what several operations have ─────────────────────────────────────────────────────────────────

_FROM = Param("from", "Sender", example="Afilnet")
_TO = Param("to", "Mobile phone number of the recipient", Kind.DESTINATION, example="34600000000")
_TO_GROUP = Param("idgroup", "Group of the recipients", Kind.ID, example="1")
_COUNTRY_CODE = Param("countrycode", "Country dialling code", Kind.DIAL_CODE, example="34")
_SMS = Param("sms", "SMS message to be sent", Kind.BODY, example="sms test")
_TEMPLATE = Param("idtemplate", "Template ID", Kind.ID, example="1000")
_SCHEDULE = Param(
    "scheduledatetime", "When to send, as yyyy-mm-dd hh:mm:ss", Kind.MOMENT, required=False
)
_OUTPUT = Param("output", "Output format of the result", required=False)
_SENT = Documented(Shape.OBJECT, ("messageid", "credits"))
_SENT_TO_GROUP = Documented(
    Shape.OBJECT, ("id", "count", "credits"), "destinations", ("messageid", "destination")
)
_GROUP = Param("idgroup", "Group ID", Kind.ID, example="1000")
_CONTACT = Param("idcontact", "Contact ID", Kind.ID, example="1000")
_FIELD = Param("field", "Group field", Kind.FIELD, example="name")
_CHANNEL = (
    Param(
        "platform",
        "Platform: webchat, whatsapp, telegram or operator",
        Kind.PLATFORM,
        example="whatsapp",
    ),
    Param("platformid", "Platform identifier", Kind.ID, example="100"),
)
_OTHER_END = Param("destination", "The other end of the chat", example="34600000000")
_MESSAGES = Documented(
    Shape.LIST,
    ("platformid", "platform", "message", "destination", "messageid", "sent", "status", "datetime"),
)

# ── the first API ────────────────────────────────────────────────────────────────────────────────

_PROVIDER = (
    Operation(
        "sms.sendsms",
        "Send an SMS",
        Effect.SENDS,
        (_FROM, _TO, _SMS, _SCHEDULE, _OUTPUT),
        answer=_SENT,
        errors=_errors("NO_ROUTE_AVAILABLE", "NO_CREDITS"),
    ),
    Operation(
        "sms.sendsmsfromtemplate",
        "Send an SMS from a template",
        Effect.SENDS,
        (
            _TO,
            _TEMPLATE,
            Param(
                "params",
                "Values for the template, separated by commas",
                Kind.PAIRS,
                required=False,
                example="mobile:123456789,name:test name",
            ),
            _SCHEDULE,
            _OUTPUT,
        ),
        answer=_SENT,
        errors=_errors("NO_ROUTE_AVAILABLE", "NO_CREDITS", "NOT_ACCESS_TO_TEMPLATE"),
    ),
    Operation(
        "sms.sendsmstogroup",
        "Send an SMS to a group",
        Effect.SENDS,
        (_FROM, _COUNTRY_CODE, _TO_GROUP, _SMS, _SCHEDULE, _OUTPUT),
        answer=_SENT_TO_GROUP,
        errors=_errors("NOT_ACCESS_TO_GROUP", "NO_CREDITS"),
    ),
    Operation(
        "sms.sendsmstogroupfromtemplate",
        "Send an SMS to a group from a template",
        Effect.SENDS,
        (_COUNTRY_CODE, _TO_GROUP, _TEMPLATE, _SCHEDULE, _OUTPUT),
        answer=_SENT_TO_GROUP,
        errors=_errors("NOT_ACCESS_TO_GROUP", "NO_CREDITS"),
    ),
    Operation(
        "sms.getdeliverystatus",
        "Get the delivery status of SMS",
        Effect.READS,
        (
            Param(
                "messages",
                "The message_ids, separated by commas",
                Kind.IDS,
                example="123456,123457,123458",
            ),
            _OUTPUT,
        ),
        answer=Documented(Shape.OBJECT, ("messageid", "sms", "deliverydate", "deliverystatus")),
    ),
    Operation(
        "group.creategroup",
        "Create a group",
        Effect.CHANGES,
        (
            Param("name", "Name of the group", example="test name"),
            Param("type", "Type of group (email or mobile)", Kind.GROUP_TYPE, example="mobile"),
            Param(
                "fields",
                "Field names separated by commas; mobile or email, by type, must be among them",
                Kind.COLUMNS,
                example="mobile,name,address",
            ),
        ),
        errors=_errors("INCORRECT_TYPE", "MISSING_MAIN_FIELD"),
    ),
    Operation(
        "group.getgroupcolumns",
        "Get the fields of a group",
        Effect.READS,
        (_GROUP,),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.addcolumntogroup",
        "Add a field to a group",
        Effect.CHANGES,
        (_GROUP, _FIELD),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.deletecolumnfromgroup",
        "Delete a field from a group",
        Effect.CHANGES,
        (_GROUP, _FIELD),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.deletegroup",
        "Delete a whole group, with its contacts",
        Effect.CHANGES,
        (_GROUP,),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
        confirm=True,
    ),
    Operation(
        "group.assigncountrytogroup",
        "Assign a country to a group",
        Effect.CHANGES,
        (
            _GROUP,
            Param(
                "countryiso3", "ISO code of the country, three letters", Kind.COUNTRY, example="esp"
            ),
        ),
        errors=_errors("NOT_ACCESS_TO_GROUP", "COUNTRY_NOT_FOUND"),
    ),
    Operation(
        "group.getcontacts",
        "Get the contacts of a group",
        Effect.READS,
        (_GROUP,),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.getcontact",
        "Get a contact from a group",
        Effect.READS,
        (_GROUP, _CONTACT),
        errors=_errors("NOT_ACCESS_TO_GROUP", "NOT_ACCESS_TO_CONTACT"),
    ),
    Operation(
        "group.addcontact",
        "Add a contact to a group",
        Effect.CHANGES,
        (
            _GROUP,
            Param(
                "contact",
                "The contact's fields, separated by commas",
                Kind.PAIRS,
                example="mobile:123456789,name:testname",
            ),
        ),
        errors=_errors("CONTACT_EXISTS", "NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.addcontactlist",
        "Add a contact list to a group",
        Effect.CHANGES,
        (
            _GROUP,
            Param(
                "contacts",
                "Contacts, a JSON list of objects",
                Kind.CONTACTS,
                example='[{"name":"Test","mobile":"34600000000"},{"name":"Test","mobile":"34600000001"}]',
            ),
        ),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.modifycontact",
        "Modify a contact of a group",
        Effect.CHANGES,
        (
            _GROUP,
            _CONTACT,
            Param(
                "contact",
                "The fields to change, separated by commas",
                Kind.PAIRS,
                example="mobile:123456789,name:testname",
            ),
        ),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "group.deletecontact",
        "Delete a contact from a group",
        Effect.CHANGES,
        (_GROUP, _CONTACT),
        errors=_errors("NOT_ACCESS_TO_GROUP"),
    ),
    Operation(
        "chat.getchatchannels",
        "Get the active chat channels",
        Effect.READS,
        answer=Documented(Shape.LIST, ("platformid", "platform", "name")),
    ),
    Operation(
        "chat.sendmessage",
        "Send a message via chat",
        Effect.SENDS,
        (
            *_CHANNEL,
            Param("destination", "Recipient of the message", example="3460000000"),
            Param("message", "Message to send via chat", Kind.BODY, example="test message"),
        ),
        errors=_errors("CHANNEL_NOT_FOUND"),
    ),
    Operation(
        "chat.sendfile",
        "Send a file via chat",
        Effect.SENDS,
        (
            *_CHANNEL,
            Param("destination", "Recipient of the file", example="3460000000"),
            Param(
                "type",
                "Type of the file: image, video, audio, voice, document or contact",
                Kind.FILE_TYPE,
                example="image",
            ),
            Param(
                "fileurl",
                "URL at which the provider finds the file",
                Kind.URL,
                example="https://www.example.com/image.jpg",
            ),
            Param(
                "thumburl",
                "URL of a thumbnail image for the file",
                Kind.URL,
                required=False,
                example="https://www.example.com/thumb.jpg",
            ),
            Param(
                "message",
                "Message accompanying the file",
                Kind.BODY,
                required=False,
                example="test message",
            ),
        ),
        errors=_errors(
            "CHANNEL_NOT_FOUND",
            "CHAT_NOT_FOUND",
            "INCORRECT_FILETYPE",
            "INCORRECT_FILEURL",
            "INCORRECT_THUMBURL",
        ),
    ),
    Operation(
        "chat.getchats",
        "Get the conversations of a channel",
        Effect.READS,
        (*_CHANNEL,),
        answer=_MESSAGES,
        errors=_errors("CHANNEL_NOT_FOUND", "CHAT_NOT_FOUND"),
    ),
    Operation(
        "chat.getmessages",
        "Get the messages of a chat",
        Effect.READS,
        (*_CHANNEL, _OTHER_END),
        answer=_MESSAGES,
        errors=_errors("CHANNEL_NOT_FOUND", "CHAT_NOT_FOUND"),
    ),
    Operation(
        "chat.getunreadmessages",
        "Get the unread messages of a chat",
        Effect.CHANGES,
        (*_CHANNEL, _OTHER_END),
        answer=Documented(
            Shape.LIST,
            (
                "platformid",
                "platform",
                "message",
                "destination",
                "messageid",
                "issent",
                "status",
                "datetime",
            ),
        ),
        errors=_errors("CHANNEL_NOT_FOUND", "CHAT_NOT_FOUND"),
    ),
)

# ── the second API ───────────────────────────────────────────────────────────────────────────────

_COMPANY = Param("company", "Company name", required=False)
_CUSTOM = tuple(
    Param(f"custom_{number}", "Custom field", Kind.BODY, required=False) for number in range(1, 5)
)
_ID = Documented(Shape.OBJECT, ("id",))

_CONTACTS = (
    Operation(
        "contacts.new",
        "Add a new contact",
        Effect.CHANGES,
        (
            Param("group_id", "Address book ID", Kind.WHOLE, example="1"),
            Param("phone_number", "Phone number", example="0412345678"),
            Param("first_name", "First name", required=False, example="John"),
            Param("last_name", "Last name", required=False, example="Doe"),
            _COMPANY,
            *_CUSTOM,
        ),
        answer=_ID,
        api=Api.CONTACTS,
    ),
    Operation(
        "contacts.detail",
        "Get a contact",
        Effect.READS,
        (Param("id", "Contact ID", Kind.ID, example="1"),),
        answer=Documented(
            Shape.OBJECT,
            ("contact",),
            "contact",
            (
                "id",
                "first_name",
                "last_name",
                "company",
                "phone_number",
                "custom_1",
                "custom_2",
                "custom_3",
                "custom_4",
            ),
        ),
        api=Api.CONTACTS,
    ),
    Operation(
        "contacts.edit",
        "Edit a contact",
        Effect.CHANGES,
        (
            Param("id", "Contact ID", Kind.WHOLE, example="123456"),
            Param("group_id", "ID of the address book to move it to", Kind.WHOLE, required=False),
            Param("first_name", "First name", required=False, example="Jane"),
            Param("last_name", "Last name", required=False),
            _COMPANY,
            Param("phone_number", "Phone number", required=False),
            *_CUSTOM,
        ),
        answer=_ID,
        api=Api.CONTACTS,
    ),
    Operation(
        "contacts.delete",
        "Delete a contact",
        Effect.CHANGES,
        (Param("id", "Contact ID", Kind.WHOLE, example="1234"),),
        answer=_ID,
        api=Api.CONTACTS,
    ),
)

#: Every operation by its name, as it is asked for in the spool and on the command line.
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {each.name: each for each in _PROVIDER + _CONTACTS}
)
