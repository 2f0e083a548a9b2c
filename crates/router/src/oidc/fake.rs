//! For tests: an issuer in memory, with the patience of a host that keeps what it answers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value as Json, json};

use crate::host::{IssuerError, IssuerRequest, IssuerResponse};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const CLIENT: &str = "weft";

/// An issuer whose key is ES256.
pub(crate) struct Fake {
    /// Which key it signs with, and names.
    pub(crate) key: Cell<u8>,
    pub(crate) is_down: Cell<bool>,
    /// Claims of the ID token for a code.
    pub(crate) codes: RefCell<HashMap<String, Json>>,
    /// What it says of whoever asks with the access token `access`.
    pub(crate) userinfo: RefCell<Json>,
    /// What it was asked, and had no answer kept for.
    pub(crate) asked: RefCell<Vec<IssuerRequest>>,
    /// Members that it says of itself otherwise.
    pub(crate) metadata: RefCell<Json>,
    kept: RefCell<HashMap<String, (u64, IssuerResponse)>>,
}

impl Default for Fake {
    fn default() -> Fake {
        Fake {
            key: Cell::new(1),
            is_down: Cell::new(false),
            codes: RefCell::default(),
            userinfo: RefCell::default(),
            asked: RefCell::default(),
            metadata: RefCell::new(json!({})),
            kept: RefCell::default(),
        }
    }
}

fn signing_key(number: u8) -> SigningKey {
    SigningKey::from_slice(&[number; 32]).unwrap()
}

fn encoded(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

impl Fake {
    /// A token over these claims, with its current key.
    pub(crate) fn token(&self, claims: &Json) -> String {
        self.token_with(&json!({"alg": "ES256", "kid": self.name(), "typ": "JWT"}), claims)
    }

    /// One with a head of its own.
    pub(crate) fn token_with(&self, head: &Json, claims: &Json) -> String {
        let signed = format!("{}.{}", encoded(head), encoded(claims));
        let signature: Signature = signing_key(self.key.get()).sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    pub(crate) fn name(&self) -> String {
        format!("key-{}", self.key.get())
    }

    /// How often it was asked for its keys.
    pub(crate) fn asked_for_keys(&self) -> usize {
        self.asked.borrow().iter().filter(|request| request.url.ends_with("/keys")).count()
    }

    /// The last request with which a code was exchanged.
    pub(crate) fn last_exchange(&self) -> IssuerRequest {
        self.asked.borrow().iter().rev().find(|request| request.form.is_some()).unwrap().clone()
    }

    pub(crate) fn public_key(&self) -> Json {
        let point = signing_key(self.key.get()).verifying_key().to_encoded_point(false);
        let (x, y) = (URL_SAFE_NO_PAD.encode(point.x().unwrap()), URL_SAFE_NO_PAD.encode(point.y().unwrap()));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.name(), "alg": "ES256", "use": "sig"})
    }

    pub(crate) fn answer(&self, request: IssuerRequest, now: u64) -> Result<IssuerResponse, IssuerError> {
        let kept = self.kept.borrow().get(&request.url).cloned();
        if let Some((at, answer)) = kept
            && request.form.is_none()
            && request.authorization.is_none()
            && now - at <= u64::from(request.max_age)
        {
            return Ok(answer);
        }
        if self.is_down.get() {
            return Err(IssuerError("no answer in time".to_owned()));
        }
        self.asked.borrow_mut().push(request.clone());
        let (status, body) = match request.url.strip_prefix(ISSUER) {
            Some("/.well-known/openid-configuration") => (200, self.says()),
            Some("/keys") => (200, json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}, self.public_key()]})),
            Some("/userinfo") if request.authorization.as_deref() == Some("Bearer access") => {
                (200, self.userinfo.borrow().clone())
            }
            Some("/token") => self.exchange(request.form.as_deref().unwrap()),
            _ => (404, json!({})),
        };
        let answer = IssuerResponse { status, body: body.to_string().into_bytes() };
        self.kept.borrow_mut().insert(request.url, (now, answer.clone()));
        Ok(answer)
    }

    fn says(&self) -> Json {
        let mut says = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/auth"),
            "token_endpoint": format!("{ISSUER}/token"),
            "userinfo_endpoint": format!("{ISSUER}/userinfo"),
            "jwks_uri": format!("{ISSUER}/keys"),
        });
        says.as_object_mut().unwrap().extend(self.metadata.borrow().as_object().unwrap().clone());
        says
    }

    /// A code is good once.
    fn exchange(&self, form: &str) -> (u16, Json) {
        let code = form.split('&').find_map(|field| field.strip_prefix("code=")).unwrap();
        match self.codes.borrow_mut().remove(code) {
            Some(claims) => (200, json!({"id_token": self.token(&claims), "access_token": "access"})),
            None => (400, json!({"error": "invalid_grant"})),
        }
    }
}
