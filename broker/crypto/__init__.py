"""Everything that seals, opens or signs; may be imported by every stage and imports none of them."""
