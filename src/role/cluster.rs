//! What the command line does with the cluster engine.

#[cfg(feature = "cluster")]
pub use with::{migrate, open, rebuild, verify};
#[cfg(not(feature = "cluster"))]
pub use without::{migrate, open, rebuild, verify};

#[cfg(feature = "cluster")]
mod with {
    use std::sync::Arc;

    use crate::app::Watchers;
    use crate::config::Config;
    use crate::engine::Engine;
    use crate::engine::SCHEMA;
    use crate::engine::cluster::search::Access;
    use crate::engine::cluster::{self, Cluster, SearchEndpoint, Settings, cql, kafka};
    use crate::role::Failure;
    use crate::role::output::print;

    fn settings(config: &Config) -> Settings {
        Settings {
            kafka: kafka::Settings {
                brokers: config.kafka.clone(),
                options: config.kafka_options.clone(),
                prefix: config.topic_prefix.clone(),
                partitions: config.partitions,
                replication: config.replication,
                min_insync: config.min_insync,
                generation: config.generation,
            },
            cql: cql::Settings {
                hosts: config.cql.clone(),
                user: config.cql_user.clone(),
                password: config.cql_password.clone(),
                tls: config.cql_tls || config.cql_ca.is_some(),
                ca: config.cql_ca.clone(),
                keyspace: config.keyspace.clone(),
                replication: config.replication,
                schema: &SCHEMA,
                clock: crate::app::clock::now,
            },
            search: config.search.clone().map(|url| SearchEndpoint {
                url,
                access: Access {
                    user: config.search_user.clone(),
                    password: config.search_password.clone(),
                    ca: config.search_ca.clone(),
                },
            }),
        }
    }

    /// Joins the cluster, having made what is missing.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn open(
        config: &Config,
        watchers: Arc<Watchers>,
        projects: bool,
    ) -> Result<Arc<dyn Engine>, Failure> {
        let settings = settings(config);
        cluster::migrate(&settings).await?;
        Ok(Arc::new(Cluster::open(&settings, watchers, projects).await?))
    }

    /// Makes topics, keyspace and tables where they are missing.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn migrate(config: &Config) -> Result<(), Failure> {
        cluster::migrate(&settings(config)).await?;
        print(format_args!(
            "topics {}.*, keyspace {}: as they should be",
            config.topic_prefix, config.keyspace
        ))
    }

    /// Fills a second keyspace.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn rebuild(config: &Config, into: String) -> Result<(), Failure> {
        let events = cluster::rebuild(&settings(config), &into).await?;
        print(format_args!("keyspace {into} is filled from {events} events and equals the log"))
    }

    /// Compares the views with the log.
    ///
    /// # Errors
    /// As the engine's, and the first difference.
    pub async fn verify(config: &Config) -> Result<(), Failure> {
        let (events, difference) = cluster::verify(&settings(config)).await?;
        match difference {
            None => print(format_args!(
                "the views of keyspace {} equal their {events} events",
                config.keyspace
            )),
            Some(difference) => Err(format!("the views differ: {difference}").into()),
        }
    }
}

#[cfg(not(feature = "cluster"))]
mod without {
    use std::sync::Arc;

    use crate::app::Watchers;
    use crate::config::Config;
    use crate::engine::Engine;
    use crate::role::Failure;

    fn refuse<T>() -> Result<T, Failure> {
        Err("this binary was built without the cluster engine".into())
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn open(_: &Config, _: Arc<Watchers>, _: bool) -> Result<Arc<dyn Engine>, Failure> {
        refuse()
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn migrate(_: &Config) -> Result<(), Failure> {
        refuse()
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn rebuild(_: &Config, _: String) -> Result<(), Failure> {
        refuse()
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn verify(_: &Config) -> Result<(), Failure> {
        refuse()
    }
}
