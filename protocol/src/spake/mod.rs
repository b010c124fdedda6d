//! SPAKE preauthentication: groups, messages, transcript, keys, cookie and the passes of both sides (RFC 9588).
