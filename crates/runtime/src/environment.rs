//! The variables of a function's environment.

use std::collections::BTreeMap;

use fluo_aws::EndpointError;
use fluo_time::Nanos;

/// The variables of the environment. An empty variable counts as not set.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// The reason why a function cannot start with its environment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvironmentError {
    /// Occurs when a variable without a default is not set.
    #[error("{name} is not set: {meaning}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// The meaning of the variable.
        meaning: &'static str,
    },
    /// Occurs when a variable does not say what it should.
    #[error("{name} cannot be used: {reason}")]
    Invalid {
        /// The variable.
        name: String,
        /// The reason why not.
        reason: String,
    },
}

impl From<EndpointError> for EnvironmentError {
    fn from(error: EndpointError) -> Self {
        Self::Invalid { name: error.variable.to_owned(), reason: format!("it {}", error.reason) }
    }
}

impl Environment {
    /// That of this process. What is not UTF-8 is not taken: no variable of ours needs it.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same as a function, for what asks for variables by name.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        |name| self.get(name).map(str::to_owned)
    }

    /// The duration that a variable says, or `otherwise` where it is not set.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::Invalid`] where it says none.
    pub fn duration(&self, name: &str, otherwise: Nanos) -> Result<Nanos, EnvironmentError> {
        self.get(name).map_or(Ok(otherwise), |text| {
            let invalid = |reason| EnvironmentError::Invalid { name: name.to_owned(), reason };
            Nanos::positive(text).map_err(invalid)
        })
    }

    /// The name of the function: of this program, where none is said.
    pub fn function_name(&self, program: &str) -> String {
        self.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or(program).to_owned()
    }

    /// The memory that the function has, in bytes.
    pub fn memory(&self) -> Option<u64> {
        let mib: u64 = self.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?.parse().ok()?;
        mib.checked_mul(1 << 20)
    }

    /// The value of a variable that must be set; `meaning` is told where it is not.
    pub fn required(&self, name: &'static str, meaning: &'static str) -> Result<&str, EnvironmentError> {
        self.get(name).ok_or(EnvironmentError::Missing { name, meaning })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_as_good_as_not_set() {
        let environment = Environment::from_iter([("FLUO_STORE", "s3://spans"), ("FLUO_RULES", "")]);
        assert_eq!(environment.get("FLUO_STORE"), Some("s3://spans"));
        assert_eq!(environment.get("FLUO_RULES"), None);
        let error = environment.required("FLUO_RULES", "where the rules are").unwrap_err();
        assert_eq!(error.to_string(), "FLUO_RULES is not set: where the rules are");
    }
}
