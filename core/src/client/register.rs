//! What a registration and a subscription need, and the requests that they are.
//!
//! Covers: TS-0020 6.4, TS-0001 10.2.2 (AE registration), 10.2.1 (CSE registration), 9.6.8 (subscription); rows WS-5.2-4,
//! WS-6.4-1, WS-6.4-2.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::{Client, Preset};
use crate::binding::{Registration, Upkeep};
use crate::primitive::{
    CseType, Format, NotificationContentType, NotificationEventType, Request, ResourceType, Response, format_timestamp,
};
use crate::{Error, ErrorKind, Result};

/// The address that every CSE has for its own `<CSEBase>` (TS-0004 6.2.4).
const OWN_CSE_BASE: &str = "-";

/// A resource under construction: attributes by their short names.
#[derive(Clone, PartialEq, Default, Debug)]
struct Attributes(Map<String, Value>);

impl Attributes {
    fn set(&mut self, short_name: &str, value: impl Into<Value>) {
        self.0.insert(short_name.to_owned(), value.into());
    }

    /// `et`, so long from now.
    fn set_lifetime(&mut self, lifetime: Option<Duration>) {
        if let Some(until) = lifetime.and_then(|time| SystemTime::now().checked_add(time)) {
            self.set_new("et", format_timestamp(until));
        }
    }

    fn set_new(&mut self, short_name: &str, value: impl Into<Value>) {
        self.0.entry(short_name).or_insert_with(|| value.into());
    }
}

/// What the registration of an AE needs: CREATE of an `<AE>` below the registrar's `<CSEBase>`.
///
/// ```
/// use onem2m_ws::client::AeRegistration;
///
/// let registration = AeRegistration::new("Nexample.sensor").name("sensor1").below("cse-in");
/// # let _ = registration;
/// ```
#[derive(Clone, PartialEq, Debug)]
#[must_use]
pub struct AeRegistration {
    to: String,
    attributes: Attributes,
    lifetime: Option<Duration>,
}

impl AeRegistration {
    /// A registration with this App-ID (`api`): `N` and a name of your own, or `R` and a registered one. It says that
    /// the AE can be reached (`rr`), which is what a WebSocket connection is for, and speaks releases 2a to 4. Which formats it
    /// reads (`csz`) is added where the client offers more than JSON.
    pub fn new(app_id: impl Into<String>) -> Self {
        let mut attributes = Attributes::default();
        attributes.set("api", app_id.into());
        attributes.set("rr", true);
        attributes.set("srv", json!(["2a", "3", "4"]));
        Self { to: OWN_CSE_BASE.to_owned(), attributes, lifetime: None }
    }

    /// For how long the registration is made (`et`), and then renewed for as long again before it lapses; the registrar may make
    /// it shorter. By default the registrar decides. At least a second.
    pub fn lifetime(mut self, time: Duration) -> Self {
        self.lifetime = Some(time);
        self
    }

    /// The resource name (`rn`); the registrar makes one if there is none.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.set("rn", name.into())
    }

    /// The address of the registrar's `<CSEBase>`: `-` by default, which every CSE has; `cse-in` for older ones.
    pub fn below(mut self, cse_base: impl Into<String>) -> Self {
        self.to = cse_base.into();
        self
    }

    /// Sets any attribute by its short name.
    pub fn set(mut self, short_name: &str, value: impl Into<Value>) -> Self {
        self.attributes.set(short_name, value);
        self
    }

    fn into_request(mut self, preset: Preset, formats: &[Format]) -> Request {
        self.attributes.set_lifetime(self.lifetime);
        if formats != [Format::Json] {
            // ACME notifies in JSON on a CBOR connection unless it is told.
            self.attributes.set_new("csz", formats.iter().map(|format| format.media_type()).collect::<Vec<_>>());
        }
        if preset == Preset::Acme {
            // ACME's sentinel for "over the connection that the AE opened"; without it nothing is notified.
            self.attributes.set_new("poa", json!(["ws://default"]));
        }
        Request::create(self.to, ResourceType::AE, json!({ "m2m:ae": self.attributes.0 }))
    }
}

/// What the registration of a CSE needs: CREATE of a `<remoteCSE>` below the registrar's `<CSEBase>`.
#[derive(Clone, PartialEq, Debug)]
#[must_use]
pub struct CseRegistration {
    to: String,
    attributes: Attributes,
    lifetime: Option<Duration>,
}

impl CseRegistration {
    /// A registration of the CSE `cse_id` (`/id-mn`) whose `<CSEBase>` is named `cse_name`, as an MN-CSE that can be reached
    /// over the connection that it opened.
    pub fn new(cse_id: impl Into<String>, cse_name: &str) -> Self {
        let cse_id = cse_id.into();
        let mut attributes = Attributes::default();
        attributes.set("rn", cse_id.trim_start_matches('/'));
        attributes.set("cb", format!("{cse_id}/{cse_name}"));
        attributes.set("csi", cse_id);
        attributes.set("cst", CseType::MN_CSE.code());
        attributes.set("rr", true);
        attributes.set("srv", json!(["2a", "3", "4"]));
        Self { to: OWN_CSE_BASE.to_owned(), attributes, lifetime: None }
    }

    /// As [`AeRegistration::lifetime`].
    pub fn lifetime(mut self, time: Duration) -> Self {
        self.lifetime = Some(time);
        self
    }

    /// The address of the registrar's `<CSEBase>`: `-` by default.
    pub fn below(mut self, cse_base: impl Into<String>) -> Self {
        self.to = cse_base.into();
        self
    }

