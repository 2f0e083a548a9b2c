//! Flags of sign-in: whose tokens are taken, and where mails go.

use std::path::PathBuf;

use clap::Args;

/// How people sign in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in")]
pub struct SignIn {
    /// Starts without any way to sign in (--mail-url, --mail-smtp, --oidc-issuer, --jwt-issuer), though nobody can then.
    #[arg(long, env = "TIMEWEFT_NO_SIGN_IN")]
    pub no_sign_in: bool,

    /// Lets people in without signing in (`POST /login/guest`); on in development mode, unless `--guests false`.
    #[arg(long, env = "TIMEWEFT_GUESTS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub guests: Option<bool>,

    /// OpenID Connect issuer with which people sign in and whose JWTs are taken in `Authorization: Bearer`, such as
    /// `https://id.example.org`.
    #[arg(long, env = "TIMEWEFT_OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,

    /// By what the issuer knows this server. Its redirect URI is https://THIS SERVER/login/oidc/callback.
    #[arg(long, env = "TIMEWEFT_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,

    /// The client's secret; a public client has none.
    #[arg(long, env = "TIMEWEFT_OIDC_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub oidc_client_secret: Option<String>,

    /// An audience (`aud`) that the issuer's bearer tokens have to be for. By default the client id.
    #[arg(long, env = "TIMEWEFT_OIDC_AUDIENCE", value_name = "AUDIENCE")]
    pub oidc_audience: Option<String>,

    /// Issuer of the JWTs, signed with a shared key, that are taken in `Authorization: Bearer`.
    #[arg(long, env = "TIMEWEFT_JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,

    /// The shared key (HS256).
    #[arg(long, env = "TIMEWEFT_JWT_KEY", hide_env_values = true, value_name = "KEY")]
    pub jwt_key: Option<String>,

    /// An audience (`aud`) that these JWTs have to be for.
    #[arg(long, env = "TIMEWEFT_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,

    /// Where sign-in codes go.
    #[command(flatten)]
    pub mail: MailFlags,
}

/// Where mails (sign-in codes) go: --mail-url or --mail-smtp.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mail")]
pub struct MailFlags {
    /// A service that sends mails is posted them here, as JSON {to, subject, text} or as --mail-body says.
    #[arg(long, env = "TIMEWEFT_MAIL_URL", value_name = "URL")]
    pub mail_url: Option<String>,

    /// A header of these requests, such as `Authorization: Bearer …`; repeat for more. In the environment one a line.
    #[arg(long = "mail-header", env = "TIMEWEFT_MAIL_HEADERS", hide_env_values = true, value_name = "NAME: VALUE")]
    pub mail_headers: Vec<String>,

    /// A file with headers of these requests, one a line.
    #[arg(long, env = "TIMEWEFT_MAIL_HEADER_FILE", value_name = "FILE")]
    pub mail_header_file: Option<PathBuf>,

    /// A file with the JSON of these requests, in whose texts {to}, {subject}, {text} and {code} stand for what is in the mail.
    #[arg(long, env = "TIMEWEFT_MAIL_BODY", value_name = "FILE")]
    pub mail_body: Option<PathBuf>,

    /// A mail server: smtps://USER:PASSWORD@HOST:465, or smtp://USER:PASSWORD@HOST:587?tls=required.
    #[arg(long, env = "TIMEWEFT_MAIL_SMTP", hide_env_values = true, value_name = "URL")]
    pub mail_smtp: Option<String>,

    /// The address that mails by --mail-smtp come from, such as `Weft <weft@example.org>`.
    #[arg(long, env = "TIMEWEFT_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
}

impl MailFlags {
    /// Whether mails go anywhere.
    pub fn is_given(&self) -> bool {
        self.mail_url.is_some() || self.mail_smtp.is_some()
    }
}

impl SignIn {
    /// Whether anybody can sign in.
    pub fn is_possible(&self) -> bool {
        self.mail.is_given() || self.oidc_issuer.is_some() || self.jwt_issuer.is_some()
    }

    /// What the component is told, by the names of docs/operations.md.
    pub fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let guests = self.guests.map(|guests| ("guests".to_owned(), guests.to_string()));
        let settings = [
            ("oidc-issuer", &self.oidc_issuer),
            ("oidc-client-id", &self.oidc_client_id),
            ("oidc-client-secret", &self.oidc_client_secret),
            ("oidc-audience", &self.oidc_audience),
            ("jwt-issuer", &self.jwt_issuer),
            ("jwt-key", &self.jwt_key),
            ("jwt-audience", &self.jwt_audience),
        ];
        settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).chain(guests)
    }
}
