//! Ensembles of `Zab`s in a small deterministic world.

#[cfg(test)]
mod apache_leader;
#[cfg(test)]
mod paper;
#[cfg(test)]
mod random;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod world;
