//! The bare cost of the cryptography that no implementation can avoid.

use core::{convert::Infallible, ffi::CStr};
use std::time::Duration;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use krb5_fido_protocol::{
    kerberos::{Key, Random},
    secret::SecretBytes,
    spake::{
        Group,
        client::{encode_support, process_challenge},
        kdc::{ChallengeSent, Offer, Reply, make_challenge},
        message::PaSpake,
    },
};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcPoint, PointConversionForm},
    error::ErrorStack,
    nid::Nid,
};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    error::Error,
    report::{Section, spread, table},
    statistics::{Summary, microseconds},
};

/// Operations between two looks at the clock.
const BATCH: u32 = 20;

/// Measures with this many batches of each operation.
pub(crate) fn run(groups: &[Group], batches: u32) -> Result<Section, Error> {
    eprintln!("bare operations");
    let mut curves = Vec::new();
    for group in groups {
        let ours = measure_ours(*group, batches)?;
        let openssl = curve_of(*group)
            .map(|curve| measure_openssl(curve, batches))
            .transpose()?;
        for (index, operation) in ["challenge", "response"].into_iter().enumerate() {
            let theirs = openssl.as_ref().and_then(|both| both.get(index));
            curves.push(vec![
                format!("{}, {operation}", group.name()),
                ours.get(index)
                    .map_or_else(String::new, |summary| spread(*summary, 1)),
                theirs.map_or_else(|| "not OpenSSL's".to_owned(), |summary| spread(*summary, 1)),
            ]);
        }
    }
    let signatures = measure_signatures(batches)?;
    let text = format!(
        "CPU time of one thread in µs. The KDC's part of SPAKE with Kerberos cryptography that costs nothing: for the \
         challenge x·G + w·M, for the response x·(S - w·N), with encoding, hashes and messages. OpenSSL computes the same \
         elements in the calls that the stock module makes; the stock module's edwards25519 is code of its own, whose \
         instructions are counted above.\n\n{}\n\
         Verification of a signature by aws-lc-rs, as the KDC module has it:\n\n{}",
        table(&["operation", "ours", "OpenSSL"], &curves),
        table(&["algorithm", "µs"], &signatures),
    );
    Ok(Section::new("Bare operations", text))
}

/// The microseconds of `operation`, summarized over batches.
fn measure<E>(batches: u32, mut operation: impl FnMut() -> Result<(), E>) -> Result<Summary, E> {
    let mut times = Vec::new();
    for batch in 0..=batches {
        let before = thread_time();
        for _ in 0..BATCH {
            operation()?;
        }
        // The first one only warms up.
        if batch > 0 {
            times.push(microseconds(thread_time().saturating_sub(before)) / f64::from(BATCH));
        }
    }
    Ok(Summary::of(&times))
}

/// User and system time of this thread.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Kerberos cryptography for nothing: all keys are the same.
struct FreeKey;

impl Key for FreeKey {
    type Error = Infallible;

    fn enctype(&self) -> i32 {
        18
    }

    fn prf_plus(&self, _input: &[u8], output: &mut [u8]) -> Result<(), Infallible> {
        output.fill(0x5a);
        Ok(())
    }

    fn seed_length(&self) -> Result<usize, Infallible> {
        Ok(32)
    }

    fn random_to_key(&self, _seed: &[u8]) -> Result<Self, Infallible> {
        Ok(Self)
    }

    fn fx_cf2(&self, _pepper: &CStr, _other: &Self, _other_pepper: &CStr) -> Result<Self, Infallible> {
        Ok(Self)
    }

    fn encrypt(&self, _usage: i32, plain: &[u8]) -> Result<Vec<u8>, Infallible> {
        Ok(plain.to_vec())
    }

    fn decrypt(&self, _usage: i32, cipher: &[u8]) -> Result<Option<SecretBytes>, Infallible> {
        Ok(Some(SecretBytes::from(cipher)))
    }
}

/// Bytes that differ from call to call and cost nothing.
struct FreeRandom(u8);

impl Random for FreeRandom {
    type Error = Infallible;

    fn fill(&mut self, output: &mut [u8]) -> Result<(), Infallible> {
        self.0 = self.0.wrapping_add(1);
        output.fill(self.0 & 0x7f | 1);
        Ok(())
    }
}

type SpakeError = krb5_fido_protocol::spake::SpakeError<Infallible>;

fn challenge(group: Group, support: &[u8], random: &mut FreeRandom) -> Result<Reply, SpakeError> {
    make_challenge(group, &FreeKey, support, &Offer::None, random, &mut |_| {})
}

