//! The shop's services, and the pods that they run in.

use super::otlp::Attributes;
use super::random::Random;

/// A service of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Frontend,
    Catalog,
    Cart,
    Auth,
    Checkout,
    Payment,
    Shipping,
}

/// The collector that a service sends its spans to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gateway {
    /// Writes JSON with gzip.
    Web,
    /// Writes protobuf with zstd.
    Core,
}

pub(crate) const GATEWAYS: [Gateway; 2] = [Gateway::Web, Gateway::Core];

impl Service {
    /// `service.name`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Catalog => "catalog",
            Self::Cart => "cart",
            Self::Auth => "auth-service",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
            Self::Shipping => "shipping",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Frontend => "5.2.0",
            Self::Catalog => "2.11.3",
            Self::Cart => "1.8.0",
            Self::Auth => "1.2.3",
            Self::Checkout => "3.4.1",
            Self::Payment => "2.0.7",
            Self::Shipping => "1.1.0",
        }
    }

    /// Language of its SDK, and the library that makes its spans, with version.
    fn sdk(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Frontend => ("nodejs", "@opentelemetry/instrumentation-http", "0.208.0"),
            Self::Catalog | Self::Cart => {
                ("go", "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.64.0")
            }
            Self::Auth => ("python", "opentelemetry.instrumentation.flask", "0.60b0"),
            Self::Checkout | Self::Payment | Self::Shipping => {
                ("java", "io.opentelemetry.spring-webmvc-6.0", "2.22.0")
            }
        }
    }

    /// The library that makes its spans, with version.
    pub(crate) fn scope(self) -> (&'static str, &'static str) {
        let (_, name, version) = self.sdk();
        (name, version)
    }

    pub(crate) fn gateway(self) -> Gateway {
        match self {
            Self::Frontend | Self::Catalog | Self::Cart => Gateway::Web,
            Self::Auth | Self::Checkout | Self::Payment | Self::Shipping => Gateway::Core,
        }
    }

    /// The number of pods that it runs in.
    pub(crate) fn pods(self) -> u8 {
        match self {
            Self::Frontend | Self::Auth => 3,
            Self::Catalog | Self::Checkout | Self::Payment => 2,
            Self::Cart | Self::Shipping => 1,
        }
    }
}

/// One running instance of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) service: Service,
    /// Counted from 0.
    pub(crate) number: u8,
}

impl Pod {
    /// The pod that the load balancer happens to choose.
    pub(crate) fn any(service: Service, random: &mut Random) -> Self {
        let number = random.between(0, service.pods().into());
        Self { service, number: u8::try_from(number).unwrap_or(0) }
    }

    /// `k8s.pod.name`.
    pub(crate) fn name(self) -> String {
        format!("{}-{}", self.service.name(), self.number)
    }

    /// Its resource attributes.
    pub(crate) fn resource(self) -> Attributes {
        let service = self.service;
        vec![
            ("service.name", service.name().into()),
            ("service.namespace", "shop".into()),
            ("service.version", service.version().into()),
            ("service.instance.id", self.name().into()),
            ("deployment.environment.name", "production".into()),
            ("k8s.pod.name", self.name().into()),
            ("telemetry.sdk.language", service.sdk().0.into()),
            ("telemetry.sdk.name", "opentelemetry".into()),
        ]
    }
}
