"""Search and selection: strategies that draw many chains, have them judged, and choose."""