/// Challenge and response of the KDC.
fn measure_ours(group: Group, batches: u32) -> Result<[Summary; 2], Error> {
    let failed = |error: SpakeError| Error::Login(error.to_string());
    let mut random = FreeRandom(0);
    let support = encode_support(&[group])?;
    let sent = challenge(group, &support, &mut random).map_err(failed)?;
    let public = client_public(&support, &sent).map_err(failed)?;

    let first = measure(batches, || challenge(group, &support, &mut random).map(drop));
    let second = measure(batches, || {
        let answered = ChallengeSent::parse_cookie(sent.cookie.expose())?;
        answered
            .process_response(&FreeKey, &public, &mut |_| {})
            .map(drop)
    });
    Ok([first.map_err(failed)?, second.map_err(failed)?])
}

fn client_public(support: &[u8], sent: &Reply) -> Result<Vec<u8>, SpakeError> {
    let agreed = process_challenge(FreeKey, support, &sent.message, &mut FreeRandom(77), &mut |_| {})?;
    let offered = agreed.offered().first().cloned();
    let factor = offered.ok_or(krb5_fido_protocol::Error::FactorNotOffered)?;
    let (_, message) = agreed.respond(b"body", &factor, &mut |_| {})?;
    match PaSpake::decode(&message)? {
        PaSpake::Response { public, .. } => Ok(public),
        _ => Err(krb5_fido_protocol::Error::UnexpectedMessage.into()),
    }
}

const fn curve_of(group: Group) -> Option<Nid> {
    match group {
        Group::Edwards25519 => None,
        Group::P256 => Some(Nid::X9_62_PRIME256V1),
        Group::P384 => Some(Nid::SECP384R1),
        Group::P521 => Some(Nid::SECP521R1),
    }
}

/// The same in OpenSSL's calls that krb5's plugins/preauth/spake/openssl.c makes. Any point does for M and N.
fn measure_openssl(curve: Nid, batches: u32) -> Result<[Summary; 2], ErrorStack> {
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    group.order(&mut order, &mut context)?;
    let random_scalar = || -> Result<BigNum, ErrorStack> {
        let mut scalar = BigNum::new()?;
        order.rand_range(&mut scalar)?;
        Ok(scalar)
    };
    let (w, x) = (random_scalar()?, random_scalar()?);
    let mut constant = EcPoint::new(&group)?;
    constant.mul_generator2(&group, &x, &mut context)?;
    let peer = constant.to_bytes(&group, PointConversionForm::COMPRESSED, &mut context)?;

    let keygen = measure(batches, || {
        let private = random_scalar()?;
        let mut public = EcPoint::new(&group)?;
        public.mul_full(&group, &private, &constant, &w, &mut context)?;
        public
            .to_bytes(&group, PointConversionForm::COMPRESSED, &mut context)
            .map(drop)
    })?;
    let result = measure(batches, || {
        let public = EcPoint::from_bytes(&group, &peer, &mut context)?;
        let mut masked = EcPoint::new(&group)?;
        masked.mul2(&group, &constant, &w, &mut context)?;
        masked.invert2(&group, &mut context)?;
        let mut sum = EcPoint::new(&group)?;
        sum.add(&group, &public, &masked, &mut context)?;
        let mut result = EcPoint::new(&group)?;
        result.mul2(&group, &sum, &x, &mut context)?;
        result
            .to_bytes(&group, PointConversionForm::COMPRESSED, &mut context)
            .map(drop)
    })?;
    Ok([keygen, result])
}

fn measure_signatures(batches: u32) -> Result<Vec<Vec<String>>, Error> {
    let failed = |_| Error::Login("aws-lc-rs refuses".to_owned());
    // Authenticator data and client data hash.
    let message = [0x42; 69];
    let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
    let es256_signature = es256.sign(&SystemRandom::new(), &message).map_err(failed)?;
    let eddsa = Ed25519KeyPair::generate().map_err(failed)?;
    let eddsa_signature = eddsa.sign(&message);
    let verify = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8], signature: &[u8]| {
        let verify = || UnparsedPublicKey::new(algorithm, key).verify(&message, signature);
        measure(batches, verify).map_err(failed)
    };
    let rows = [
        (
            "ES256",
            verify(
                &ECDSA_P256_SHA256_ASN1,
                es256.public_key().as_ref(),
                es256_signature.as_ref(),
            )?,
        ),
        (
            "EdDSA",
            verify(&ED25519, eddsa.public_key().as_ref(), eddsa_signature.as_ref())?,
        ),
    ];
    Ok(rows
        .map(|(name, summary)| vec![name.to_owned(), spread(summary, 1)])
        .to_vec())
}
