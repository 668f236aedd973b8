//! The operations of the client protocol.

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// What a request header's type names. Values are the wire's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum OpCode {
            $($(#[$doc])* $name = $value,)*
        }

        impl OpCode {
            /// Every operation, in wire order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The operation with this wire value.
            #[inline]
            pub const fn from_wire(value: i32) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

ops! {
    /// End a session.
    CloseSession = -11,
    /// Open a session; internal, never a client's request.
    CreateSession = -10,
    /// A failed transaction; internal.
    Error = -1,
    /// Create a znode.
    Create = 1,
    /// Delete a znode.
    Delete = 2,
    /// Stat of a znode.
    Exists = 3,
    /// Data and stat.
    GetData = 4,
    /// Replace the data.
    SetData = 5,
    /// ACL and stat.
    GetAcl = 6,
    /// Replace the ACL.
    SetAcl = 7,
    /// Names of the children.
    GetChildren = 8,
    /// Catch up with the leader.
    Sync = 9,
    /// Keep the session alive.
    Ping = 11,
    /// Names of the children and stat.
    GetChildren2 = 12,
    /// Compare a version; inside a multi only.
    Check = 13,
    /// Several writes, all or none.
    Multi = 14,
    /// Create a znode and return its stat.
    Create2 = 15,
    /// Change the ensemble.
    Reconfig = 16,
    /// Is a watch set?
    CheckWatches = 17,
    /// Remove watches.
    RemoveWatches = 18,
    /// Create a container.
    CreateContainer = 19,
    /// Delete an empty container; internal.
    DeleteContainer = 20,
    /// Create a znode that goes when idle.
    CreateTtl = 21,
    /// Several reads in one request.
    MultiRead = 22,
    /// Add an identity to the connection.
    Auth = 100,
    /// Register watches again after a reconnect.
    SetWatches = 101,
    /// A step of SASL.
    Sasl = 102,
    /// The session's ephemerals under a prefix.
    GetEphemerals = 103,
    /// Number of descendants.
    GetAllChildrenNumber = 104,
    /// As [`OpCode::SetWatches`], persistent ones too.
    SetWatches2 = 105,
    /// Set a persistent watch.
    AddWatch = 106,
    /// The connection's identities.
    WhoAmI = 107,
}

impl OpCode {
    /// Its wire value.
    pub const fn to_wire(self) -> i32 {
        self as i32
    }

    /// Whether a client's request of this type changes the replicated state, and so goes through
    /// the leader.
    pub const fn is_write(self) -> bool {
        match self {
            Self::CloseSession
            | Self::Create
            | Self::Delete
            | Self::SetData
            | Self::SetAcl
            | Self::Multi
            | Self::Create2
            | Self::Reconfig
            | Self::CreateContainer
            | Self::CreateTtl => true,
            Self::CreateSession
            | Self::Error
            | Self::Exists
            | Self::GetData
            | Self::GetAcl
            | Self::GetChildren
            | Self::Sync
            | Self::Ping
            | Self::GetChildren2
            | Self::Check
            | Self::CheckWatches
            | Self::RemoveWatches
            | Self::DeleteContainer
            | Self::MultiRead
            | Self::Auth
            | Self::SetWatches
            | Self::Sasl
            | Self::GetEphemerals
            | Self::GetAllChildrenNumber
            | Self::SetWatches2
            | Self::AddWatch
            | Self::WhoAmI => false,
        }
    }
}
