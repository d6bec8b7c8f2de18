//! Who sends a request: the claim in its signature, held against IAM's secret.

use cumulet_engine::Principal;
use cumulet_identity::sts::{self, Identity, Times, UnknownIdentity};
use cumulet_kernel::clock::wall_now;
use cumulet_wire::sigv4::{self, Payload, Presented, SignatureFault, Verification, Verified};

use super::Inbound;
use crate::server::Server;

/// Who sends a request, proven or anonymous.
pub(in crate::server) struct Caller {
    pub(in crate::server) principal: Principal,
    /// The region that the credential scope names.
    pub(in crate::server) region: Option<String>,
    pub(in crate::server) payload: Payload,
    /// What opens the chunks of a streamed body.
    pub(in crate::server) verified: Option<Verified>,
}

/// A claim, with the secret that proves it.
pub(in crate::server) struct Claim {
    presented: Presented,
    secret_access_key: String,
    principal: Principal,
}

/// Why a request has no caller.
pub(in crate::server) enum Unproven {
    Fault(SignatureFault),
    Internal(cumulet_engine::Error),
}

impl From<SignatureFault> for Unproven {
    fn from(fault: SignatureFault) -> Self {
        Self::Fault(fault)
    }
}

impl Caller {
    pub(in crate::server) fn anonymous() -> Self {
        Self {
            principal: Principal::anonymous(),
            region: None,
            payload: Payload::Undeclared,
            verified: None,
        }
    }
}

/// Reads the claim and finds its secret; `None` where a request bears no signature.
pub(in crate::server) fn claim(
    server: &Server,
    inbound: &Inbound,
) -> Result<Option<Claim>, Unproven> {
    let Some(presented) = sigv4::parse(&inbound.head)? else {
        return Ok(None);
    };
    let token = presented.session_token.as_deref();
    let identity = find(server, inbound, &presented.access_key, token)?;
    Ok(Some(Claim {
        secret_access_key: identity.secret_access_key,
        principal: identity.principal,
        presented,
    }))
}

/// Whose an access key is, and the secret that proves it.
pub(in crate::server) fn find(
    server: &Server,
    inbound: &Inbound,
    access_key: &str,
    token: Option<&str>,
) -> Result<Identity, Unproven> {
    let loopback = inbound.origin.is_local();
    let times = Times {
        now: server.engine.clock.now(),
        wall: wall_now(),
    };
    let found = server
        .engine
        .read(|tx| sts::identify(tx, times, access_key, token, loopback));
    found
        .map_err(Unproven::Internal)?
        .map_err(|unknown| fault_of(unknown, access_key).into())
}

fn fault_of(unknown: UnknownIdentity, access_key: &str) -> SignatureFault {
    match unknown {
        UnknownIdentity::UnknownKey => SignatureFault::UnknownKey {
            access_key: access_key.to_owned(),
        },
        UnknownIdentity::InvalidToken => SignatureFault::InvalidToken,
        UnknownIdentity::ExpiredToken => SignatureFault::ExpiredToken,
    }
}

impl Claim {
    pub(in crate::server) fn payload(&self) -> &Payload {
        &self.presented.payload
    }

    /// Holds the claim against the secret. `body_sha256` is `None` where the body is still to come.
    pub(in crate::server) fn prove(
        self,
        server: &Server,
        inbound: &Inbound,
        service: &str,
        body_sha256: Option<&str>,
    ) -> Result<Caller, Unproven> {
        self.prove_within(server, inbound, service, body_sha256, sigv4::SKEW_MAX_S)
    }

    /// The same with another tolerance for the difference of clocks.
    pub(in crate::server) fn prove_within(
        self,
        server: &Server,
        inbound: &Inbound,
        service: &str,
        body_sha256: Option<&str>,
        skew_max_s: i64,
    ) -> Result<Caller, Unproven> {
        let verification = Verification {
            secret_key: &self.secret_access_key,
            now_s: wall_now().seconds(),
            service,
            region: None,
            body_sha256,
            skew_max_s,
        };
        let verified = self
            .presented
            .verify(&inbound.head, &verification, &server.signing_keys)?;
        Ok(Caller {
            principal: self.principal,
            region: Some(self.presented.scope.region),
            payload: self.presented.payload,
            verified: Some(verified),
        })
    }
}
