//! Secrets.

use serde_json::{Value, json};

use super::Aws;

/// Keeps a secret: its ARN.
pub async fn keep(aws: &Aws, name: &str, secret: &Value) -> String {
    let input = json!({"Name": name, "SecretString": secret.to_string()});
    let made = aws.call("secretsmanager", "secretsmanager.CreateSecret", &input).await;
    made["ARN"].as_str().expect("a secret has an ARN").to_owned()
}
