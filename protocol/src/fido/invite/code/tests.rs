use time::UtcDateTime;

use super::*;
use crate::fido::{invite::NewInvitation, record::tests as records};

const ID: InvitationId = InvitationId([1; 16]);
const PRINCIPAL: &[u8] = b"alice@R";

fn code() -> InvitationCode {
    InvitationCode::new([0xab; INVITATION_CODE_LEN])
}

fn invitation() -> Invitation {
    Invitation::new(&NewInvitation {
        id: ID,
        created: UtcDateTime::UNIX_EPOCH,
        until: UtcDateTime::UNIX_EPOCH,
        by: "root/admin@R",
        code: Some(code().hash(ID).unwrap()),
    })
    .unwrap()
}

/// A record with a proof for `principal` by `code` for the invitation `id`.
fn proved(code: &InvitationCode, id: InvitationId, principal: &[u8]) -> CredentialRecord {
    let mut record = records::es256();
    let proof = code.prove(id, principal, &record).unwrap();
    record.set_invitation(id, Some(&proof));
    record
}

fn check(record: &CredentialRecord) -> Result<(), Error> {
    // As it is stored.
    let record = CredentialRecord::parse(&record.encode().unwrap()).unwrap();
    invitation().check_code(PRINCIPAL, &record)
}

#[test]
fn code_is_shown_in_groups_and_read_again() {
    let mut bytes = [0; INVITATION_CODE_LEN];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::try_from(place).unwrap() * 17;
    }
    let text = InvitationCode::new(bytes).text();
    assert_eq!(text.expose(), b"0011-2233-4455-6677-8899-aabb-ccdd-eeff");
    for written in [
        "0011-2233-4455-6677-8899-aabb-ccdd-eeff",
        "00112233445566778899AABBCCDDEEFF",
        " 0011 2233-4455 6677 8899 aabb ccdd eeff\n",
    ] {
        assert!(
            InvitationCode::parse(written.as_bytes())
                .unwrap()
                .0
                .matches(&bytes)
        );
    }
}

#[test]
fn other_codes_are_refused() {
    for text in [
        "",
        "0011-2233-4455-6677-8899-aabb-ccdd-eef",
        "0011-2233-4455-6677-8899-aabb-ccdd-eeff0",
        "0011-2233-4455-6677-8899-aabb-ccdd-eefg",
        "0011_2233_4455_6677_8899_aabb_ccdd_eeff",
    ] {
        let refused = InvitationCode::parse(text.as_bytes()).map(drop);
        assert_eq!(refused, Err(Error::MalformedInvitationCode), "{text:?}");
    }
}

#[test]
fn record_proves_its_code() {
    assert_eq!(check(&proved(&code(), ID, PRINCIPAL)), Ok(()));
}

#[test]
fn record_without_a_proof() {
    assert_eq!(check(&records::es256()), Err(Error::InvitationCodeMissing));
}

#[test]
fn proof_of_another_code() {
    let other = InvitationCode::new([0xac; INVITATION_CODE_LEN]);
    assert_eq!(
        check(&proved(&other, ID, PRINCIPAL)),
        Err(Error::InvitationCodeWrong)
    );
}

#[test]
fn proof_for_another_principal_or_invitation() {
    for record in [
        proved(&code(), ID, b"bob@R"),
        proved(&code(), InvitationId([2; 16]), PRINCIPAL),
    ] {
        assert_eq!(check(&record), Err(Error::InvitationCodeWrong));
    }
}

#[test]
fn proof_for_another_credential() {
    let proof = code().prove(ID, PRINCIPAL, &records::es256()).unwrap();
    let mut other = records::other_es256();
    other.set_invitation(ID, Some(&proof));
    assert_eq!(check(&other), Err(Error::InvitationCodeWrong));
}

#[test]
fn changed_signature() {
    let mut record = records::es256();
    let mut proof = code().prove(ID, PRINCIPAL, &record).unwrap();
    proof.signature[0] ^= 1;
    record.set_invitation(ID, Some(&proof));
    assert_eq!(check(&record), Err(Error::InvitationCodeWrong));
}

#[test]
fn key_with_a_signature_of_its_own_is_not_that_of_the_invitation() {
    // Whoever reads the invitation knows the hash of the key, and can sign with another.
    let mut record = records::es256();
    let other = InvitationCode::new([0; INVITATION_CODE_LEN]);
    let mut proof = other.prove(ID, PRINCIPAL, &record).unwrap();
    proof.key = *invitation().code().unwrap();
    record.set_invitation(ID, Some(&proof));
    assert_eq!(check(&record), Err(Error::InvitationCodeWrong));
}

#[test]
fn invitation_without_a_code_asks_for_none() {
    let open = Invitation::new(&NewInvitation {
        id: ID,
        created: UtcDateTime::UNIX_EPOCH,
        until: UtcDateTime::UNIX_EPOCH,
        by: "root/admin@R",
        code: None,
    })
    .unwrap();
    assert_eq!(open.check_code(PRINCIPAL, &records::es256()), Ok(()));
}
