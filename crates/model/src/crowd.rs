//! How many places one address holds, so that nobody holds all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts slots in use by IP address. Addresses without slots are not stored.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// A slot, released on drop.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    address: IpAddr,
    number: usize,
}

impl Crowd {
    /// Slots, of which one address may hold `most` at a time.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Takes a slot for an address, unless it already holds the maximum.
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
    /// How many slots the address held when it got this one, including this one.
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
