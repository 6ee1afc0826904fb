//! By which key an object store knows this node.

use std::{io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use object_store::{CredentialProvider, aws::AwsCredential};
use tokio::fs;

/// Most bytes of a file with a key.
const LONGEST: u64 = 16 * 1024;

/// Key and secret of an object store.
#[derive(Debug)]
pub enum Credentials {
    /// A file, read again for each request, so that one that has been replaced counts at once.
    File(PathBuf),
    /// Given at start.
    Given(Arc<AwsCredential>),
}

/// Why a key cannot be had. Says nothing of what is in the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("the file with the key cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("the file with the key cannot be used: {0}")]
    Form(&'static str),
}

impl Credentials {
    /// Key, secret and, for keys that end by themselves, token; by their names in the environment, which are those that other tools
    /// for such stores read.
    ///
    /// # Errors
    /// What is missing.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let value = |name| variable(name).filter(|value| !value.is_empty());
        let key_id = value("AWS_ACCESS_KEY_ID").ok_or("AWS_ACCESS_KEY_ID is not set")?;
        let secret_key = value("AWS_SECRET_ACCESS_KEY").ok_or("AWS_SECRET_ACCESS_KEY is not set")?;
        let token = value("AWS_SESSION_TOKEN");
        Ok(Self::Given(Arc::new(usable(AwsCredential { key_id, secret_key, token })?)))
    }

    /// Looks whether there is a key.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub async fn look(&self) -> Result<(), String> {
        self.current().await.map(drop).map_err(|error| error.to_string())
    }

    async fn current(&self) -> Result<Arc<AwsCredential>, CredentialsError> {
        match self {
            Self::Given(credential) => Ok(Arc::clone(credential)),
            Self::File(path) => {
                if fs::metadata(path).await?.len() > LONGEST {
                    return Err(CredentialsError::Form("it is too long"));
                }
                let text = fs::read_to_string(path).await?;
                Ok(Arc::new(parse(&text).map_err(CredentialsError::Form)?))
            }
        }
    }
}

/// The form in which other tools for such stores keep a key: `name = value` below `[default]`.
fn parse(text: &str) -> Result<AwsCredential, &'static str> {
    let (mut key_id, mut secret_key, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) || line == "[default]" {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or("a line is neither `[default]` nor `name = value`")?;
        let place = match name.trim() {
            "aws_access_key_id" => &mut key_id,
            "aws_secret_access_key" => &mut secret_key,
            "aws_session_token" => &mut token,
            _ => return Err("a name is none of aws_access_key_id, aws_secret_access_key, aws_session_token"),
        };
        if place.replace(value.trim().to_owned()).is_some() {
            return Err("a name stands there twice");
        }
    }
    let key_id = key_id.ok_or("aws_access_key_id is missing")?;
    let secret_key = secret_key.ok_or("aws_secret_access_key is missing")?;
    usable(AwsCredential { key_id, secret_key, token })
}

/// What travels in header fields has no spaces or control characters in it.
fn usable(credential: AwsCredential) -> Result<AwsCredential, &'static str> {
    let fits = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    let AwsCredential { key_id, secret_key, token } = &credential;
    match fits(key_id) && fits(secret_key) && token.as_deref().is_none_or(fits) {
        true => Ok(credential),
        false => Err("key, secret or token is empty, or has spaces or other characters than ASCII in it"),
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let current = self.current().await;
        current.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_other_tools_is_read() {
        let text = "# made by hand\n[default]\naws_access_key_id = K1\naws_secret_access_key=s/e+c=\n";
        let read = parse(text).expect("a key");
        assert_eq!((read.key_id.as_str(), read.secret_key.as_str(), read.token), ("K1", "s/e+c=", None));
    }

    #[test]
    fn what_cannot_be_used_is_said_without_repeating_it() {
        let cases = [
            ("", "aws_access_key_id is missing"),
            ("aws_access_key_id = hush", "aws_secret_access_key is missing"),
            ("[other]", "a line is neither `[default]` nor `name = value`"),
            (
                "region = hush",
                "a name is none of aws_access_key_id, aws_secret_access_key, aws_session_token",
            ),
            ("aws_access_key_id = a\naws_access_key_id = hush", "a name stands there twice"),
            (
                "aws_access_key_id = hush hush\naws_secret_access_key = b",
                "key, secret or token is empty, or has spaces or other characters than ASCII in it",
            ),
        ];
        for (text, reason) in cases {
            assert_eq!(parse(text).map(drop), Err(reason), "{text}");
        }
    }

    #[test]
    fn the_environment_must_hold_both() {
        let with = |names: &'static [&'static str]| {
            Credentials::of_environment(move |name| names.contains(&name).then(|| "x".to_owned())).map(drop)
        };
        assert!(with(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).is_ok());
        assert_eq!(with(&["AWS_ACCESS_KEY_ID"]), Err("AWS_SECRET_ACCESS_KEY is not set"));
        assert_eq!(with(&[]), Err("AWS_ACCESS_KEY_ID is not set"));
    }
}
