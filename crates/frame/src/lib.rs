//! What every room shares: what a room is ([`Room`]), what it gets ([`Frame`]), and those that run ([`Rooms`]).
//!
//! A room is a part of the product that can be left out: the proxy, the console, the export of events. It says what its settings
//! are, what it tells, what it offers about an incident and what its page in the console is called; whoever serves starts it and
//! stops it. No room knows another one.

mod error;
mod frame;
mod metrics;
mod room;
mod rooms;
mod tasks;
mod view;

pub use error::RoomError;
pub use frame::{Frame, Journal};
pub use metrics::{Family, Measured};
pub use room::{Health, Page, Pending, Room, Running};
pub use rooms::{Rooms, Started};
pub use tasks::Tasks;
pub use view::{Section, View};
