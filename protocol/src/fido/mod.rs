//! The SF-FIDO second factor: messages, what is signed, credential records, verification.
