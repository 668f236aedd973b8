//! The error codes a client sees. They are values in replies, not Rust errors.

use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// A client-visible result other than success.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum ErrorCode {
            $($(#[$doc])* $name = $value,)*
        }

        impl ErrorCode {
            /// Every code, in wire order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code with this wire value.
            pub const fn from_wire(value: i32) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The server failed in a way that has no other code.
    SystemError = -1,
    /// In a failed multi: an operation after the one that failed.
    RuntimeInconsistency = -2,
    /// Data that contradicts itself.
    DataInconsistency = -3,
    /// Client side: the connection broke.
    ConnectionLoss = -4,
    /// The request's bytes are no record of its type.
    MarshallingError = -5,
    /// The operation does not exist here.
    Unimplemented = -6,
    /// Client side: no answer in time.
    OperationTimeout = -7,
    /// An argument has no allowed value.
    BadArguments = -8,
    /// Server internal: no such session.
    UnknownSession = -12,
    /// Too few servers of the new configuration are in sync.
    NewConfigNoQuorum = -13,
    /// Another reconfiguration is under way.
    ReconfigInProgress = -14,
    /// Boundary of the API errors.
    ApiError = -100,
    /// The znode does not exist.
    NoNode = -101,
    /// The ACL does not allow it.
    NoAuth = -102,
    /// The version given is not the current one.
    BadVersion = -103,
    /// An ephemeral znode cannot have children.
    NoChildrenForEphemerals = -108,
    /// The znode exists already.
    NodeExists = -110,
    /// The znode has children.
    NotEmpty = -111,
    /// The session is over.
    SessionExpired = -112,
    /// Client side: unknown callback.
    InvalidCallback = -113,
    /// The ACL given is empty, or an entry is not valid.
    InvalidAcl = -114,
    /// Authentication failed.
    AuthFailed = -115,
    /// The session is owned by another server.
    SessionMoved = -118,
    /// The server is read-only and the request is not.
    NotReadOnly = -119,
    /// A local session cannot own ephemerals.
    EphemeralOnLocalSession = -120,
    /// No such watch.
    NoWatcher = -121,
    /// Client side: the request took too long.
    RequestTimeout = -122,
    /// `reconfigEnabled` is false.
    ReconfigDisabled = -123,
    /// The connection has to authenticate first.
    SessionClosedRequireAuth = -124,
    /// A hard quota would be exceeded.
    QuotaExceeded = -125,
    /// The server is overloaded and did not run the request.
    ThrottledOp = -127,
}

impl ErrorCode {
    /// Its wire value.
    pub const fn to_wire(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.to_wire())
    }
}
