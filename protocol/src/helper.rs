//! Frames between the client module and krb5-fido-helper.
