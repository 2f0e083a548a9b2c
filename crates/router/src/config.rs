//! Settings, read once.
//!
//! | name | meaning | default |
//! |---|---|---|
//! | `key` | secret of 32 characters or more; signs sessions, and hashes sign-in codes | none: required |
//! | `key-before` | the `key` of before, whose signatures on sessions still count | none |
//! | `development` | `true`: sign-in codes are in the answer instead of a mail, cookies lack `Secure` | `false` |
//! | `guests` | `true`: people are let in without signing in | `false`; in development mode `true` |
//! | `admins` | who may define types, and act in others' names: emails and person ids, separated by commas | none; in development mode everybody |
//! | `origins` | origins that pages may come from beside our own host, separated by commas | none |
//! | `app-url` | the web app that invitations by mail lead to | none: they can't be sent |
//! | `grip-key` | key of the gateway's `Grip-Sig` (HS256) | none |
//! | `grip-required` | `true`: socket events count only with a valid `Grip-Sig` | `false` |
//! | `jwt-issuer`, `jwt-key` | whose bearer tokens (HS256) are accepted in place of a session, and their key | none |
//! | `jwt-audience` | one of the audiences (`aud`) that such a token has to be for | any |
//! | `oidc-issuer` | the URL of the OpenID Connect issuer that vouches for persons | none |
//! | `oidc-client-id`, `oidc-client-secret` | who we are to it, for the button; a public client has no secret | none |
//! | `oidc-audience` | what its bearer tokens have to be for (`aud`) | `oidc-client-id` |
//! | `limit-…` | bounds on what is sent: `value-bytes`, `depth`, `message-bytes`, `body-bytes`, `diff-operations`, `subscriptions` | docs/protocol.md, "Limits" |

use timeweft_core::id::is_local_id;
use timeweft_core::limits::Limits;
use timeweft_core::time::Timestamp;

use crate::host::Settings;
use crate::oidc::client::{Client, is_secure};
use crate::sign_in::email;
use crate::token::Token;

const SHORTEST_KEY: usize = 32;

/// Who else may vouch for persons.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) key: Vec<u8>,
    /// What its tokens have to be for.
    pub(crate) audience: Option<String>,
}

/// The settings, checked.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) key: Vec<u8>,
    /// What signed sessions until lately.
    key_before: Option<Vec<u8>>,
    pub(crate) development: bool,
    /// Whether people are let in without signing in.
    pub(crate) guests: bool,
    /// Normal emails, and ids of persons.
    pub(crate) admins: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) app_url: Option<String>,
    pub(crate) grip_key: Option<Vec<u8>>,
    pub(crate) grip_required: bool,
    pub(crate) issuer: Option<Issuer>,
    pub(crate) oidc: Option<Client>,
    pub(crate) limits: Limits,
}

/// A setting that the router can't work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Without a key nobody can sign in.
    #[error("the setting `key` is missing: a secret of at least {SHORTEST_KEY} characters, the same on every server")]
    NoKey,
    /// A key that can be guessed.
    #[error("the setting `{0}` has fewer than {SHORTEST_KEY} characters")]
    ShortKey(&'static str),
    /// Not a switch.
    #[error("the setting `{0}` is `true` or `false`")]
    Switch(&'static str),
    /// Nobody who could be an admin.
    #[error("the setting `admins` has emails and person ids, separated by commas; `{0}` is neither")]
    Admin(String),
    /// Not a size.
    #[error("the setting `{0}` is a whole number above 0")]
    Number(&'static str),
    /// `grip-required` without a key would refuse every gateway.
    #[error("the setting `grip-required` is true and `grip-key` is missing")]
    NoGripKey,
    /// Not an origin, so no page would ever come from it.
    #[error(
        "the setting `origins` lists origins such as `https://app.example.org`, without path or slash at the end, and not `{0}`"
    )]
    Origin(String),
    /// Not a page.
    #[error("the setting `app-url` is the address of a page, such as `https://app.example.org/join`, and not `{0}`")]
    AppUrl(String),
    /// An issuer without a key or a key without an issuer.
    #[error("the settings `jwt-issuer` and `jwt-key` come together, and `jwt-audience` only with them")]
    HalfAnIssuer,
    /// An issuer of OpenID Connect with nothing that is for us, or what is for us without an issuer.
    #[error(
        "the setting `oidc-issuer` comes with `oidc-client-id`, or with `oidc-audience` where only bearer tokens are taken; \
         `oidc-client-id`, `oidc-client-secret` and `oidc-audience` come only with it, and the secret only with the id"
    )]
    HalfAClient,
    /// Whoever is on the line could sign in as anybody.
    #[error(
        "the setting `oidc-issuer` is a URL that begins with `https://` (in development mode also `http://` on this machine), \
         and not `{0}`"
    )]
    IssuerUrl(String),
}

