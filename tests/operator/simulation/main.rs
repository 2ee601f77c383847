//! The operator in a simulated cluster: the real controller against an API server in this process, everything
//! that can go wrong drawn from a seed, on virtual time. A seed gives the same run again.
//!
//! `store`, `write`, `delete`, `pod`, `patch` are the API server's rules; `server`, `request`, `answer`, `watch` its
//! HTTP; `network` what goes wrong on the way; `cluster` and the files beside it everybody else who acts;
//! `oracle` and `verdict` judge.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answer;
mod clock;
mod cluster;
mod cluster_tests;
mod cron_oracle;
mod delete;
mod garbage;
mod kubelet;
mod kubelet_status;
mod namespaces;
mod network;
mod nodes;
mod oracle;
mod patch;
mod people;
mod pod;
mod random;
mod refusal;
mod regressions;
mod replica;
mod request;
mod resource;
mod run;
mod scenario;
mod scheduler;
mod selector;
mod server;
mod server_tests;
mod simulate;
mod store;
mod verdict;
mod watch;
mod world;
mod write;
