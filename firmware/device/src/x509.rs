//! X.509 certificates (RFC 5280) as the verifier needs them: version 3, P-256 keys, ECDSA with SHA-256.
//!
//! A certificate that uses anything else, or carries a critical extension that is not understood here, does not parse.

use crate::der::{DerError, Reader, Value, tag};
use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier as _};

/// A parsed certificate; borrows its DER.
pub(crate) struct Certificate<'a> {
    /// All of it.
    pub(crate) der: &'a [u8],
    /// The bytes that the issuer signed.
    to_be_signed: &'a [u8],
    signature: &'a [u8],
    /// Distinguished names as their DER.
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// Last second of validity, in seconds since the Unix epoch.
    pub(crate) not_after_s: u64,
    /// SubjectPublicKeyInfo as its DER.
    pub(crate) spki: &'a [u8],
    /// The key as SEC1 bytes.
    key: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

/// The extensions that limit the use of a certificate.
#[derive(Default)]
pub(crate) struct Extensions<'a> {
    /// basicConstraints: cA.
    pub(crate) is_ca: bool,
    /// basicConstraints: pathLenConstraint.
    pub(crate) path_len: Option<u8>,
    /// keyUsage, bit 0 of the standard in the top bit of the first byte.
    pub(crate) key_usage: Option<u8>,
    /// extKeyUsage contains serverAuth; `None` if the extension is absent.
    pub(crate) server_auth: Option<bool>,
    /// subjectAltName: the GeneralNames.
    names: Option<&'a [u8]>,
}

/// keyUsage: digitalSignature.
pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
/// keyUsage: keyCertSign.
pub(crate) const KEY_CERT_SIGN: u8 = 0x04;

// Object identifiers, content bytes.
pub(crate) const OID_EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
pub(crate) const OID_PRIME256V1: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
pub(crate) const OID_ECDSA_WITH_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
const OID_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
const OID_KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
const OID_EXT_KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x25];
const OID_SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];
const OID_SERVER_AUTH: &[u8] = &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// GeneralName: dNSName.
const DNS_NAME: u8 = 0x82;

impl<'a> Certificate<'a> {
    /// Parses a certificate.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.expect(tag::SEQUENCE)?.reader();
        outer.end()?;
        let signed = certificate.expect(tag::SEQUENCE)?;
        expect_ecdsa_sha256(certificate.expect(tag::SEQUENCE)?)?;
        let signature = certificate.next()?.bits()?;
        certificate.end()?;

        let mut fields = signed.reader();
        let version = fields.expect(tag::context(0))?;
        if version.content != [tag::INTEGER, 1, 2] {
            return Err(DerError);
        }
        fields.expect(tag::INTEGER)?; // serial number
        expect_ecdsa_sha256(fields.expect(tag::SEQUENCE)?)?;
        let issuer = fields.expect(tag::SEQUENCE)?.whole;
        let mut validity = fields.expect(tag::SEQUENCE)?.reader();
        let _not_before = unix_seconds(validity.next()?)?;
        let not_after_s = unix_seconds(validity.next()?)?;
        let subject = fields.expect(tag::SEQUENCE)?.whole;
        let spki = fields.expect(tag::SEQUENCE)?;
        let key = p256_key(spki)?;
        let extensions = match fields.optional(tag::context(3))? {
            Some(wrapped) => Extensions::parse(wrapped)?,
            None => Extensions::default(),
        };
        fields.end()?;
        Ok(Self {
            der,
            to_be_signed: signed.whole,
            signature,
            issuer,
            subject,
            not_after_s,
            spki: spki.whole,
            key,
            extensions,
        })
    }

    /// The subject's key.
    pub(crate) fn key(&self) -> Result<VerifyingKey, DerError> {
        VerifyingKey::from_sec1_bytes(self.key).map_err(|_| DerError)
    }

    /// Whether the key's owner signed this certificate.
    pub(crate) fn is_signed_by(&self, issuer: &VerifyingKey) -> bool {
        DerSignature::from_bytes(self.signature)
            .is_ok_and(|signature| issuer.verify(self.to_be_signed, &signature).is_ok())
    }

    /// Whether the subjectAltName holds this DNS name, compared without case. Wildcards match nothing.
    pub(crate) fn has_dns_name(&self, name: &str) -> bool {
        let mut names = Reader::new(self.extensions.names.unwrap_or_default());
        while let Ok(entry) = names.next() {
            if entry.tag == DNS_NAME && entry.content.eq_ignore_ascii_case(name.as_bytes()) {
                return true;
            }
        }
        false
    }
}

impl<'a> Extensions<'a> {
    fn parse(wrapped: Value<'a>) -> Result<Self, DerError> {
        let mut extensions = Self::default();
        let mut list = wrapped.reader().expect(tag::SEQUENCE)?.reader();
        while !list.is_empty() {
            let mut fields = list.expect(tag::SEQUENCE)?.reader();
            let oid = fields.expect(tag::OBJECT_IDENTIFIER)?.content;
            let critical = fields
                .optional(tag::BOOLEAN)?
                .is_some_and(|critical| critical.content != [0]);
            let value = fields.expect(tag::OCTET_STRING)?.reader();
            fields.end()?;
            extensions.take(oid, critical, value)?;
        }
        Ok(extensions)
    }