impl Config {
    pub(crate) fn read(settings: &impl Settings) -> Result<Config, ConfigError> {
        // Where a host can't leave a variable unset, it is empty.
        let text = |name: &str| settings.setting(name).filter(|text| !text.is_empty());
        let secret = |name: &'static str| match text(name) {
            Some(key) if key.len() < SHORTEST_KEY => Err(ConfigError::ShortKey(name)),
            key => Ok(key.map(String::into_bytes)),
        };
        let switch = |name: &'static str| match text(name).as_deref() {
            None => Ok(None),
            Some("false") => Ok(Some(false)),
            Some("true") => Ok(Some(true)),
            Some(_) => Err(ConfigError::Switch(name)),
        };
        let number = |name: &'static str, default: usize| match text(name).map(|text| text.trim().parse::<usize>()) {
            None => Ok(default),
            Some(Ok(number)) if number > 0 => Ok(number),
            Some(_) => Err(ConfigError::Number(name)),
        };

        let grip_key = text("grip-key").map(String::into_bytes);
        let grip_required = switch("grip-required")?.unwrap_or(false);
        if grip_required && grip_key.is_none() {
            return Err(ConfigError::NoGripKey);
        }
        let issuer = match (text("jwt-issuer"), secret("jwt-key")?, text("jwt-audience")) {
            (Some(name), Some(key), audience) => Some(Issuer { name, key, audience }),
            (None, None, None) => None,
            _ => return Err(ConfigError::HalfAnIssuer),
        };
        let development = switch("development")?.unwrap_or(false);
        let oidc = client(development, text("oidc-issuer"), text)?;
        let origins = text("origins").unwrap_or_default();
        let origins = origins.split(',').map(|o| o.trim().to_ascii_lowercase()).filter(|o| !o.is_empty());
        let origins: Vec<String> = origins.collect();
        if let Some(other) = origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConfigError::Origin(other.clone()));
        }
        let app_url = text("app-url");
        if let Some(url) = app_url.as_ref().filter(|url| !is_page(url)) {
            return Err(ConfigError::AppUrl(url.clone()));
        }
        let admins = text("admins").unwrap_or_default();
        let admins = admins.split(',').map(str::trim).filter(|admin| !admin.is_empty()).map(admin);
        let default = Limits::default();
        Ok(Config {
            key: secret("key")?.ok_or(ConfigError::NoKey)?,
            key_before: secret("key-before")?,
            development,
            guests: switch("guests")?.unwrap_or(development),
            origins,
            app_url,
            admins: admins.collect::<Result<_, _>>()?,
            grip_key,
            grip_required,
            issuer,
            oidc,
            limits: Limits {
                value_bytes: number("limit-value-bytes", default.value_bytes)?,
                depth: number("limit-depth", default.depth)?,
                message_bytes: number("limit-message-bytes", default.message_bytes)?,
                body_bytes: number("limit-body-bytes", default.body_bytes)?,
                diff_operations: number("limit-diff-operations", default.diff_operations)?,
                subscriptions: number("limit-subscriptions", default.subscriptions)?,
            },
        })
    }

    /// The token in this text, when one of our keys has signed it and it is not over.
    pub(crate) fn session(&self, text: &str, now: Timestamp) -> Option<Token> {
        let by = |key: &Vec<u8>| Token::read(text, key, now);
        by(&self.key).or_else(|| self.key_before.as_ref().and_then(by))
    }
}

/// Who we are to the issuer of OpenID Connect.
fn client(
    development: bool,
    issuer: Option<String>,
    text: impl Fn(&str) -> Option<String>,
) -> Result<Option<Client>, ConfigError> {
    let (id, secret, audience) = (text("oidc-client-id"), text("oidc-client-secret"), text("oidc-audience"));
    let half = secret.is_some() && id.is_none();
    match (issuer, audience.or_else(|| id.clone())) {
        (Some(issuer), _) if !is_secure(&issuer, development) || issuer.contains('?') => {
            Err(ConfigError::IssuerUrl(issuer))
        }
        (Some(issuer), Some(audience)) if !half => Ok(Some(Client { issuer, id, secret, audience, development })),
        (None, None) if !half => Ok(None),
        _ => Err(ConfigError::HalfAClient),
    }
}

/// Whether a browser could send this as `Origin`. `null` is left out: any page can make itself one of that origin.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, authority)| {
        !scheme.is_empty() && !authority.is_empty() && !authority.contains(['/', '?', '#', '@', '*'])
    })
}

