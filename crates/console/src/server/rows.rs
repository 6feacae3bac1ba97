//! Rows of the tables of addresses, made of handlers. Who may come to an address is what the arguments of its handler say: one that asks
//! for nobody makes no row but as open, which says why.

use super::attack::Reader;
use super::parts::Part;
use super::session::{Allowed, Permission, Signed, SignedIn};
use super::{Console, MOST_FORM};
use axum::extract::{FromRequestParts, State};
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use std::borrow::Cow;
use std::sync::Arc;

/// Who may send a form, or ask for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Whoever knows what this says: there is no session yet, or there need not be one.
    Anybody(&'static str),
    /// Whoever may read the library: anybody, or where that is not open to all, whoever is signed in. Changes nothing.
    Reader,
    /// Whoever is signed in, about what is their own.
    SignedIn,
    /// Whoever has one of these permissions, actions of `policies/console.cedarschema`.
    May(&'static [&'static str]),
}

/// Path, who may ask for it, handler.
pub(super) type Page = (Cow<'static, str>, Sender, MethodRouter<Arc<Console>>);
/// Path, sender, bytes, handler.
pub(super) type Form = (&'static str, Sender, usize, MethodRouter<Arc<Console>>);

/// Whom a handler of people's pages and forms has in hand once it runs.
pub(super) trait Asking {
    /// Who that may be.
    const SENDER: Sender;
}

impl<P: Permission> Asking for Allowed<P> {
    const SENDER: Sender = Sender::May(P::ANY);
}

impl Asking for SignedIn {
    const SENDER: Sender = Sender::SignedIn;
}

impl Asking for Reader {
    const SENDER: Sender = Sender::Reader;
}

/// A program that a handler has in hand once it runs: it sent a token, or needs none. Never whoever has a cookie, which a browser
/// would send along by itself.
pub(super) trait Program {}

/// The arguments of a handler that was asked by somebody: a part of the console, who asks, and what else the head of what they sent
/// says. Nothing that is sent by a form: the secret of a session does not belong into an address, and a page changes nothing.
pub(super) trait Asked {
    /// Who may ask.
    const SENDER: Sender;
}

/// The arguments of a handler that takes a form: the same, and last what a page of the session sent.
pub(super) trait Sent {
    /// Who may send it.
    const SENDER: Sender;
}

/// The arguments of a handler that answers a program: a part of the console, the program, and what else it says.
pub(super) trait Called {}

/// The arguments of a handler that takes what readers of the library send, who need no session.
pub(super) trait Read {}

impl<M, S: Part, A, B> Read for (M, State<S>, Reader, A, B) {}

// `M` is what axum tells handlers by whose last argument takes the body.
macro_rules! arguments {
    ($($more:ident),*) => {
        impl<M, S: Part, W: Asking, $($more: FromRequestParts<Arc<Console>>),*> Asked for (M, State<S>, W, $($more,)*) {
            const SENDER: Sender = W::SENDER;
        }

        impl<M, S: Part, W: Program, $($more),*> Called for (M, State<S>, W, $($more,)*) {}

        impl<M, S: Part, W: Asking, F, $($more),*> Sent for (M, State<S>, W, $($more,)* Signed<F>) {
            const SENDER: Sender = W::SENDER;
        }
    };
}

arguments!();
arguments!(A);
arguments!(A, B);
arguments!(A, B, C);

/// A page for whoever its handler asks for.
pub(super) fn page<H, T>(path: impl Into<Cow<'static, str>>, handler: H) -> Page
where
    H: Handler<T, Arc<Console>>,
    T: Asked + 'static,
{
    (path.into(), T::SENDER, routing::get(handler))
}

/// A page for anybody, and why it is.
pub(super) fn open_page<H, T>(path: impl Into<Cow<'static, str>>, why: &'static str, handler: H) -> Page
where
    H: Handler<T, Arc<Console>>,
    T: 'static,
{
    (path.into(), Sender::Anybody(why), routing::get(handler))
}

/// A form for whoever its handler asks for.
pub(super) fn form<H, T>(path: &'static str, handler: H) -> Form
where
    H: Handler<T, Arc<Console>>,
    T: Sent + 'static,
{
    large_form(path, MOST_FORM, handler)
}

/// The same with another number of bytes.
pub(super) fn large_form<H, T>(path: &'static str, most: usize, handler: H) -> Form
where
    H: Handler<T, Arc<Console>>,
    T: Sent + 'static,
{
    (path, T::SENDER, most, routing::post(handler))
}

/// A form that changes nothing, for readers of the library.
pub(super) fn reader_form<H, T>(path: &'static str, most: usize, handler: H) -> Form
where
    H: Handler<T, Arc<Console>>,
    T: Read + 'static,
{
    (path, Sender::Reader, most, routing::post(handler))
}

/// A form that anybody may send, and what they have to know.
pub(super) fn open_form<H, T>(path: &'static str, why: &'static str, handler: H) -> Form
where
    H: Handler<T, Arc<Console>>,
    T: 'static,
{
    (path, Sender::Anybody(why), MOST_FORM, routing::post(handler))
}

/// What answers programs, by the method that they use.
macro_rules! for_programs {
    ($($(#[$meta:meta])* $method:ident;)*) => {
        $($(#[$meta])*
        pub(super) fn $method<H, T>(handler: H) -> MethodRouter<Arc<Console>>
        where
            H: Handler<T, Arc<Console>>,
            T: Called + 'static,
        {
            routing::$method(handler)
        })*
    };
}

for_programs! {
    /// What answers programs that ask (GET).
    get;
    /// What takes something from programs (POST).
    post;
    /// The same for what takes the place of something (PUT).
    put;
}

/// What anybody may ask for.
pub(super) fn open_get<H, T>(handler: H) -> MethodRouter<Arc<Console>>
where
    H: Handler<T, Arc<Console>>,
    T: 'static,
{
    routing::get(handler)
}
