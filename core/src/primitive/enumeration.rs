//! Enumerations of the standard that keep values which this version does not know.
//!
//! Covers: TS-0004 6.3.4.2 (`m2m:*` enumeration types that primitives use). A newer peer may send a value that
//! is not in our table: it is carried unchanged, never refused and never mapped to something else.
//! Operations are not here: an unknown operation cannot be acted on (see [`super::Operation`]).

/// Declares a number with named values that also holds every other value of its range.
macro_rules! open_enum {
    ($(#[$doc:meta])* pub struct $name:ident($repr:ty) = $cite:literal; $($constant:ident = $value:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[doc = ""]
        #[doc = concat!("`", $cite, "`. Values outside the table are kept as they are.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            $(#[doc = concat!("`", stringify!($value), "`: ", $text, ".")] pub const $constant: $name = $name($value);)*

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> $repr {
                self.0
            }

            /// The name in the standard's table, or `None` for a value that is not in it.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl From<$repr> for $name {
            fn from(code: $repr) -> Self {
                $name(code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{} {name}", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}
pub(crate) use open_enum;

open_enum! {
    /// What a response is to carry (`rcn`).
    pub struct ResultContent(u16) = "TS-0004 6.3.4.2";
    NOTHING = 0, "nothing";
    ATTRIBUTES = 1, "attributes";
    HIERARCHICAL_ADDRESS = 2, "hierarchical address";
    HIERARCHICAL_ADDRESS_AND_ATTRIBUTES = 3, "hierarchical address and attributes";
    ATTRIBUTES_AND_CHILD_RESOURCES = 4, "attributes and child resources";
    ATTRIBUTES_AND_CHILD_RESOURCE_REFERENCES = 5, "attributes and child resource references";
    CHILD_RESOURCE_REFERENCES = 6, "child resource references";
    ORIGINAL_RESOURCE = 7, "original resource";
    CHILD_RESOURCES = 8, "child resources";
    MODIFIED_ATTRIBUTES = 9, "modified attributes";
    SEMANTIC_CONTENT = 10, "semantic content";
    SEMANTIC_CONTENT_AND_CHILD_RESOURCES = 11, "Semantic content and child resources";
    PERMISSIONS = 12, "Permissions";
}

open_enum! {
    /// How and when the originator wants the response (`rt.rtv`).
    pub struct ResponseType(u16) = "TS-0004 6.3.4.2";
    NON_BLOCKING_REQUEST_SYNCH = 1, "nonBlockingRequestSynch";
    NON_BLOCKING_REQUEST_ASYNCH = 2, "nonBlockingRequestAsynch";
    BLOCKING_REQUEST = 3, "blockingRequest";
    FLEX_BLOCKING = 4, "flexBlocking";
    NO_RESPONSE = 5, "noResponse";
}

open_enum! {
    /// How urgent a primitive is (`ec`); 100 to 999 are user-defined.
    pub struct EventCategory(u16) = "TS-0004 6.3.4.2";
    IMMEDIATE = 2, "Immediate";
    BEST_EFFORT = 3, "BestEffort";
    LATEST = 4, "Latest";
}

open_enum! {
    /// Form of the addresses in a discovery result (`drt`).
    pub struct IdResultType(u16) = "TS-0004 6.3.4.2";
    STRUCTURED = 1, "structured";
    UNSTRUCTURED = 2, "unstructured";
}

open_enum! {
    /// Whether the content of a response is complete (`cnst`).
    pub struct ContentStatus(u16) = "TS-0004 6.3.4.2";
    PARTIAL_CONTENT = 1, "PARTIAL_CONTENT";
    FULL_CONTENT = 2, "FULL_CONTENT";
}

open_enum! {
    /// The kind of a CSE (`cst`).
    pub struct CseType(u16) = "TS-0004 6.3.4.2";
    IN_CSE = 1, "IN_CSE";
    MN_CSE = 2, "MN_CSE";
    ASN_CSE = 3, "ASN_CSE";
}

open_enum! {
    /// What filter criteria are for (`fc.fu`).
    pub struct FilterUsage(u16) = "TS-0004 6.3.4.2";
    DISCOVERY_CRITERIA = 1, "Discovery Criteria";
    CONDITIONAL_RETRIEVAL = 2, "Conditional Retrieval";
    IPE_ON_DEMAND_DISCOVERY = 3, "IPE On-demand Discovery";
}

open_enum! {
    /// How filter conditions combine (`fc.fo`).
    pub struct FilterOperation(u16) = "TS-0004 6.3.4.2";
    LOGICAL_AND = 1, "Logical AND";
    LOGICAL_OR = 2, "Logical OR";
    LOGICAL_XOR = 3, "Logical XOR";
}

open_enum! {
    /// What made a subscription notify (`net`).
    pub struct NotificationEventType(u16) = "TS-0004 6.3.4.2";
    UPDATE_OF_RESOURCE = 1, "Update_of_Resource";
    DELETE_OF_RESOURCE = 2, "Delete_of_Resource";
    CREATE_OF_DIRECT_CHILD_RESOURCE = 3, "Create_of_Direct_Child_Resource";
    DELETE_OF_DIRECT_CHILD_RESOURCE = 4, "Delete_of_Direct_Child_Resource";
    RETRIEVE_OF_CONTAINER_RESOURCE_WITH_NO_CHILD_RESOURCE = 5, "Retrieve_of_Container_Resource_With_No_Child_Resource";
    TRIGGER_RECEIVED_FOR_AE_RESOURCE = 6, "Trigger_Received_For_AE_Resource";
    BLOCKING_UPDATE = 7, "Blocking_Update";
    REPORT_ON_MISSING_DATA_POINTS = 8, "Report_on_missing_data_points";
    BLOCKING_RETRIEVE = 9, "blockingRetrieve";
    BLOCKING_RETRIEVE_DIRECT_CHILD = 10, "blockingRetrieveDirectChild";
}

open_enum! {
    /// What a notification carries (`nct`).
    pub struct NotificationContentType(u16) = "TS-0004 6.3.4.2";
    ALL_ATTRIBUTES = 1, "All Attributes";
    MODIFIED_ATTRIBUTES = 2, "Modified Attributes";
    RESOURCE_ID = 3, "ResourceID";
    TRIGGER_PAYLOAD = 4, "Trigger Payload";
    TIME_SERIES_NOTIFICATION = 5, "TimeSeries notification";
}

open_enum! {
    /// The type of a resource (`ty`).
    pub struct ResourceType(u32) = "TS-0004 6.3.4.2.1";
    ACCESS_CONTROL_POLICY = 1, "accessControlPolicy";
    AE = 2, "AE";
    CONTAINER = 3, "container";
    CONTENT_INSTANCE = 4, "contentInstance";
    CSE_BASE = 5, "CSEBase";
    DELIVERY = 6, "delivery";
    EVENT_CONFIG = 7, "eventConfig";
    EXEC_INSTANCE = 8, "execInstance";
    GROUP = 9, "group";
    LOCATION_POLICY = 10, "locationPolicy";
    M2M_SERVICE_SUBSCRIPTION_PROFILE = 11, "m2mServiceSubscriptionProfile";
    MGMT_CMD = 12, "mgmtCmd";
    MGMT_OBJ = 13, "mgmtObj";
    NODE = 14, "node";
    POLLING_CHANNEL = 15, "pollingChannel";
    REMOTE_CSE = 16, "remoteCSE";
    REQUEST = 17, "request";
    SCHEDULE = 18, "schedule";
    SERVICE_SUBSCRIBED_APP_RULE = 19, "serviceSubscribedAppRule";
    SERVICE_SUBSCRIBED_NODE = 20, "serviceSubscribedNode";
    STATS_COLLECT = 21, "statsCollect";
    STATS_CONFIG = 22, "statsConfig";
    SUBSCRIPTION = 23, "subscription";
    SEMANTIC_DESCRIPTOR = 24, "semanticDescriptor";
    NOTIFICATION_TARGET_MGMT_POLICY_REF = 25, "notificationTargetMgmtPolicyRef";
    NOTIFICATION_TARGET_POLICY = 26, "notificationTargetPolicy";
    POLICY_DELETION_RULES = 27, "policyDeletionRules";
    FLEX_CONTAINER = 28, "flexContainer";
    TIME_SERIES = 29, "timeSeries";
    TIME_SERIES_INSTANCE = 30, "timeSeriesInstance";
    ROLE = 31, "role";
    TOKEN = 32, "token";
    DYNAMIC_AUTHORIZATION_CONSULTATION = 34, "dynamicAuthorizationConsultation";
    AUTHORIZATION_DECISION = 35, "authorizationDecision";
    AUTHORIZATION_POLICY = 36, "authorizationPolicy";
    AUTHORIZATION_INFORMATION = 37, "authorizationInformation";
    ONTOLOGY_REPOSITORY = 38, "ontologyRepository";
    ONTOLOGY = 39, "ontology";
    SEMANTIC_MASHUP_JOB_PROFILE = 40, "semanticMashupJobProfile";
    SEMANTIC_MASHUP_INSTANCE = 41, "semanticMashupInstance";
    SEMANTIC_MASHUP_RESULT = 42, "semanticMashupResult";
    AE_CONTACT_LIST = 43, "AEContactList";
    AE_CONTACT_LIST_PER_CSE = 44, "AEContactListPerCSE";
    LOCAL_MULTICAST_GROUP = 45, "localMulticastGroup";
    MULTIMEDIA_SESSION = 46, "multimediaSession";
    TRIGGER_REQUEST = 47, "triggerRequest";
    CROSS_RESOURCE_SUBSCRIPTION = 48, "crossResourceSubscription";
    BACKGROUND_DATA_TRANSFER = 49, "backgroundDataTransfer";
    TRANSACTION_MGMT = 50, "transactionMgmt";
    TRANSACTION = 51, "transaction";
    FLEX_CONTAINER_INSTANCE = 58, "flexContainerInstance";
    TIME_SYNC_BEACON = 60, "timeSyncBeacon";
    PRIMITIVE_PROFILE = 62, "primitiveProfile";
    PROCESS_MANAGEMENT = 63, "processManagement";
    STATE = 64, "state";
    ACTION = 65, "action";
    DEPENDENCY = 66, "dependency";
    ACCESS_CONTROL_POLICY_ANNC = 10001, "accessControlPolicyAnnc";
    AE_ANNC = 10002, "AEAnnc";
    CONTAINER_ANNC = 10003, "containerAnnc";
    CONTENT_INSTANCE_ANNC = 10004, "contentInstanceAnnc";
    CSE_BASE_ANNC = 10005, "CSEBaseAnnc";
    GROUP_ANNC = 10009, "groupAnnc";
    LOCATION_POLICY_ANNC = 10010, "locationPolicyAnnc";
    MGMT_OBJ_ANNC = 10013, "mgmtObjAnnc";
    NODE_ANNC = 10014, "nodeAnnc";
    REMOTE_CSE_ANNC = 10016, "remoteCSEAnnc";
    SCHEDULE_ANNC = 10018, "scheduleAnnc";
    SEMANTIC_DESCRIPTOR_ANNC = 10024, "semanticDescriptorAnnc";
    FLEX_CONTAINER_ANNC = 10028, "flexContainerAnnc";
    TIME_SERIES_ANNC = 10029, "timeSeriesAnnc";
    TIME_SERIES_INSTANCE_ANNC = 10030, "timeSeriesInstanceAnnc";
    ONTOLOGY_REPOSITORY_ANNC = 10038, "ontologyRepositoryAnnc";
    ONTOLOGY_ANNC = 10039, "ontologyAnnc";
    SEMANTIC_MASHUP_JOB_PROFILE_ANNC = 10040, "semanticMashupJobProfileAnnc";
    SEMANTIC_MASHUP_INSTANCE_ANNC = 10041, "semanticMashupInstanceAnnc";
    SEMANTIC_MASHUP_RESULT_ANNC = 10042, "semanticMashupResultAnnc";
    MULTIMEDIA_SESSION_ANNC = 10046, "multimediaSessionAnnc";
    TIME_SYNC_BEACON_ANNC = 10060, "timeSyncBeaconAnnc";
    PRIMITIVE_PROFILE_ANNC = 10062, "primitiveProfileAnnc";
    PROCESS_MANAGEMENT_ANNC = 10063, "processManagementAnnc";
    STATE_ANNC = 10064, "stateAnnc";
    ACTION_ANNC = 10065, "actionAnnc";
    DEPENDENCY_ANNC = 10066, "dependencyAnnc";
}