    fn take(&mut self, oid: &[u8], critical: bool, mut value: Reader<'a>) -> Result<(), DerError> {
        match oid {
            OID_BASIC_CONSTRAINTS => {
                let mut fields = value.expect(tag::SEQUENCE)?.reader();
                self.is_ca = fields.optional(tag::BOOLEAN)?.is_some_and(|ca| ca.content == [0xFF]);
                self.path_len = match fields.optional(tag::INTEGER)?.map(|value| value.content) {
                    None => None,
                    Some([len @ 0..=0x7F]) => Some(*len),
                    Some(_) => return Err(DerError),
                };
                fields.end()
            }
            OID_KEY_USAGE => match value.expect(tag::BIT_STRING)?.content {
                [_unused, first, ..] => {
                    self.key_usage = Some(*first);
                    Ok(())
                }
                _ => Err(DerError),
            },
            OID_EXT_KEY_USAGE => {
                let mut purposes = value.expect(tag::SEQUENCE)?.reader();
                let mut server_auth = false;
                while !purposes.is_empty() {
                    server_auth |= purposes.expect(tag::OBJECT_IDENTIFIER)?.content == OID_SERVER_AUTH;
                }
                self.server_auth = Some(server_auth);
                Ok(())
            }
            OID_SUBJECT_ALT_NAME => {
                self.names = Some(value.expect(tag::SEQUENCE)?.content);
                Ok(())
            }
            // RFC 5280, section 4.2: an unknown critical extension makes the certificate unusable.
            _ if critical => Err(DerError),
            _ => Ok(()),
        }
    }
}

fn expect_ecdsa_sha256(algorithm: Value<'_>) -> Result<(), DerError> {
    let mut fields = algorithm.reader();
    let oid = fields.expect(tag::OBJECT_IDENTIFIER)?;
    fields.end()?;
    if oid.content == OID_ECDSA_WITH_SHA256 {
        Ok(())
    } else {
        Err(DerError)
    }
}

fn p256_key(spki: Value<'_>) -> Result<&[u8], DerError> {
    let mut fields = spki.reader();
    let mut algorithm = fields.expect(tag::SEQUENCE)?.reader();
    let key_type = algorithm.expect(tag::OBJECT_IDENTIFIER)?.content;
    let curve = algorithm.expect(tag::OBJECT_IDENTIFIER)?.content;
    if key_type != OID_EC_PUBLIC_KEY || curve != OID_PRIME256V1 {
        return Err(DerError);
    }
    let key = fields.next()?.bits()?;
    fields.end()?;
    Ok(key)
}

/// UTCTime or GeneralizedTime in the forms that RFC 5280, section 4.1.2.5 allows.
fn unix_seconds(value: Value<'_>) -> Result<u64, DerError> {
    let (year_digits, text) = match (value.tag, value.content) {
        (tag::UTC_TIME, text @ [.., b'Z']) if text.len() == 13 => (2, text),
        (tag::GENERALIZED_TIME, text @ [.., b'Z']) if text.len() == 15 => (4, text),
        _ => return Err(DerError),
    };
    let number = |from: usize, len: usize| {
        text[from..from + len].iter().try_fold(0u64, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| 10 * number + u64::from(digit - b'0'))
                .ok_or(DerError)
        })
    };
    let year = match (year_digits, number(0, year_digits)?) {
        (2, year) if year < 50 => 2000 + year,
        (2, year) => 1900 + year,
        (_, year) => year,
    };
    let at = |index: usize| number(year_digits + 2 * index, 2);
    let (month, day) = (at(0)?, at(1)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(DerError);
    }
    Ok(days_since_epoch(year, month, day) * 86_400 + at(2)? * 3600 + at(3)? * 60 + at(4)?)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month < 3 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_time() {
        let check = |tag, text: &str, expected| {
            let value = Value {
                tag,
                content: text.as_bytes(),
                whole: &[],
            };
            assert_eq!(unix_seconds(value), expected, "{text}");
        };
        check(tag::UTC_TIME, "700101000000Z", Ok(0));
        check(tag::UTC_TIME, "000301000000Z", Ok(951_868_800));
        check(tag::UTC_TIME, "241231235959Z", Ok(1_735_689_599));
        check(tag::GENERALIZED_TIME, "20240229120000Z", Ok(1_709_208_000));
        check(tag::GENERALIZED_TIME, "99991231235959Z", Ok(253_402_300_799));
        check(tag::UTC_TIME, "2412312359Z", Err(DerError));
        check(tag::UTC_TIME, "24123123595xZ", Err(DerError));
        check(tag::UTC_TIME, "241331235959Z", Err(DerError));
    }
}