/// Whether a link could lead there, with something behind it.
fn is_page(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#'))
}

/// As [`crate::access`] compares them.
fn admin(text: &str) -> Result<String, ConfigError> {
    let normal = if is_local_id(text) { Some(text.to_owned()) } else { email::normalize(text) };
    normal.ok_or_else(|| ConfigError::Admin(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    struct Map(HashMap<&'static str, &'static str>);

    impl Settings for Map {
        fn setting(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|text| text.to_string())
        }
    }

    fn read(settings: &[(&'static str, &'static str)]) -> Result<Config, ConfigError> {
        Config::read(&Map(settings.iter().copied().collect()))
    }

    const KEY: (&str, &str) = ("key", "0123456789abcdef0123456789abcdef");

    #[test]
    fn a_key_alone_gives_the_contracts_limits_and_strict_defaults() {
        let config = read(&[KEY, ("origins", "")]).ok().unwrap();
        assert_eq!(config.limits, Limits::default());
        assert!(!config.development && !config.grip_required && config.origins.is_empty());
    }

    #[test]
    fn what_cannot_work_is_said_at_the_start() {
        let error = |settings: &[_]| read(settings).err().unwrap();
        assert_eq!(error(&[]), ConfigError::NoKey);
        assert_eq!(error(&[("key", "short")]), ConfigError::ShortKey("key"));
        assert_eq!(error(&[KEY, ("key-before", "short")]), ConfigError::ShortKey("key-before"));
        assert_eq!(error(&[KEY, ("development", "yes")]), ConfigError::Switch("development"));
        assert_eq!(error(&[KEY, ("limit-depth", "0")]), ConfigError::Number("limit-depth"));
        assert_eq!(error(&[KEY, ("grip-required", "true")]), ConfigError::NoGripKey);
        for origin in ["*", "null", "app.example", "https://app.example/", "https://", "https://*.example"] {
            assert_eq!(error(&[KEY, ("origins", origin)]), ConfigError::Origin(origin.to_owned()));
        }
        assert_eq!(error(&[KEY, ("admins", "ann@example.org, a b")]), ConfigError::Admin("a b".to_owned()));
        for url in ["app.example", "https://", "https://app.example/#join", "https://app.example/a b"] {
            assert_eq!(error(&[KEY, ("app-url", url)]), ConfigError::AppUrl(url.to_owned()));
        }
        assert_eq!(error(&[KEY, ("jwt-issuer", "https://id.example")]), ConfigError::HalfAnIssuer);
        assert_eq!(error(&[KEY, ("jwt-audience", "notes")]), ConfigError::HalfAnIssuer);
    }

    #[test]
    fn an_issuer_of_openid_connect_is_https_and_comes_with_what_is_for_us() {
        const ISSUER: (&str, &str) = ("oidc-issuer", "https://id.example");
        let client =
            |more: &[_]| read(&[&[KEY], more].concat()).map(|config| config.oidc.map(|client| client.audience));
        assert_eq!(client(&[]), Ok(None));
        assert_eq!(client(&[ISSUER, ("oidc-client-id", "weft")]), Ok(Some("weft".to_owned())));
        assert_eq!(client(&[ISSUER, ("oidc-client-id", "weft"), ("oidc-audience", "api")]), Ok(Some("api".to_owned())));
        assert_eq!(client(&[ISSUER, ("oidc-audience", "api")]), Ok(Some("api".to_owned())));
        for half in [
            &[ISSUER][..],
            &[("oidc-client-id", "weft")],
            &[("oidc-audience", "api")],
            &[("oidc-client-secret", "s")],
            &[ISSUER, ("oidc-audience", "api"), ("oidc-client-secret", "s")],
        ] {
            assert_eq!(client(half), Err(ConfigError::HalfAClient), "{half:?}");
        }
        let plain = ("oidc-issuer", "http://127.0.0.1:9000");
        assert_eq!(client(&[plain, ("oidc-client-id", "weft")]), Err(ConfigError::IssuerUrl(plain.1.to_owned())));
        assert!(client(&[plain, ("oidc-client-id", "weft"), ("development", "true")]).is_ok());
    }

    #[test]
    fn admins_are_emails_and_person_ids() {
        let config = read(&[KEY, ("admins", "Ann@Example.org, Kb81mQ,")]).ok().unwrap();
        assert_eq!(config.admins, ["ann@example.org", "Kb81mQ"]);
    }

    #[test]
    fn origins_are_a_list() {
        let config = read(&[KEY, ("origins", "https://App.example, http://localhost:5173 ,")]).ok().unwrap();
        assert_eq!(config.origins, ["https://app.example", "http://localhost:5173"]);
    }
}
