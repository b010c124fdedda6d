//! Raw bindings to MIT krb5: the library, its preauthentication, policy and kadm5 plugin interfaces, the database
//! library, profile and kadm5. Generated from the installed headers; names are those of C.
//!
//! Only libkrb5 and libk5crypto are linked. Whoever calls into libkdb5 or one of the kadm5 libraries links it himself.

#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
#![allow(clippy::all, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/krb5.rs"));
