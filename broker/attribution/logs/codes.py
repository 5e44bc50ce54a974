"""Why a record of a log could not be read: every code once, with the sentence that goes with it.

A code is published and never renamed. The sentences name no value of a record, because they reach logs and pages.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # What is wrong with the bytes of the record, whatever its format.
    "RECORD_INCOMPLETE": "The log ends inside this record; it is read again when the rest of it has arrived.",
    "RECORD_TOO_LONG": "The record is longer than its format allows; nothing in it was read, its last part neither.",
    "RECORD_NUL": "The record contains NUL bytes, as a file does after a crash; restore it from the source.",
    "RECORD_MAYBE_CUT": "The record ends in a port that may have lost digits; let the source log something behind it.",
    "RECORD_SYNTAX": "The record does not have the shape of its format; check the format chosen for this source.",
    # What is wrong with a stamp.
    "TIME_FORMAT": "The time does not have the form of this log, or there is no such day or time of day.",
    "TIME_FOLD": "The local time happened twice when the clocks were put back; let the source write UTC.",
    "TIME_NONEXISTENT": "The local time was skipped when the clocks were put forward; check the zone of the source.",
    "TIME_IMPLAUSIBLE": "The time lies before the year 2000 or after 9998: the clock of the device was not set.",
    "TIME_ORDER": "The record says that something ended before it began; check the clock of the device.",
    "ZONE_MISSING": "The time names no zone and none is configured for this source; configure its IANA zone.",
    "ZONE_AMBIGUOUS": "The time names its zone by an abbreviation with several meanings; configure the IANA zone.",
    "ZONE_CONFLICT": "The time names another zone than the one configured for this source.",
    # What is wrong with the other values.
    "ADDRESS_SYNTAX": "What stands for the address or prefix is none, or a prefix has bits outside its length.",
    "ADDRESS_UNUSABLE": "The address is unspecified, loopback, link-local, multicast or reserved: no holder has it.",
    "NUMBER_SYNTAX": "A number is not written in plain decimal digits or is out of range.",
    "IDENTITY_SYNTAX": "The identity of the holder is empty, too long or not in the form of its kind.",
    "ATTRIBUTE_SEVERAL": "The record gives one attribute several values, and nothing says which of them counts.",
    "NETMASK_UNCLEAR": "The packet has a netmask, and whose the rest of that network is has not been said (--netmask).",
    "ADDRESS_MISSING": "The record ends a holding and does not say of which address or prefix.",
    "DEVICE_MISSING": "The record does not name the device that it is about.",
    "STATUS_MISSING": "The accounting record does not say whether something began, went on or ended.",
    "HEADER_UNKNOWN": "The first line does not name the columns that are needed; export the table with its header.",
    "ENTRY_CUSTOM": "The entry is not in the default words of this log; a custom format cannot be read.",
    "HOLDER_MISSING": "The record does not have the attribute that names the holder for this source.",
    # What is wrong with records of address translation.
    "TIME_MISSING": "Nothing in the record says when it happened; let the source or the relay write a stamp.",
    "YEAR_MISSING": "The time has no year, and no stamp of the collector near it tells the year; let it write one.",
    "PORTS_RANGE": "The ports are no set of ports: out of range, the last before the first, or without a step.",
    "RECORD_CONTRADICTS": "Two parts of the record exclude each other.",
    "FIELD_MISSING": "The record lacks a field without which it says nothing.",
    "FIELD_UNKNOWN": "The record has a field that is not known here, which might change its meaning.",
    "EVENT_UNKNOWN": "The record is of a kind that is not known here.",
    "EVENT_NUMBERING": "The event does not fit the numbering configured for this exporter; check which one it uses.",
    "EVENTS_LOST": "The collector says here that it lost events; nothing is said of that time. Give it more memory.",
    "FORM_UNSUPPORTED": "The record is in another form of this vendor's logs; configure the form that can be read.",
    "TEMPLATE_SYNTAX": "A template is cut off, empty, or larger than any record can be.",
    "TEMPLATE_MISSING": "The template of these data has not arrived within an hour, or no more can be kept.",
    "TEMPLATE_LATE": "The template arrived, but data kept for it cannot be read with it.",
    "TEMPLATE_LIMIT": "The exporter sends more templates than can be kept.",
    # What is wrong with an event among those before it.
    "EVENT_REPEATED": "The event says nothing new; it is counted as a repetition and not as a defect.",
    "EVENT_IN_FUTURE": "The event is later than it was received or read; check the clock of the device.",
    "EVENT_TOO_LATE": "The event came later than anything is remembered of its device; deliver the log in order.",
    "EVENT_BEFORE_RETENTION": "The event is older than what the operator may keep; it is not stored.",
    "EVENT_TOO_OLD": "The event tells of something that began more than 19 years ago; check the clock of the device.",
    "EVENT_WITHOUT_ADDRESS": "The event says that something happened to a holding and not to which address.",
    "EXPIRY_BEFORE_EVENT": "The lease would have ended before it was shown; check the clock of the device.",
    "EVENT_AFTER_CLOSING": "The event would change a holding that is over and stored already.",
    "LATE_CHANGE": "The event gives a session another address or holder at a time that is known to be otherwise.",
    "ALIVE_AFTER_END": "The event shows a session alive that was over.",
    "HOLDER_DIFFERS": "The end names another holder than the one that has the address.",
    "END_UNKNOWN": "The end names no holder, and nobody is known to have the address.",
    "END_AGAIN": "The session has another end already.",
}
