//! A table whose keys outlive its entries: a key of something that is gone finds nothing, never a successor.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A place in a [`Slab`], and which of its successive tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

#[derive(Clone, Debug, Hash)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// Values by key. Free places are used again, last freed first, so the order is a function of the history alone.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    /// The key that the next `insert` will give.
    pub(crate) fn vacant(&self) -> Key {
        let index = self.free.last().copied().unwrap_or_else(|| next_index(self.entries.len()));
        Key { index, generation: self.entries.get(index as usize).map_or(0, |entry| entry.generation) }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        match self.free.pop() {
            Some(index) => {
                let entry = &mut self.entries[index as usize];
                entry.value = Some(value);
                Key { index, generation: entry.generation }
            }
            None => {
                let index = next_index(self.entries.len());
                self.entries.push(Entry { generation: 0, value: Some(value) });
                Key { index, generation: 0 }
            }
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.get_mut(key.index as usize)?.tenant(key)
    }

    /// Two entries at a time. They are different ones, or there is no second.
    pub(crate) fn get_pair_mut(
        &mut self,
        first: Key,
        second: Option<Key>,
    ) -> (Option<&mut T>, Option<&mut T>) {
        let Some(second) = second else { return (self.get_mut(first), None) };
        match self.entries.get_disjoint_mut([first.index as usize, second.index as usize]) {
            Ok([one, two]) => (one.tenant(first), two.tenant(second)),
            Err(_) => (None, None),
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    /// All live entries, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0u32..).zip(&self.entries).filter_map(|(index, entry)| {
            entry.value.as_ref().map(|value| (Key { index, generation: entry.generation }, value))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

impl<T> Entry<T> {
    fn tenant(&mut self, key: Key) -> Option<&mut T> {
        if self.generation == key.generation { self.value.as_mut() } else { None }
    }
}

/// A table of more than 2³² connections would need more memory than its entries could be counted in.
fn next_index(len: usize) -> u32 {
    u32::try_from(len).expect("fewer than 2^32 connections")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_removed_entry_never_finds_its_successor() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(second.index, first.index);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
    }

    #[test]
    fn two_entries_at_a_time_are_two_different_ones() {
        let mut slab = Slab::new();
        let (one, two) = (slab.insert("one"), slab.insert("two"));
        assert_eq!(slab.get_pair_mut(one, Some(two)), (Some(&mut "one"), Some(&mut "two")));
        assert_eq!(slab.get_pair_mut(two, None), (Some(&mut "two"), None));
        assert_eq!(slab.get_pair_mut(one, Some(one)), (None, None));
        slab.remove(two);
        assert_eq!(slab.get_pair_mut(one, Some(two)), (Some(&mut "one"), None));
    }

    #[test]
    fn the_vacant_key_is_the_one_that_insert_gives() {
        let mut slab = Slab::new();
        for _ in 0..3 {
            let promised = slab.vacant();
            assert_eq!(slab.insert(()), promised);
        }
        slab.remove(Key { index: 1, generation: 0 });
        let promised = slab.vacant();
        assert_eq!(slab.insert(()), promised);
        assert_eq!(slab.len(), 3);
    }
}
