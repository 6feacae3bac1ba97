//! How many places one address holds, so that nobody holds all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Places, counted by address. An address that holds none is not remembered.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that is held until this is dropped.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    address: IpAddr,
    number: usize,
}

impl Crowd {
    /// Places of which one address may hold `most` at once.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// A place for an address, unless it holds as many as it may.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&address).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        held.insert(address, count + 1);
        Some(Seat { crowd: Arc::clone(self), address, number: count + 1 })
    }
}

impl Seat {
    /// How many places the address held when it got this one, this one included.
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.crowd.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_so_many_places_and_no_more_whatever_others_do() {
        let crowd = Crowd::new(2);
        let (one, other) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([192, 0, 2, 8]));
        let first = crowd.enter(one).unwrap();
        let second = crowd.enter("::ffff:192.0.2.7".parse().unwrap()).unwrap();
        assert_eq!((first.number(), second.number()), (1, 2));
        assert!(crowd.enter(one).is_none());
        let theirs = crowd.enter(other);
        assert!(theirs.is_some());
        drop(first);
        let third = crowd.enter(one);
        assert!(third.is_some());
        drop((second, third, theirs));
        assert!(crowd.held.lock().unwrap().is_empty(), "who holds none is forgotten");
    }
}