    pub(crate) fn into_request(mut self) -> Request {
        self.attributes.set_lifetime(self.lifetime);
        Request::create(self.to, ResourceType::REMOTE_CSE, json!({ "m2m:csr": self.attributes.0 }))
    }

    /// The kind of CSE: an MN-CSE by default.
    pub fn cse_type(self, cst: CseType) -> Self {
        self.set("cst", cst.code())
    }

    /// Sets any attribute by its short name.
    pub fn set(mut self, short_name: &str, value: impl Into<Value>) -> Self {
        self.attributes.set(short_name, value);
        self
    }
}

/// A `<subscription>`: what is to be notified, and how.
///
/// By default every new child of the target is notified, whole, to the originator's own connection.
#[derive(Clone, PartialEq, Default, Debug)]
#[must_use]
pub struct Subscription {
    attributes: Attributes,
    events: Vec<NotificationEventType>,
}

impl Subscription {
    /// New children of the target, whole, to the originator.
    pub fn new() -> Self {
        Self::default()
    }

    /// The resource name (`rn`).
    pub fn name(self, name: impl Into<String>) -> Self {
        self.set("rn", name.into())
    }

    /// Adds an event that is notified (`enc.net`); the first one replaces the default.
    pub fn event(mut self, event: NotificationEventType) -> Self {
        self.events.push(event);
        self
    }

    /// What a notification carries (`nct`).
    pub fn content(self, nct: NotificationContentType) -> Self {
        self.set("nct", nct.code())
    }

    /// Whom to notify (`nu`) instead of the originator.
    pub fn notify<S: Into<String>>(self, targets: impl IntoIterator<Item = S>) -> Self {
        self.set("nu", targets.into_iter().map(|target| Value::String(target.into())).collect::<Vec<_>>())
    }

    /// Sets any attribute by its short name.
    pub fn set(mut self, short_name: &str, value: impl Into<Value>) -> Self {
        self.attributes.set(short_name, value);
        self
    }

    fn into_request(mut self, target: String, originator: &str) -> Request {
        if self.events.is_empty() {
            self.events.push(NotificationEventType::CREATE_OF_DIRECT_CHILD_RESOURCE);
        }
        let events: Vec<u16> = self.events.iter().map(|event| event.code()).collect();
        self.attributes.set_new("enc", json!({ "net": events }));
        self.attributes.set_new("nu", json!([originator]));
        self.attributes.set_new("nct", NotificationContentType::ALL_ATTRIBUTES.code());
        Request::create(target, ResourceType::SUBSCRIPTION, json!({ "m2m:sub": self.attributes.0 }))
    }
}

impl Client {
    /// Registers the originator as an AE. From then on requests of any kind can be sent and received.
    ///
    /// Where a [`state_file`](super::ClientBuilder::state_file) holds the registration of an earlier run, the registrar is only
    /// asked whether it still knows the entity; what that registered with is left as it is.
    ///
    /// Returns the registration; its `entity` is the AE-ID, which the registrar assigned if the originator was `C`, `S` or
    /// none.
    ///
    /// # Errors
    /// `RegistrationRefused` with the registrar's answer, `Storage` if the entity is registered and the state file could not be
    /// written, and what [`Client::send`] returns.
    pub async fn register_ae(&self, ae: AeRegistration) -> Result<Registration> {
        self.register(ae.into_request(self.shared().preset, &self.shared().formats)).await
    }

    /// Registers the originator as a CSE.
    ///
    /// # Errors
    /// As [`Client::register_ae`].
    pub async fn register_cse(&self, cse: CseRegistration) -> Result<Registration> {
        self.register(cse.into_request()).await
    }

    async fn register(&self, mut request: Request) -> Result<Registration> {
        let _turn = self.shared().keeper.turn().await;
        if let Some(registration) = self.registered_before().await? {
            return Ok(registration);
        }
        // A registrar that answers without content leaves the identity to the request.
        request.from = request.from.or_else(|| self.shared().originator());
        let response = self.send(request.clone()).await?;
        let Some(registration) = Registration::from_exchange(&request, &response) else {
            return Err(refused(response));
        };
        self.shared().keeper.registered(registration.clone(), &request, &response).await?;
        Ok(registration)
    }

    /// The registration of an earlier run (WS-5.2-9), if the registrar still knows it.
    async fn registered_before(&self) -> Result<Option<Registration>> {
        let keeper = &self.shared().keeper;
        let registration = match keeper.of_earlier_run() {
            None => return Ok(None),
            Some((registration, true)) => return Ok(Some(registration)),
            Some((registration, false)) => registration,
        };
        let response = self.send(Request::retrieve(registration.address())).await?;
        if response.status.is_success() {
            keeper.confirmed(&response).await?;
            return Ok(Some(registration));
        }
        if Upkeep::is_forgotten(response.status) { Ok(None) } else { Err(refused(response)) }
    }

    /// Subscribes to `target`: notifications arrive at [`Client::on_request`]. Returns the registrar's answer, 2001 with the
    /// `<subscription>` if all is well.
    ///
    /// # Errors
    /// What [`Client::send`] returns.
    pub async fn subscribe(&self, target: impl Into<String>, subscription: Subscription) -> Result<Response> {
        self.send(self.subscription_request(target.into(), subscription)).await
    }

    pub(crate) fn subscription_request(&self, target: String, subscription: Subscription) -> Request {
        let originator = self.registration().map(|registration| registration.entity).unwrap_or_default();
        subscription.into_request(target, &originator)
    }
}

fn refused(response: Response) -> Error {
    let debug = response.debug_text().unwrap_or_default();
    let text = format!("the registrar answered the registration with {}: {debug:?}", response.status);
    Error::new(ErrorKind::RegistrationRefused, text).with_response(response)
}
