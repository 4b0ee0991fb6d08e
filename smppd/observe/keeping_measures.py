"""The metrics of what is kept and what is removed, declared once. This is a table."""

from __future__ import annotations

from smppd.observe.measuring import whole, whole_by

KEEPING_MEASURES = (
    whole(
        "smppd_journal_bytes",
        "How large the journal is on disk.",
        lambda figures: figures.journal.octets,
    ),
    whole(
        "smppd_journal_removed_messages_total",
        "Messages removed from the journal, since it was made, because they were over for long enough.",
        lambda figures: figures.journal.removed,
    ),
    whole(
        "smppd_journal_facts_to_look_at",
        "Facts of the journal that are still to be looked at for messages to remove.",
        lambda figures: figures.journal.to_look_at,
    ),
    whole_by(
        "place",
        "smppd_place_files",
        "Files in a place of the spool at the last look.",
        lambda figures: [(place.name, place.files) for place in figures.places],
    ),
    whole_by(
        "place",
        "smppd_place_bytes",
        "How much is in a place of the spool at the last look.",
        lambda figures: [(place.name, place.octets) for place in figures.places],
    ),
    whole_by(
        "place",
        "smppd_place_oldest_age_seconds",
        "For how long the oldest file of a place has not changed; 0 when there is none.",
        lambda figures: [
            (place.name, 0.0 if place.oldest is None else max(0.0, figures.now - place.oldest))
            for place in figures.places
        ],
    ),
    whole_by(
        "place",
        "smppd_place_removed_files_total",
        "Files removed from a place because they were too old or too much.",
        lambda figures: [(place.name, place.removed_files) for place in figures.places],
    ),
    whole_by(
        "place",
        "smppd_place_removed_bytes_total",
        "How much was removed from a place because it was too old or too much.",
        lambda figures: [(place.name, place.removed_octets) for place in figures.places],
    ),
)
